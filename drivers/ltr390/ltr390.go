// Package ltr390 drives the Lite-On LTR-390UV sensor of illuminance and
// ultraviolet light.
//
// The part measures one or the other, on the scale it is told. No scale's
// settings are those of power-on, so a loss of power is noticed.
package ltr390

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one LTR-390UV on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ltr390",
	Summary:   "Lite-On LTR-390UV: illuminance up to 157000 lx and UV index (I2C)",
	Datasheet: "https://optoelectronics.liteon.com/upload/download/DS86-2015-0004/LTR-390UV_Final_%20DS_V1%201.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Illuminance, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.UVIndex, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x53}}, open, simulate)

// Settings are the keys of a sensor with driver = "ltr390".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s Settings) Validate() error { return s.CheckAddress(0x53) }

// Registers, and what is written to them (datasheet, "Register Set").
const (
	regControl = 0x00
	regRate    = 0x04 // resolution and rate, gain
	regGain    = 0x05
	regID      = 0x06
	regStatus  = 0x07
	regALS     = 0x0d // three bytes, the lowest first
	regUVS     = 0x10 // likewise

	id      = 0xb0 // in the upper half; the revision is in the lower
	standby = 0x00
	light   = 0x02 // measure illuminance
	ultra   = 0x0a // measure ultraviolet light
	rate    = 0x01 // 20 bits in 400 ms, one after the other; 0x22 after power-on
	gain1   = 0x00
	gain18  = 0x04 // 0x01, ×3, is what power-on leaves
	newData = 0x08 // in status, until it is read
	most    = 1<<20 - 1
)

// How long one conversion takes, and a tenth, and between two looks.
const (
	measureTime = 440 * time.Millisecond
	pollTime    = 20 * time.Millisecond
	polls       = 5
)

// faint is the count on the coarse scale, 750 lx, below which the fine one, up
// to 8700 lx, tells more.
const faint = 5000

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
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
	lux, uv, err := s.measure(ctx)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, lux, uv), nil
}

// Close implements agent.Sensor. The part is in standby already.
func (s *sensor) Close() error { return nil }

func (s *sensor) identify(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if b[0]&0xf0 != id {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a LTR-390UV", drivers.ErrIdentity, b[0], id)
	}
	return nil
}

// measure takes one measurement of each light.
func (s *sensor) measure(ctx context.Context) (lux, uv agent.Result, err error) {
	count, gain := uint32(0), byte(gain1)
	if count, err = s.count(ctx, light, gain, regALS); err != nil {
		return lux, uv, fmt.Errorf("illuminance: %w", err)
	}
	if count < faint {
		gain = gain18
		if count, err = s.count(ctx, light, gain, regALS); err != nil {
			return lux, uv, fmt.Errorf("illuminance: %w", err)
		}
	}
	lux = result(agent.Illuminance, count, luxPerCount(gain))
	if count, err = s.count(ctx, ultra, gain18, regUVS); err != nil {
		return lux, uv, fmt.Errorf("ultraviolet light: %w", err)
	}
	if err := s.dev.Write(ctx, regControl, standby); err != nil {
		return lux, uv, fmt.Errorf("standby: %w", err)
	}
	return lux, result(agent.UVIndex, count, uvPerCount), nil
}

// count makes one conversion. After it, the settings tell whether the part had
// power throughout.
func (s *sensor) count(ctx context.Context, mode, gain, reg byte) (uint32, error) {
	for _, w := range [][]byte{{regControl, standby}, {regRate, rate}, {regGain, gain}} {
		if err := s.dev.Write(ctx, w...); err != nil {
			return 0, fmt.Errorf("configure: %w", err)
		}
	}
	var b [3]byte
	if err := s.dev.ReadReg(ctx, regStatus, b[:1]); err != nil { // forgets the result before
		return 0, fmt.Errorf("read status: %w", err)
	}
	if err := s.dev.Write(ctx, regControl, mode); err != nil {
		return 0, fmt.Errorf("start: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return 0, fmt.Errorf("wait: %w", err)
	}
	if err := s.dev.ReadReg(ctx, reg, b[:]); err != nil {
		return 0, fmt.Errorf("read: %w", err)
	}
	var c [2]byte
	if err := s.dev.ReadReg(ctx, regRate, c[:]); err != nil {
		return 0, fmt.Errorf("read settings: %w", err)
	}
	if c != [2]byte{rate, gain} {
		return 0, fmt.Errorf("%w: % x", drivers.ErrBrownOut, c)
	}
	return decode(b)
}

// await waits for the end of the conversion.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range polls {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		var b [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, b[:]); err != nil {
			return err
		}
		if b[0]&newData != 0 {
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// decode returns the count of a conversion, of 20 bits.
func decode(b [3]byte) (uint32, error) {
	count := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	if count > most {
		return 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	return count, nil
}

// uvPerCount is of 18-fold gain and 400 ms (datasheet, "UV Sensitivity").
const uvPerCount = 1.0 / 2300

// luxPerCount is of 400 ms (datasheet, "Calculating Lux and UVI").
func luxPerCount(gain byte) float64 {
	if gain == gain18 {
		return 0.6 / (18 * 4)
	}
	return 0.6 / 4
}

// result is a count in the unit of the property. At the end of the scale it is at
// least that.
func result(p agent.Property, count uint32, scale float64) agent.Result {
	r := agent.Result{Property: p, Value: float64(count) * scale}
	if count == most {
		r.Quality = agent.Saturated
	}
	return r
}
