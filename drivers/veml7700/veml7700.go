// Package veml7700 drives the Vishay VEML7700 sensor of illuminance.
//
// The part measures on the scale it is told. The driver begins with a middle one
// and goes to a finer or coarser one when there is too little or too much light.
// No scale's configuration is that of power-on, so a loss of power is noticed.
package veml7700

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one VEML7700 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "veml7700",
	Summary:   "Vishay VEML7700: illuminance up to 140000 lx (I2C)",
	Datasheet: "https://www.vishay.com/docs/84286/veml7700.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Illuminance, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x10}, 0.0042}, open, simulate)

// Settings are the keys of a sensor with driver = "veml7700".
type Settings struct {
	drivers.I2C
	LuxPerCount float64 `doc:"lx per count at gain 2 and 800 ms: 0.0042 by the newer datasheets, 0.0036 by those before"`
}

// Validate rejects addresses the part is not made with, and factors far from
// those of the datasheets.
func (s Settings) Validate() error {
	if !(s.LuxPerCount >= 0.001 && s.LuxPerCount <= 0.02) {
		return errors.New("lux_per_count: want 0.001 to 0.02; 0.0042 is right without a cover")
	}
	return s.CheckAddress(0x10)
}

// Registers, the lower byte first.
const (
	regConfig = 0x00
	regLight  = 0x04
	regID     = 0x07

	id       = 0x81 // in the lower byte
	shutDown = 0x0001
)

// startTime is how long the part takes to wake up: 2.5 ms.
const startTime = 5 * time.Millisecond

// A scale is a gain and an integration time.
type scale struct {
	config      uint16 // gain in bits 11 and 12, time in bits 6 to 9
	gain        float64
	integration time.Duration
}

var (
	bright = scale{0x1300, 0.125, 25 * time.Millisecond}  // 2.15 lx a count
	middle = scale{0x1000, 0.125, 100 * time.Millisecond} // 0.54 lx a count
	dark   = scale{0x0880, 2, 400 * time.Millisecond}     // 0.0084 lx a count
)

// Counts of the middle scale between which it is the right one (Vishay,
// "Designing the VEML7700 Into an Application").
const (
	tooFew  = 100
	tooMany = 10000
)

// brightest is what the part can measure, in lx.
const brightest = 140000

// decode returns the illuminance in lx. The part is not linear in bright light,
// at its lower gains; the polynomial is of the application note.
func (c scale) decode(word uint16, luxPerCount float64) (float64, error) {
	if word == math.MaxUint16 {
		return 0, fmt.Errorf("%w: too bright", drivers.ErrRange)
	}
	v := float64(word) * luxPerCount * 2 / c.gain * float64(800*time.Millisecond) / float64(c.integration)
	if v > 1000 && c.gain < 1 {
		v = ((6.0135e-13*v-9.3924e-9)*v+8.1488e-5)*v*v + 1.0023*v
	}
	return v, drivers.Within(v, 0, brightest)
}

type sensor struct {
	dev         i2cbus.Dev
	pause       drivers.Waiter
	luxPerCount float64
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, luxPerCount: s.LuxPerCount}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	// Each time: a VEML6075 in its place takes the same settings, and says 0 lx.
	got, err := s.read(ctx, regID)
	if err != nil {
		return into, fmt.Errorf("read identity: %w", err)
	}
	if got&0xff != id {
		return into, fmt.Errorf("%w: identity %#04x", drivers.ErrIdentity, got)
	}
	v, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, agent.Result{Property: agent.Illuminance, Value: v}), nil
}

// Close implements agent.Sensor. The part goes on measuring with 45 µA.
func (s *sensor) Close() error { return nil }

// measure takes one measurement on the scale that fits, in lx.
func (s *sensor) measure(ctx context.Context) (float64, error) {
	word, err := s.count(ctx, middle)
	if err != nil {
		return 0, err
	}
	if tooFew <= word && word <= tooMany {
		return middle.decode(word, s.luxPerCount)
	}
	fit := dark
	if word > tooMany {
		fit = bright
	}
	if word, err = s.count(ctx, fit); err != nil {
		return 0, err
	}
	return fit.decode(word, s.luxPerCount)
}

// count measures on a scale, from the start: the part is shut down to change it.
func (s *sensor) count(ctx context.Context, c scale) (uint16, error) {
	for _, config := range []uint16{c.config | shutDown, c.config} {
		if err := s.dev.Write(ctx, regConfig, byte(config), byte(config>>8)); err != nil {
			return 0, fmt.Errorf("configure: %w", err)
		}
	}
	// Until the first integration ends the register is of before. The part's
	// clock may be slow.
	if err := s.pause.Wait(ctx, startTime+c.integration*5/2); err != nil {
		return 0, err
	}
	word, err := s.read(ctx, regLight)
	if err != nil {
		return 0, fmt.Errorf("read light: %w", err)
	}
	config, err := s.read(ctx, regConfig)
	if err != nil {
		return 0, fmt.Errorf("read configuration: %w", err)
	}
	if config != c.config {
		return 0, fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, config, c.config)
	}
	return word, nil
}

func (s *sensor) read(ctx context.Context, reg byte) (uint16, error) {
	var b [2]byte
	err := s.dev.ReadReg(ctx, reg, b[:])
	return binary.LittleEndian.Uint16(b[:]), err
}
