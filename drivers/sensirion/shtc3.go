package sensirion

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// SHTC3 reads one SHTC3 on an I2C bus. The part sleeps between two readings.
// It keeps nothing that a loss of power could take.
var SHTC3 = drivers.New(drivers.Info{
	Name:      "shtc3",
	Summary:   "Sensirion SHTC3: air temperature and humidity (I2C)",
	Datasheet: "https://sensirion.com/media/documents/643F9C8E/63A5A436/Datasheet_SHTC3.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 1, Class: agent.Telemetry},
	},
}, SHTC3Settings{drivers.I2C{Address: 0x70}}, openSHTC3, simulateSHTC3)

// SHTC3Settings are the keys of a sensor with driver = "shtc3".
type SHTC3Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with (datasheet, section 5).
func (s SHTC3Settings) Validate() error { return s.CheckAddress(0x70) }

// Commands (datasheet, section 5), and how long they take at most.
const (
	shtc3Wake     = 0x3517
	shtc3Sleep    = 0xb098
	shtc3ID       = 0xefc8
	shtc3Measure  = 0x7866 // normal mode, temperature first, no clock stretching
	shtc3WakeTime = time.Millisecond
	shtc3Measures = 13 * time.Millisecond // 12.1 ms

	shtc3IDMask  = 0x083f // bits of the identity that tell the model
	shtc3IDValue = 0x0807
)

type shtc3 struct {
	device
	known bool // its identity was read since the last error
}

func openSHTC3(host drivers.Host, s SHTC3Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &shtc3{device: device{Dev: dev}}, err
}

// Observe implements agent.Sensor.
func (s *shtc3) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	t, rh, err := s.measure(ctx)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: t},
		agent.Result{Property: agent.RelativeHumidity, Value: rh},
	), nil
}

// Close implements agent.Sensor. The part sleeps already.
func (s *shtc3) Close() error { return nil }

// measure wakes the part, measures once and lets it sleep again. A part that is
// left awake by an error takes the next wake-up as well.
func (s *shtc3) measure(ctx context.Context) (t, rh float64, err error) {
	if err := s.tell(ctx, shtc3Wake, shtc3WakeTime); err != nil {
		return 0, 0, fmt.Errorf("wake up: %w", err)
	}
	if err := s.identify(ctx); err != nil {
		return 0, 0, err
	}
	var w [2]uint16
	if err := s.ask(ctx, shtc3Measure, shtc3Measures, w[:]); err != nil {
		return 0, 0, err
	}
	if err := s.tell(ctx, shtc3Sleep, 0); err != nil {
		return 0, 0, fmt.Errorf("sleep: %w", err)
	}
	// Datasheet, section 5: the scale has 2^16 steps, not one less.
	t = -45 + 175*float64(w[0])/(math.MaxUint16+1)
	return t, 100 * float64(w[1]) / (math.MaxUint16 + 1), checkTemperature(t)
}

func (s *shtc3) identify(ctx context.Context) error {
	if s.known {
		return nil
	}
	id, err := s.word(ctx, shtc3ID, shtc3WakeTime)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if id&shtc3IDMask != shtc3IDValue {
		return fmt.Errorf("%w: identity %#04x", drivers.ErrIdentity, id)
	}
	s.known = true
	return nil
}

// simulateSHTC3 puts a part on the bus that feels the simulated air.
func simulateSHTC3(host *sim.Host, s SHTC3Settings) { s.Simulate(host, newSHTC3()) }

func newSHTC3() *part {
	var asleep bool
	p := newPart(240*time.Microsecond, func() { asleep = false }, func(code uint16, _, into []uint16) ([]uint16, time.Duration, bool) {
		switch {
		case code == shtc3Wake:
			asleep = false
			return nil, 240 * time.Microsecond, true
		case asleep:
		case code == shtc3Sleep:
			asleep = true
			return nil, 0, true
		case code == shtc3ID:
			return append(into, 0x0887), 0, true
		case code == shtc3Measure:
			return append(into, airTemperature(), relativeHumidity()), 12100 * time.Microsecond, true
		}
		return nil, 0, false
	})
	asleep = true
	return p
}
