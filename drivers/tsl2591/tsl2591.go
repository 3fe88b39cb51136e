// Package tsl2591 drives the ams TSL2591 sensor of illuminance.
//
// The part has a channel for all light and one for infrared, and measures on the
// scale it is told. The driver begins with a middle one and goes to a finer or
// coarser one when there is too little or too much light. After power-on the part
// is off: that is how a loss of power is noticed.
package tsl2591

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one TSL2591 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "tsl2591",
	Summary:   "ams TSL2591: illuminance up to 88000 lx (I2C)",
	Datasheet: "https://cdn-shop.adafruit.com/datasheets/TSL25911_Datasheet_EN_v1.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Illuminance, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x29}}, open, simulate)

// Settings are the keys of a sensor with driver = "tsl2591".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s Settings) Validate() error { return s.CheckAddress(0x29) }

// Registers, in a command byte, and what is in them (datasheet, "Register
// Description").
const (
	command   = 0xa0
	regEnable = command // ENABLE, CONTROL
	regScale  = command | 0x01
	regID     = command | 0x12
	regStatus = command | 0x13
	regData   = command | 0x14 // two bytes of all light, two of infrared, the lower first

	id    = 0x50
	off   = 0x00
	on    = 0x03 // powered, measuring
	valid = 0x01 // in the status: a measurement ended since it was switched on
)

// How long to wait after a tenth more than the measurement takes, and between two
// looks.
const (
	pollTime = 10 * time.Millisecond
	polls    = 6
)

// A scale is a gain and an integration time.
type scale struct {
	control     byte // gain in bits 4 and 5, time in bits 0 to 2
	gain        float64
	integration time.Duration
	full        uint16 // the count that means "at least"
}

var (
	bright = scale{0x00, 1, 100 * time.Millisecond, 0x8fff}   // 4 lx a count
	middle = scale{0x10, 25, 100 * time.Millisecond, 0x8fff}  // 0.16 lx a count
	dark   = scale{0x22, 428, 300 * time.Millisecond, 0xffff} // 0.003 lx a count
)

// Counts of the middle scale between which it is the right one.
const (
	tooFew  = 1000
	tooMany = 30000
)

// luxFactor is that of the maker's formula, for a part without a cover (ams
// application note DN40; the driver of Adafruit).
const luxFactor = 408

// noise is a count so small that it may be more in infrared than in all light.
const noise = 100

// decode returns the illuminance in lx, or the least that it can be: bright sun is
// beyond the part. The second factor takes away what is no light for the eye.
func (c scale) decode(all, infrared uint16) (agent.Result, error) {
	r := agent.Result{Property: agent.Illuminance}
	switch {
	case infrared >= c.full || all >= c.full && c != bright:
		return r, fmt.Errorf("%w: too bright: %d, %d", drivers.ErrRange, all, infrared)
	case infrared >= all && all < noise:
		return r, nil
	case infrared >= all:
		return r, fmt.Errorf("%w: more infrared than light: %d, %d", drivers.ErrNoReading, all, infrared)
	case all >= c.full:
		all, r.Quality = c.full, agent.Saturated
	}
	a, i := float64(all), float64(infrared)
	ms := float64(c.integration / time.Millisecond)
	r.Value = (a - i) * (1 - i/a) * luxFactor / (ms * c.gain)
	return r, nil
}

type sensor struct {
	dev   i2cbus.Dev
	known bool // its identity was read since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.known {
		if err := s.identify(ctx); err != nil {
			return into, fmt.Errorf("identify: %w", err)
		}
		s.known = true
	}
	r, err := s.measure(ctx)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, r), nil
}

// Close implements agent.Sensor. The part is switched off already.
func (s *sensor) Close() error { return nil }

func (s *sensor) identify(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if b[0] != id {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a TSL2591", drivers.ErrIdentity, b[0], id)
	}
	return nil
}

// measure takes one measurement on the scale that fits.
func (s *sensor) measure(ctx context.Context) (agent.Result, error) {
	fit := middle
	all, infrared, err := s.count(ctx, fit)
	if err != nil {
		return agent.Result{}, err
	}
	if all < tooFew || all > tooMany {
		if fit = dark; all > tooMany {
			fit = bright
		}
		if all, infrared, err = s.count(ctx, fit); err != nil {
			return agent.Result{}, err
		}
	}
	return fit.decode(all, infrared)
}

// count makes one measurement and switches the part off. Before that, the settings
// tell whether it had power throughout.
func (s *sensor) count(ctx context.Context, c scale) (all, infrared uint16, err error) {
	for _, w := range [][2]byte{{regEnable, off}, {regScale, c.control}, {regEnable, on}} {
		if err := s.dev.Write(ctx, w[0], w[1]); err != nil {
			return 0, 0, fmt.Errorf("start: %w", err)
		}
	}
	if err := s.await(ctx, c.integration*11/10); err != nil {
		return 0, 0, fmt.Errorf("wait: %w", err)
	}
	var b [4]byte
	if err := s.dev.ReadReg(ctx, regData, b[:]); err != nil {
		return 0, 0, fmt.Errorf("read: %w", err)
	}
	var settings [2]byte
	if err := s.dev.ReadReg(ctx, regEnable, settings[:]); err != nil {
		return 0, 0, fmt.Errorf("read settings: %w", err)
	}
	if settings != [2]byte{on, c.control} {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrBrownOut, settings)
	}
	if err := s.dev.Write(ctx, regEnable, off); err != nil {
		return 0, 0, fmt.Errorf("switch off: %w", err)
	}
	return binary.LittleEndian.Uint16(b[0:]), binary.LittleEndian.Uint16(b[2:]), nil
}

// await waits for the end of the measurement.
func (s *sensor) await(ctx context.Context, wait time.Duration) error {
	for range polls {
		if err := drivers.Wait(ctx, wait); err != nil {
			return err
		}
		var b [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, b[:]); err != nil {
			return err
		}
		if b[0]&valid != 0 {
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}
