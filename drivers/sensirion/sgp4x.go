package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// SGP40 reads one SGP40 on an I2C bus.
var SGP40 = drivers.New(drivers.Info{
	Name:      "sgp40",
	Summary:   "Sensirion SGP40: signal of volatile organic compounds, for gas-index (I2C)",
	Datasheet: "https://sensirion.com/media/documents/296373BB/6203C5DF/Sensirion_Gas_Sensors_Datasheet_SGP40.pdf",
	Observes: []drivers.Observable{
		{Property: agent.VOCRaw, Resolution: 0, Class: agent.Telemetry},
	},
	Every: sgp4xEvery,
}, SGP4xSettings{drivers.I2C{Address: 0x59}}, openSGP40, simulateSGP40)

// SGP41 reads one SGP41 on an I2C bus.
var SGP41 = drivers.New(drivers.Info{
	Name:      "sgp41",
	Summary:   "Sensirion SGP41: signals of organic compounds and nitrogen oxides, for gas-index (I2C)",
	Datasheet: "https://sensirion.com/media/documents/5FE8673C/61E96F50/Sensirion_Gas_Sensors_Datasheet_SGP41.pdf",
	Observes: []drivers.Observable{
		{Property: agent.VOCRaw, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.NOxRaw, Resolution: 0, Class: agent.Telemetry},
	},
	Every: sgp4xEvery,
}, SGP4xSettings{drivers.I2C{Address: 0x59}}, openSGP41, simulateSGP41)

// SGP4xSettings are the keys of a sensor with driver = "sgp40" or "sgp41". The
// signals say nothing by themselves: process them with gas-index.
type SGP4xSettings struct {
	drivers.I2C
}

// Validate rejects addresses the parts are not made with: there is one.
func (s SGP4xSettings) Validate() error { return s.CheckAddress(0x59) }

// Commands (datasheets, section 4). Measurements take the air's humidity and
// temperature: here 50 % and 25 °C, as for a part that is told none.
const (
	sgp4xFeatures  = 0x202f // the lower 9 bits tell the part
	sgp4xHeaterOff = 0x3615
	sgp40Measure   = 0x260f
	sgp41Measure   = 0x2619
	sgp41Condition = 0x2612 // heats the NOx pixel: never for more than 10 s

	sgp4xMask  = 0x01ff
	sgp40Is    = 0x0020
	sgp41Is    = 0x0040
	sgp4xHalf  = 0x8000 // 50 %
	sgp4x25    = 0x6666 // 25 °C
	sgp4xTime  = 2 * time.Millisecond
	sgp40Time  = 31 * time.Millisecond
	sgp41Time  = 56 * time.Millisecond
	sgp41Heats = 8 * time.Second
	sgp4xCools = 200 * time.Millisecond // how long to try
	sgp4xEvery = 10 * time.Second       // the longest that suits gas-index
)

type sgp4x struct {
	device
	nox   bool // an SGP41
	ready bool // initialised since the last error
	hot   bool // it was told to heat
}

func openSGP40(host drivers.Host, s SGP4xSettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sgp4x{device: device{Dev: dev}}, err
}

func openSGP41(host drivers.Host, s SGP4xSettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sgp4x{device: device{Dev: dev}, nox: true}, err
}

// Observe implements agent.Sensor.
func (s *sgp4x) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			_ = s.cool(ctx) // the cause is told
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	w, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		_ = s.cool(ctx) // the cause is told
		return into, fmt.Errorf("measure: %w", err)
	}
	into = append(into, agent.Result{Property: agent.VOCRaw, Value: float64(w[0])})
	if s.nox {
		into = append(into, agent.Result{Property: agent.NOxRaw, Value: float64(w[1])})
	}
	return into, nil
}

// Close implements agent.Sensor: it switches the heater off.
func (s *sgp4x) Close() error { return s.cool(context.Background()) }

// cool switches the heater off if it is on, also when there is no time left: it
// heats until it is told something else, and the agent may come back in minutes. A
// part that has just been told to heat does not acknowledge.
func (s *sgp4x) cool(ctx context.Context) error {
	if !s.hot {
		return nil
	}
	cooling, cancel := context.WithTimeout(context.WithoutCancel(ctx), sgp4xCools)
	defer cancel()
	err := s.tell(cooling, sgp4xHeaterOff, 0)
	if err != nil && s.Wait(ctx, sgp41Time) == nil {
		err = s.tell(cooling, sgp4xHeaterOff, 0)
	}
	s.hot = err != nil
	return err
}

// initialise makes sure of the part and heats the pixel for nitrogen oxides.
func (s *sgp4x) initialise(ctx context.Context) error {
	features, err := s.word(ctx, sgp4xFeatures, sgp4xTime)
	if err != nil {
		return fmt.Errorf("read features: %w", err)
	}
	want := uint16(sgp40Is)
	if s.nox {
		want = sgp41Is
	}
	if features&sgp4xMask != want {
		return fmt.Errorf("%w: features %#04x, want %#03x", drivers.ErrIdentity, features, want)
	}
	if !s.nox {
		return nil
	}
	s.hot = true
	if err := s.tell(ctx, sgp41Condition, sgp41Heats, sgp4xHalf, sgp4x25); err != nil {
		return fmt.Errorf("condition: %w", err)
	}
	return nil
}

// measure returns the signals: one, or two of an SGP41.
func (s *sgp4x) measure(ctx context.Context) (w [2]uint16, err error) {
	code, wait, words := uint16(sgp40Measure), sgp40Time, w[:1]
	if s.nox {
		code, wait, words = sgp41Measure, sgp41Time, w[:]
	}
	s.hot = true
	if err := s.tell(ctx, code, wait, sgp4xHalf, sgp4x25); err != nil {
		return w, err
	}
	b := s.buf[:3*len(words)]
	if err := s.Read(ctx, b); err != nil {
		return w, err
	}
	if err := decode(b, words); err != nil {
		return w, err
	}
	for _, word := range words {
		if word == 0 || word == 0xffff { // no signal is at an end
			return w, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
		}
	}
	return w, nil
}

func simulateSGP40(host *sim.Host, s SGP4xSettings) { s.Simulate(host, newSGP4x(sgp40Is)) }
func simulateSGP41(host *sim.Host, s SGP4xSettings) { s.Simulate(host, newSGP4x(sgp41Is)) }

// newSGP4x returns the part with these features.
func newSGP4x(features uint16) *part {
	return newPart(time.Millisecond, func() {}, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		voc, nox := uint16(sim.Wave(30000, 800, 3*time.Hour)), uint16(sim.Wave(16000, 500, 5*time.Hour))
		switch {
		case code == sgp4xFeatures:
			return append(into, 0x3200|features), time.Millisecond, true
		case code == sgp4xHeaterOff:
			return nil, time.Millisecond, true
		case len(args) != 2:
		case code == sgp40Measure && features == sgp40Is:
			return append(into, voc), 30 * time.Millisecond, true
		case code == sgp41Condition && features == sgp41Is:
			return append(into, voc), 50 * time.Millisecond, true
		case code == sgp41Measure && features == sgp41Is:
			return append(into, voc, nox), 50 * time.Millisecond, true
		}
		return nil, 0, false
	})
}
