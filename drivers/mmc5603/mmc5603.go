// Package mmc5603 drives the MEMSIC MMC5603 magnetometer, which a parking place or
// a barrier uses to feel the steel of a car.
//
// The driver magnetises the part one way and the other and measures after each:
// half the difference is the field, without what the part adds by itself, which
// drifts with its temperature. A strong magnet leaves no trace either. Nothing the
// part forgets without power is relied on.
package mmc5603

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one MMC5603 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "mmc5603",
	Summary:   "MEMSIC MMC5603: magnetic flux density in three directions (I2C)",
	Datasheet: "https://www.memsic.com/Public/Uploads/uploadfile/files/20220119/MMC5603NJDatasheetRev.B.pdf",
	Observes: []drivers.Observable{
		{Property: agent.MagneticX, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.MagneticY, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.MagneticZ, Resolution: 1, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x30}}, open, simulate)

// Settings are the keys of a sensor with driver = "mmc5603".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s Settings) Validate() error { return s.CheckAddress(0x30) }

// Registers, and what is written to them (datasheet, "Register Map").
const (
	regData     = 0x00 // x, y, z: bits 19 to 4; then bits 3 to 0 of each in a byte's upper half
	regStatus   = 0x18
	regControl0 = 0x1b
	regControl1 = 0x1c
	regID       = 0x39

	id       = 0x10
	take     = 0x01 // a measurement
	set      = 0x08 // magnetise
	reset    = 0x10 // the other way
	restart  = 0x80 // in control 1
	dataDone = 0x40 // in the status
)

// How long to wait: after a restart, after the part was magnetised, for a
// measurement of 6.6 ms, and between looks.
const (
	restartTime = 20 * time.Millisecond
	settleTime  = 2 * time.Millisecond
	measureTime = 8 * time.Millisecond
	pollTime    = 2 * time.Millisecond
)

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
	ready bool // restarted since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor. Where the field of one direction is too
// strong, it returns the others and an error.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	into, err := s.measure(ctx, into)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The part sleeps already.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part and restarts it.
func (s *sensor) initialise(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if b[0] != id {
		return fmt.Errorf("%w: identity %#02x, want 0x10", drivers.ErrIdentity, b[0])
	}
	if err := s.dev.Write(ctx, regControl1, restart); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	return s.pause.Wait(ctx, restartTime)
}

// measure takes one measurement magnetised each way.
func (s *sensor) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	var frames [2]frame
	for i, way := range []byte{set, reset} {
		if err := s.dev.Write(ctx, regControl0, way); err != nil {
			return into, fmt.Errorf("magnetise: %w", err)
		}
		if err := s.pause.Wait(ctx, settleTime); err != nil {
			return into, err
		}
		if err := s.dev.Write(ctx, regControl0, take); err != nil {
			return into, err
		}
		if err := s.await(ctx); err != nil {
			return into, err
		}
		if err := s.dev.ReadReg(ctx, regData, frames[i][:]); err != nil {
			return into, fmt.Errorf("read data: %w", err)
		}
	}
	return convert(frames[0], frames[1], into)
}

// await waits for the end of the measurement.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range 5 {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		var status [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, status[:]); err != nil {
			return fmt.Errorf("read status: %w", err)
		}
		if status[0]&dataDone != 0 {
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// Of the numbers: 0.0625 mG a step of 20 bits, which is 0.00625 µT; ±30 G
// (datasheet, "Specifications").
const (
	stepsPerMicrotesla = 160
	middle             = 1 << 19
	strongest          = 3000 // µT
	ownField           = 300  // µT: more than any part adds by itself
)

var (
	errOverflow = errors.New("field too strong for the part")
	errApart    = errors.New("the two measurements do not fit together")
)

// A frame is one measurement.
type frame [9]byte

// code returns the number of an axis, without its middle.
func (f frame) code(axis int) int {
	return int(f[2*axis])<<12 | int(f[2*axis+1])<<4 | int(f[6+axis])>>4
}

// convert appends the field in µT: half of what two measurements, magnetised one
// way and the other, are apart. Half their sum is what the part adds.
func convert(one, other frame, into []agent.Result) ([]agent.Result, error) {
	var all [3]agent.Result
	n := 0
	var failed error
	for axis, property := range []agent.Property{agent.MagneticX, agent.MagneticY, agent.MagneticZ} {
		a, b := one.code(axis), other.code(axis)
		v := float64(a-b) / 2 / stepsPerMicrotesla
		own := float64(a+b-2*middle) / 2 / stepsPerMicrotesla
		switch {
		case math.Abs(own) > ownField: // also what says nothing but zeros
			return into, fmt.Errorf("%w: % x and % x", errApart, one, other)
		case math.Abs(v) > strongest:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", property.Name, errOverflow))
			continue
		}
		all[n] = agent.Result{Property: property, Value: v}
		n++
	}
	return append(into, all[:n]...), failed
}
