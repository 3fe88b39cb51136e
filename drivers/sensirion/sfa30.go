package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// SFA30 reads one SFA30 on an I2C bus. The part measures on its own, twice a
// second, until it loses power: then it refuses to be read, and is started again.
// What it says in the two minutes after a start, its time to respond, is marked
// as warm-up, and that there is no formaldehyde at all in the first ten seconds
// is not told.
var SFA30 = drivers.New(drivers.Info{
	Name:      "sfa30",
	Summary:   "Sensirion SFA30: formaldehyde, air temperature and humidity (I2C)",
	Datasheet: "https://sensirion.com/media/documents/DEB1C6D6/63D92360/Sensirion_formaldehyde_sensors_datasheet_SFA30.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Formaldehyde, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.AirTemperature, Resolution: 1, Class: agent.Telemetry},
	},
}, SFA30Settings{drivers.I2C{Address: 0x5d}}, openSFA30, simulateSFA30)

// SFA30Settings are the keys of a sensor with driver = "sfa30".
type SFA30Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s SFA30Settings) Validate() error { return s.CheckAddress(0x5d) }

// Commands, how long they take at most, and what the part can say (datasheet,
// sections 3.3 and 1).
const (
	sfa30Start   = 0x0006
	sfa30Read    = 0x0327
	sfa30Stop    = 0x0104
	sfa30Marking = 0xd060

	sfa30Time     = 5 * time.Millisecond
	sfa30StopTime = 50 * time.Millisecond
	sfa30First    = 600 * time.Millisecond // from the start to a measurement
	sfa30Most     = 1000                   // ppb: the specified range ends here
	sfa30Absurd   = 6553                   // no part can say more
	sfa30WarmUp   = 2 * time.Minute
	sfa30Blind    = 10 * time.Second
)

type sfa30 struct {
	device
	ready   bool // initialised since the last error
	started time.Time
}

func openSFA30(host drivers.Host, s SFA30Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sfa30{device: device{Dev: dev}}, err
}

// Observe implements agent.Sensor.
func (s *sfa30) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	var w [3]uint16
	err := s.ask(ctx, sfa30Read, sfa30Time, w[:])
	if err == nil {
		into, err = sfa30Results(into, w, time.Since(s.started))
	}
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The part goes on: the next start has its values
// at once.
func (s *sfa30) Close() error { return nil }

// initialise makes sure of the part and starts it. One that measures refuses to
// be started.
func (s *sfa30) initialise(ctx context.Context) error {
	if err := s.tell(ctx, sfa30Stop, sfa30StopTime); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	var marking [16]uint16
	if err := s.ask(ctx, sfa30Marking, sfa30Time, marking[:]); err != nil {
		return fmt.Errorf("read marking: %w", err)
	}
	if !isMarking(text(marking[:])) {
		return fmt.Errorf("%w: marked % x", drivers.ErrIdentity, marking)
	}
	if err := s.tell(ctx, sfa30Start, sfa30Time); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	s.started = time.Now()
	return drivers.Wait(ctx, sfa30First)
}

// isMarking tells whether a text is printed on a part: there is one, in ASCII.
func isMarking(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// sfa30Results appends what a measurement says, all or none.
func sfa30Results(into []agent.Result, w [3]uint16, age time.Duration) ([]agent.Result, error) {
	for i, p := range []agent.Property{agent.Formaldehyde, agent.RelativeHumidity, agent.AirTemperature} {
		if w[i] == sen5xNone {
			return into, fmt.Errorf("%s: %w", p.Name, drivers.ErrNoReading)
		}
	}
	ppb, rh, t := float64(int16(w[0]))/5, float64(int16(w[1]))/100, float64(int16(w[2]))/200
	if err := drivers.Within(ppb, 0, sfa30Absurd); err != nil {
		return into, fmt.Errorf("formaldehyde: %w", err)
	}
	if err := drivers.Within(rh, 0, 100); err != nil {
		return into, fmt.Errorf("humidity: %w", err)
	}
	if err := checkTemperature(t); err != nil {
		return into, err
	}
	var q agent.Quality
	if age < sfa30WarmUp {
		q |= agent.WarmUp
	}
	if ppb > sfa30Most {
		q |= agent.OutOfRange
	}
	if ppb > 0 || age >= sfa30Blind {
		into = append(into, agent.Result{Property: agent.Formaldehyde, Value: ppb, Quality: q})
	}
	return append(into,
		agent.Result{Property: agent.RelativeHumidity, Value: rh},
		agent.Result{Property: agent.AirTemperature, Value: t},
	), nil
}

// simulateSFA30 puts a part on the bus that feels the simulated air.
func simulateSFA30(host *sim.Host, s SFA30Settings) { s.Simulate(host, newSFA30()) }

// newSFA30 returns a part that was not started.
func newSFA30() *part {
	var measures bool
	return newPart(50*time.Millisecond, func() { measures = false }, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		const busy = 2 * time.Millisecond
		switch {
		case len(args) != 0:
		case code == sfa30Stop:
			measures = false
			return nil, sfa30StopTime, true
		case code == sfa30Marking && !measures:
			return append([]uint16{0x3030, 0x3044, 0x4145, 0x4232}, make([]uint16, 12)...), busy, true
		case code == sfa30Start && !measures:
			measures = true
			return nil, busy, true
		case code == sfa30Read && measures:
			return append(into,
				uint16(5*sim.Wave(9, 4, 24*time.Hour)), uint16(100*sim.RelativeHumidity()), uint16(int16(200*sim.AirTemperature())),
			), busy, true
		}
		return nil, 0, false
	})
}
