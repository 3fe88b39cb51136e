package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// SPS30 reads one SPS30 on an I2C bus. The part measures on its own, every
// second, until it loses power: then it is never ready, and is started again. One
// that measures is left alone. What it says in the half minute after a start is
// marked as warm-up. Once a week it cleans its fan and gives nothing for ten seconds.
var SPS30 = drivers.New(drivers.Info{
	Name:      "sps30",
	Summary:   "Sensirion SPS30: particulate matter, PM1 to PM10 (I2C)",
	Datasheet: "https://sensirion.com/media/documents/8600FF88/64A3B8D6/Sensirion_PM_Sensors_Datasheet_SPS30.pdf",
	Observes:  SPS30Settings{Counts: true}.Observes(),
}, SPS30Settings{I2C: drivers.I2C{Address: 0x69}}, openSPS30, simulateSPS30)

// SPS30Settings are the keys of a sensor with driver = "sps30".
type SPS30Settings struct {
	drivers.I2C
	Counts bool `doc:"also the number of particles in a cubic centimetre, and their typical size"`
}

// Validate rejects addresses the part is not made with.
func (s SPS30Settings) Validate() error { return s.CheckAddress(0x69) }

// counts are the properties of the five values that follow the masses.
var counts = [5]agent.Property{agent.Particles05, agent.Particles1, agent.Particles25, agent.Particles4, agent.Particles10}

// Observes tells that there are no counts unless they are asked for.
func (s SPS30Settings) Observes() []drivers.Observable {
	all := massObserves[:len(massObserves):len(massObserves)]
	if !s.Counts {
		return all
	}
	for _, p := range counts {
		all = append(all, drivers.Observable{Property: p, Resolution: 1, Class: agent.Telemetry})
	}
	return append(all, drivers.Observable{Property: agent.TypicalParticleSize, Resolution: 2, Class: agent.Telemetry})
}

// Commands, and how long they take at most (datasheet, section 6).
const (
	sps30Start   = 0x0010
	sps30Floats  = 0x0300 // argument of the start: big-endian floats
	sps30Read    = 0x0300
	sps30Type    = 0xd002
	sps30Version = 0xd100

	sps30Time      = 6 * time.Millisecond // 5 ms
	sps30StartTime = 20 * time.Millisecond
	sps30ResetTime = 100 * time.Millisecond
	sps30HasStatus = 0x0202 // since this firmware, 2.2, there is a status
)

// sps30Product is the type "00080000" in words.
var sps30Product = [4]uint16{0x3030, 0x3038, 0x3030, 0x3030}

var sps30Poll = poll{particleReady, sps30Time, 1, 200 * time.Millisecond, 3 * time.Second}

type sps30 struct {
	device
	run
	counts    bool
	ready     bool // initialised since the last error
	hasStatus bool
}

func openSPS30(host drivers.Host, s SPS30Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sps30{device: device{Dev: dev}, counts: s.Counts}, err
}

// Observe implements agent.Sensor.
func (s *sps30) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			s.failed(err)
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	results, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		s.failed(err)
		return into, fmt.Errorf("measure: %w", err)
	}
	s.faults = 0
	return append(into, results...), nil
}

// Close implements agent.Sensor. The fan goes on: it is not known how long the
// agent is away, and a fan that stands lets dust settle.
func (s *sps30) Close() error { return nil }

// initialise makes sure of the part, which shares its address with the SEN5x,
// and starts it if it does not measure.
func (s *sps30) initialise(ctx context.Context) error {
	var product [4]uint16
	if err := s.ask(ctx, sps30Type, sps30Time, product[:]); err != nil {
		return fmt.Errorf("read type: %w", err)
	}
	if product != sps30Product {
		return fmt.Errorf("%w: type %04x", drivers.ErrIdentity, product)
	}
	version, err := s.word(ctx, sps30Version, sps30Time)
	if err != nil {
		return fmt.Errorf("read firmware version: %w", err)
	}
	s.hasStatus = version >= sps30HasStatus
	on, err := s.goesOn(ctx, s.run, sps30Time)
	if err != nil {
		return fmt.Errorf("ask whether it measures: %w", err)
	}
	if !on {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	if !on || s.started.IsZero() { // or another program did, nobody knows when
		s.started = time.Now()
	}
	return nil
}

func (s *sps30) start(ctx context.Context) error {
	if err := s.tell(ctx, particleReset, sps30ResetTime); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := s.tell(ctx, sps30Start, sps30StartTime, sps30Floats); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// measure returns the results of the last measurement, all or none.
func (s *sps30) measure(ctx context.Context) ([]agent.Result, error) {
	if err := s.until(ctx, sps30Poll); err != nil {
		return nil, err
	}
	var w [20]uint16
	if err := s.ask(ctx, sps30Read, sps30Time, w[:]); err != nil {
		return nil, err
	}
	q := s.warmUp()
	if s.hasStatus {
		status, err := s.status(ctx, sps30Time)
		if err != nil {
			return nil, err
		}
		if status&particleFaults != 0 {
			q |= agent.Degraded
		}
	}
	return s.convert(w, q)
}

// convert makes results of a frame. A typical size of 0 is what a part says
// that does not measure; no mass but a size, what one with a worn laser does
// (Sensirion/embedded-sps issue 57, arduino-avr-legacy-i2c-sps30 issue 14).
func (s *sps30) convert(w [20]uint16, q agent.Quality) ([]agent.Result, error) {
	size := float(w[18:])
	if size == 0 {
		return nil, fmt.Errorf("%w: typical size 0", drivers.ErrNoReading)
	}
	if float(w[0:]) == 0 && float(w[6:]) == 0 {
		q |= agent.Suspect
	}
	var results []agent.Result
	for i, p := range mass {
		r, err := particleResult(p, float(w[2*i:]), particleMost, q)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	if !s.counts {
		return results, nil
	}
	for i, p := range counts {
		r, err := particleResult(p, float(w[8+2*i:]), particleNumbers, q)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	r, err := particleResult(agent.TypicalParticleSize, size, 10, q)
	if err != nil {
		return nil, err
	}
	return append(results, r), nil
}

// simulateSPS30 puts a part on the bus that feels the simulated air.
func simulateSPS30(host *sim.Host, s SPS30Settings) { s.Simulate(host, newSPS30()) }

// newSPS30 returns a part that another program left measuring.
func newSPS30() *part {
	var measures bool
	var since time.Time // when it began to measure
	var taken int       // how many measurements were read or are over
	count := func() int { return int(time.Since(since) / time.Second) }
	p := newPart(50*time.Millisecond, func() { measures = false }, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		const busy = 5 * time.Millisecond
		switch {
		case code == particleReset:
			measures = false
			return nil, sps30ResetTime, true
		case code == sps30Type:
			return append(into, sps30Product[:]...), busy, true
		case code == sps30Version:
			return append(into, 0x0203), busy, true
		case code == particleClear:
			return nil, busy, true
		case code == particleStatus:
			return append(into, 0, 0), busy, true
		case code == sps30Start && !measures && len(args) == 1 && args[0] == sps30Floats:
			measures, since, taken = true, time.Now(), 0
			return nil, sps30StartTime, true
		case code == particleReady && measures && count() > taken:
			return append(into, 1), busy, true
		case code == particleReady:
			return append(into, 0), busy, true
		case code == sps30Read && measures:
			taken = count()
			pm := sim.Particles()
			return floats(into, 0.9*pm, pm, 1.1*pm, 1.15*pm, 6*pm, 7*pm, 7.1*pm, 7.12*pm, 7.13*pm, 0.55), busy, true
		case code == sps30Read:
			return append(into, make([]uint16, 20)...), busy, true
		}
		return nil, 0, false
	})
	measures, since = true, time.Now()
	return p
}
