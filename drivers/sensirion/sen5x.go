package sensirion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// SEN5x reads one SEN50, SEN54 or SEN55 on an I2C bus. The part measures on its
// own, every second, until it loses power: then it is never ready, and is
// started again. One that measures is left alone: its indices are of the air of the
// last day. What it says of particles in the half minute after a start is marked as
// warm-up, its indices in their first hours.
var SEN5x = drivers.New(drivers.Info{
	Name:      "sen5x",
	Summary:   "Sensirion SEN50, SEN54, SEN55: particulate matter, climate, VOC and NOx (I2C)",
	Datasheet: "https://sensirion.com/media/documents/6791EFA0/62A1F68F/Sensirion_Datasheet_Environmental_Node_SEN5x.pdf",
	Observes:  SEN5xSettings{Model: "sen55"}.Observes(),
}, SEN5xSettings{I2C: drivers.I2C{Address: 0x69}, Model: "sen54"}, openSEN5x, simulateSEN5x)

// SEN5xSettings are the keys of a sensor with driver = "sen5x".
type SEN5xSettings struct {
	drivers.I2C
	Model string `doc:"what is printed on the part: sen50 (particles only), sen54 (also climate and VOC), sen55 (also NOx)"`
}

// sen5xFields says what follows the four masses in a frame: which words, how
// much a step is, and how many of them each model fills.
var (
	sen5xFields = [4]struct {
		drivers.Observable
		steps           float64 // of the value's unit
		lowest, highest float64
	}{
		{drivers.Observable{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry}, 100, 0, 100},
		{drivers.Observable{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry}, 200, -40, 125},
		{drivers.Observable{Property: agent.VOCIndex, Resolution: 1, Class: agent.Telemetry}, 10, 1, 500},
		{drivers.Observable{Property: agent.NOxIndex, Resolution: 1, Class: agent.Telemetry}, 10, 1, 500},
	}
	sen5xModels = map[string]int{"sen50": 0, "sen54": 3, "sen55": 4}
)

// Validate rejects addresses the part is not made with, and models there are not.
func (s SEN5xSettings) Validate() error {
	var err error
	if _, ok := sen5xModels[s.Model]; !ok {
		err = fmt.Errorf("model = %q: want sen50, sen54 or sen55", s.Model)
	}
	return errors.Join(err, s.CheckAddress(0x69))
}

// Observes tells what the model observes.
func (s SEN5xSettings) Observes() []drivers.Observable {
	all := slices.Clone(massObserves)
	for _, f := range sen5xFields[:sen5xModels[s.Model]] {
		all = append(all, f.Observable)
	}
	return all
}

// Commands, how long they take at most (datasheet, section 6.1), and the words
// that stand for no value (section 6.1.5).
const (
	sen5xStart = 0x0021
	sen5xRead  = 0x03c4
	sen5xName  = 0xd014

	sen5xTime      = 20 * time.Millisecond
	sen5xStartTime = 50 * time.Millisecond
	sen5xNameTime  = 50 * time.Millisecond
	sen5xResetTime = 200 * time.Millisecond
	sen5xNoNOx     = 12 * time.Second // after a start; the datasheet says 10 to 11
	sen5xNoMass    = 0xffff
	sen5xNone      = math.MaxInt16

	sen5xGasFaults     = 1 << 7 // in the status
	sen5xClimateFaults = 1 << 6
)

var sen5xPoll = poll{particleReady, sen5xTime, 1, 200 * time.Millisecond, 3 * time.Second}

type sen5x struct {
	device
	run
	model  string
	fields int  // how many of sen5xFields it fills
	ready  bool // initialised since the last error
}

func openSEN5x(host drivers.Host, s SEN5xSettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sen5x{device: device{Dev: dev}, model: s.Model, fields: sen5xModels[s.Model]}, err
}

// Observe implements agent.Sensor. It returns what there is also when a value
// is missing. The part is not started again for that: its other values would
// have to warm up, and its index of VOC to learn the air anew.
func (s *sen5x) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			s.failed(err)
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	var w [8]uint16
	status, err := s.measure(ctx, w[:])
	var results []agent.Result
	if err == nil {
		results, err = particleMasses(w[:], s.warmUp())
	}
	if err != nil {
		s.ready = false
		s.failed(err)
		return into, fmt.Errorf("measure: %w", err)
	}
	s.faults = 0
	results, err = s.climate(w[:], results)
	for i, r := range results {
		if status&sen5xFaults(r.Property) != 0 {
			results[i].Quality |= agent.Degraded
		}
		results[i].Quality |= learning(r.Property, time.Since(s.started))
	}
	return append(into, results...), err
}

// What the indices take until they are as specified, as those of a SGP41 do.
const (
	learnsVOC = time.Hour
	learnsNOx = 6 * time.Hour
)

// learning marks an index of a part of that age that does not know the air yet.
func learning(p agent.Property, age time.Duration) agent.Quality {
	if p == agent.VOCIndex && age < learnsVOC || p == agent.NOxIndex && age < learnsNOx {
		return agent.WarmUp
	}
	return 0
}

// sen5xFaults returns the bits of the status that concern a property.
func sen5xFaults(p agent.Property) uint32 {
	switch p {
	case agent.VOCIndex, agent.NOxIndex:
		return sen5xGasFaults
	case agent.AirTemperature, agent.RelativeHumidity:
		return sen5xClimateFaults
	}
	return particleFaults
}

// Close implements agent.Sensor. The part goes on: its indices are of the air
// of the last day.
func (s *sen5x) Close() error { return nil }

// initialise makes sure of the part, which shares its address with the SPS30,
// and starts it if it does not measure.
func (s *sen5x) initialise(ctx context.Context) error {
	if err := s.isNamed(ctx, strings.ToUpper(s.model)); err != nil {
		return err
	}
	return s.begin(ctx, sen5xResetTime)
}

// begin starts a node, which takes that long to reset, if it does not measure.
func (s *sen5x) begin(ctx context.Context, reset time.Duration) error {
	on, err := s.goesOn(ctx, s.run, sen5xTime)
	if err != nil {
		return fmt.Errorf("ask whether it measures: %w", err)
	}
	if !on {
		if err := s.start(ctx, reset); err != nil {
			return err
		}
	}
	if !on || s.started.IsZero() { // or another program did, nobody knows when
		s.started = time.Now()
	}
	return nil
}

func (s *sen5x) start(ctx context.Context, reset time.Duration) error {
	if err := s.tell(ctx, particleReset, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := s.tell(ctx, sen5xStart, sen5xStartTime); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// isNamed makes sure of the part.
func (d *device) isNamed(ctx context.Context, want string) error {
	var w [16]uint16
	if err := d.ask(ctx, sen5xName, sen5xNameTime, w[:]); err != nil {
		return fmt.Errorf("read name: %w", err)
	}
	if name := text(w[:]); name != want {
		return fmt.Errorf("%w: the part is named %q, want %q", drivers.ErrIdentity, name, want)
	}
	return nil
}

// measure reads the last measurement and the status.
func (s *sen5x) measure(ctx context.Context, w []uint16) (uint32, error) {
	if err := s.until(ctx, sen5xPoll); err != nil {
		return 0, err
	}
	if err := s.ask(ctx, sen5xRead, sen5xTime, w); err != nil {
		return 0, err
	}
	return s.status(ctx, sen5xTime)
}

// particleMasses returns the masses, all or none: without any the part does not
// measure.
func particleMasses(w []uint16, q agent.Quality) ([]agent.Result, error) {
	results := make([]agent.Result, 0, len(w)) // what follows is appended
	for i, p := range mass {
		if w[i] == sen5xNoMass {
			return nil, fmt.Errorf("%s: %w", p.Name, drivers.ErrNoReading)
		}
		r, err := particleResult(p, float64(w[i])/10, particleMost, q)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// climate appends what follows the masses, and tells what is missing. NOx is
// for the first seconds, which is nobody's fault.
func (s *sen5x) climate(w []uint16, results []agent.Result) ([]agent.Result, error) {
	var missing error
	for i, f := range sen5xFields[:s.fields] {
		v := int16(w[len(mass)+i])
		if v == sen5xNone {
			if f.Property != agent.NOxIndex || time.Since(s.started) > sen5xNoNOx {
				missing = errors.Join(missing, fmt.Errorf("%s: %w", f.Property.Name, drivers.ErrNoReading))
			}
			continue
		}
		value := float64(v) / f.steps
		if err := drivers.Within(value, f.lowest, f.highest); err != nil {
			missing = errors.Join(missing, fmt.Errorf("%s: %w", f.Property.Name, err))
			continue
		}
		results = append(results, agent.Result{Property: f.Property, Value: value})
	}
	return results, missing
}

// text returns the text in words, up to the first byte 0.
func text(w []uint16) string {
	var b []byte
	for _, x := range w {
		b = append(b, byte(x>>8), byte(x))
	}
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
