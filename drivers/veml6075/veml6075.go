// Package veml6075 drives the Vishay VEML6075 sensor of ultraviolet light, which
// is made no more but still hangs on many poles.
//
// The part is shut down until it is told to measure, once. Its settings then are
// not those of power-on, so a loss of power is noticed. Two more channels tell what
// light and infrared add to the ultraviolet ones.
package veml6075

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

// Driver reads one VEML6075 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "veml6075",
	Summary:   "Vishay VEML6075: UV index (I2C)",
	Datasheet: "https://www.vishay.com/docs/84304/veml6075.pdf",
	Observes: []drivers.Observable{
		{Property: agent.UVIndex, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x10}, 0.001461, 0.002591}, open, simulate)

// Settings are the keys of a sensor with driver = "veml6075".
type Settings struct {
	drivers.I2C
	UVAPerCount float64 `doc:"UV index per count of UVA in 100 ms: 0.001461 by the first application note, 0.001111 by a later one"`
	UVBPerCount float64 `doc:"UV index per count of UVB in 100 ms: 0.002591 by the first application note, 0.00125 by a later one"`
}

// Validate rejects addresses the part is not made with, there is one, and factors
// far from those of the application notes.
func (s Settings) Validate() error {
	for _, f := range []float64{s.UVAPerCount, s.UVBPerCount} {
		if !(f >= 0.0001 && f <= 0.02) {
			return errors.New("uva_per_count, uvb_per_count: want 0.0001 to 0.02; 0.001461 and 0.002591 are right without a cover")
		}
	}
	return s.CheckAddress(0x10)
}

// Registers, the lower byte first, and what is in them (datasheet, "Command
// Register Format").
const (
	regConfig   = 0x00
	regUVA      = 0x07
	regUVB      = 0x09
	regVisible  = 0x0a
	regInfrared = 0x0b
	regID       = 0x0c

	id      = 0x26   // in the lower byte
	idle    = 0x0013 // 100 ms, one measurement when told to, shut down; 0x0001 after power-on
	trigger = 0x0016 // the same, switched on, now
	waits   = 0x0012 // what it becomes: the part takes the word back
)

// measureTime is 1.4 times the integration, at most (measured by the authors of
// the driver in Linux), and a little.
const measureTime = 150 * time.Millisecond

type sensor struct {
	dev      i2cbus.Dev
	settings Settings
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, settings: s}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	// Each time: a VEML7700 in its place takes the same settings, and has counts.
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
	return append(into, agent.Result{Property: agent.UVIndex, Value: v}), nil
}

// Close implements agent.Sensor. The part is shut down already.
func (s *sensor) Close() error { return nil }

// measure takes one measurement.
func (s *sensor) measure(ctx context.Context) (float64, error) {
	if err := s.write(ctx, idle); err != nil {
		return 0, fmt.Errorf("configure: %w", err)
	}
	if err := s.write(ctx, trigger); err != nil {
		return 0, fmt.Errorf("start: %w", err)
	}
	if err := drivers.Wait(ctx, measureTime); err != nil {
		return 0, err
	}
	var c counts
	for _, q := range [...]struct {
		reg  byte
		into *uint16
	}{{regUVA, &c.uva}, {regUVB, &c.uvb}, {regVisible, &c.visible}, {regInfrared, &c.infrared}} {
		w, err := s.read(ctx, q.reg)
		if err != nil {
			return 0, fmt.Errorf("read register %#02x: %w", q.reg, err)
		}
		*q.into = w
	}
	config, err := s.read(ctx, regConfig)
	if err != nil {
		return 0, fmt.Errorf("read settings: %w", err)
	}
	if config&^(trigger&^waits) != waits {
		return 0, fmt.Errorf("%w: settings %#04x", drivers.ErrBrownOut, config)
	}
	if err := s.write(ctx, idle); err != nil {
		return 0, fmt.Errorf("shut down: %w", err)
	}
	return s.settings.decode(c)
}

func (s *sensor) read(ctx context.Context, reg byte) (uint16, error) {
	var b [2]byte
	err := s.dev.ReadReg(ctx, reg, b[:])
	return binary.LittleEndian.Uint16(b[:]), err
}

func (s *sensor) write(ctx context.Context, config uint16) error {
	return s.dev.Write(ctx, regConfig, byte(config), byte(config>>8))
}

// counts are what the four channels saw.
type counts struct{ uva, uvb, visible, infrared uint16 }

// highest is more than any sun on Earth: 43 were measured once, in the Andes.
const highest = 50

// decode returns the UV index (Vishay, "Designing the VEML6075 into an
// Application", for a part without a cover). By lamplight the channels may come
// out below 0.
func (s Settings) decode(c counts) (float64, error) {
	for _, n := range []uint16{c.uva, c.uvb, c.visible, c.infrared} {
		if n == math.MaxUint16 {
			return 0, fmt.Errorf("%w: too bright: %d", drivers.ErrRange, c)
		}
	}
	visible, infrared := float64(c.visible), float64(c.infrared)
	uva := max(float64(c.uva)-2.22*visible-1.33*infrared, 0)
	uvb := max(float64(c.uvb)-2.95*visible-1.74*infrared, 0)
	v := (uva*s.UVAPerCount + uvb*s.UVBPerCount) / 2
	return v, drivers.Within(v, 0, highest)
}
