// Package bh1750 drives the Rohm BH1750 sensor of illuminance.
//
// The part has no identity, no checksum and no register that can be read: a
// part that lost power answers 0 lx, or a value on another scale. So each
// reading is two measurements with different settings, which must agree. That
// 0 lx comes from darkness and not from a wire that is stuck cannot be told.
package bh1750

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

// Driver reads one BH1750 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "bh1750",
	Summary:   "Rohm BH1750FVI: illuminance up to 121000 lx (I2C)",
	Datasheet: "https://www.mouser.com/datasheet/2/348/bh1750fvi-e-186247.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Illuminance, Resolution: 1, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x23}}, open, simulate)

// Settings are the keys of a sensor with driver = "bh1750".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin ADDR low or high.
func (s Settings) Validate() error { return s.CheckAddress(0x23, 0x5c) }

// Commands (datasheet, "Instruction Set Architecture").
const (
	cmdPowerOn  = 0x01
	cmdTimeHigh = 0x40 // and the upper 3 bits of the measurement time
	cmdTimeLow  = 0x60 // and the lower 5
	cmdOnceH    = 0x20 // one measurement, 1 count at 69; then the part powers down
	cmdOnceH2   = 0x21 // the same, half a count
)

// A scale is how the part is told to measure.
type scale struct {
	command byte
	time    byte // MTreg, 31 to 254; 69 after power-on
}

var (
	coarse = scale{cmdOnceH, 31}   // up to 121557 lx, 1.85 lx a count
	middle = scale{cmdOnceH, 45}   // up to 83740 lx, to check coarse
	fine   = scale{cmdOnceH2, 254} // up to 7417 lx, 0.11 lx a count
)

// fineBelow is up to what coarse value fine is used, and middleBelow up to what
// middle is not at its end, in lx.
const (
	fineBelow   = 7000
	middleBelow = 75000
)

// wait is how long a measurement takes at most: 180 ms at 69.
func (c scale) wait() time.Duration {
	return (180*time.Duration(c.time)/69 + 1) * time.Millisecond
}

// decode returns the illuminance in lx. All ones is a part out of its range.
func (c scale) decode(b [2]byte) (float64, error) {
	word := binary.BigEndian.Uint16(b[:])
	if word == math.MaxUint16 {
		return 0, fmt.Errorf("% x: %w", b, drivers.ErrRange)
	}
	v := float64(word) / 1.2 * 69 / float64(c.time)
	if c.command == cmdOnceH2 {
		v /= 2
	}
	return v, nil
}

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	first, err := s.measure(ctx, coarse)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	second := fine
	if first > fineBelow {
		second = middle
	}
	v, err := s.measure(ctx, second)
	if errors.Is(err, drivers.ErrRange) && first > middleBelow {
		v, err = s.measure(ctx, coarse) // middle is at its end, as it should be
	}
	if err != nil {
		return into, fmt.Errorf("measure again: %w", err)
	}
	if !agree(first, v) {
		return into, fmt.Errorf("%w, or the light changed: %.1f lx, then %.1f lx", drivers.ErrBrownOut, first, v)
	}
	return append(into, agent.Result{Property: agent.Illuminance, Value: v}), nil
}

// Close implements agent.Sensor. The part is powered down already.
func (s *sensor) Close() error { return nil }

// measure sets the part up from nothing and takes one measurement, in lx.
func (s *sensor) measure(ctx context.Context, c scale) (float64, error) {
	for _, cmd := range []byte{cmdPowerOn, cmdTimeHigh | c.time>>5, cmdTimeLow | c.time&0x1f, c.command} {
		if err := s.dev.Write(ctx, cmd); err != nil {
			return 0, fmt.Errorf("command %#02x: %w", cmd, err)
		}
	}
	if err := s.pause.Wait(ctx, c.wait()); err != nil {
		return 0, err
	}
	var b [2]byte
	if err := s.dev.Read(ctx, b[:]); err != nil {
		return 0, err
	}
	return c.decode(b)
}

// agree tells whether two values can be of the same light: within two counts of
// the coarse scale and a fourth. A part that forgot its scale is at least a
// third off.
func agree(a, b float64) bool { return math.Abs(a-b) <= 3.8+0.25*max(a, b) }
