// Package vl53l1x drives the ST VL53L1X, which measures a distance by the time
// light takes: to a hand, a lid, what is in a bin.
//
// The part ranges only while a reading is taken. The first result after a start is
// not checked for echoes from beyond the range, so the second is taken, and only
// if the part itself finds it valid.
package vl53l1x

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one VL53L1X on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "vl53l1x",
	Summary:   "ST VL53L1X: distance of 0.04 to 4 m, less in bright light (I2C)",
	Datasheet: "https://www.st.com/resource/en/datasheet/vl53l1x.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Distance, Resolution: 3, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x29}}, open, simulate)

// Settings are the keys of a sensor with driver = "vl53l1x".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one. It forgets
// another that it is given, so several parts are put behind a multiplexer.
func (s Settings) Validate() error { return s.CheckAddress(0x29) }

// How long to wait: for a result with its 100 ms of light, and between looks.
const (
	rangeTime = 100 * time.Millisecond
	pollTime  = 5 * time.Millisecond
)

// longRest is how long the part may rest until it is calibrated anew: in this time
// the temperature changes by less than the 8 °C that it stands (ST's Ultra Lite
// Driver, VL53L1X_StartTemperatureUpdate).
const longRest = 15 * time.Minute

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
	ready bool      // initialised since the last error
	last  time.Time // it ranged
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	r, err := s.measure(ctx)
	s.last = time.Now()
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	v, err := r.decode()
	if err != nil {
		return into, err // the part is well
	}
	return append(into, agent.Result{Property: agent.Distance, Value: v}), nil
}

// Close implements agent.Sensor. The part rests already.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part, configures it and calibrates it.
func (s *sensor) initialise(ctx context.Context) error {
	var b [2]byte
	if err := s.read(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if got := binary.BigEndian.Uint16(b[:]); got != id {
		return fmt.Errorf("%w: identity %#04x, want 0xeacc", drivers.ErrIdentity, got)
	}
	if err := s.await(ctx, regBooted, pollTime); err != nil {
		return fmt.Errorf("start-up: %w", err)
	}
	if err := s.write(ctx, regMode, stop); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if err := s.dev.Write(ctx, append([]byte{regConfig >> 8, regConfig}, config[:]...)...); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return s.calibrate(ctx)
}

// calibrate lets the part find the voltage of its detector, which depends on the
// temperature, and from which each ranging goes on.
func (s *sensor) calibrate(ctx context.Context) error {
	for _, w := range [...]struct {
		reg   uint16
		value byte
	}{{regVHVBound, allBounds}, {regVHVInit, fromNothing}} {
		if err := s.write(ctx, w.reg, w.value); err != nil {
			return fmt.Errorf("forget calibration: %w", err)
		}
	}
	if _, err := s.results(ctx, 1); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if err := s.write(ctx, regVHVBound, twoBounds); err != nil {
		return fmt.Errorf("keep calibration: %w", err)
	}
	s.last = time.Now()
	return s.write(ctx, regVHVInit, fromBefore)
}

// measure returns the second result after a start.
func (s *sensor) measure(ctx context.Context) (result, error) {
	if time.Since(s.last) > longRest {
		if err := s.calibrate(ctx); err != nil {
			return result{}, err
		}
	}
	r, err := s.results(ctx, 2)
	if err != nil {
		return r, err
	}
	var b [len(mark)]byte
	if err := s.read(ctx, regMark, b[:]); err != nil {
		return r, fmt.Errorf("read configuration: %w", err)
	}
	if b != mark {
		return r, fmt.Errorf("%w: % x, were % x", drivers.ErrBrownOut, b, mark)
	}
	return r, nil
}

// results starts the part, returns the last of n results and stops it.
func (s *sensor) results(ctx context.Context, n int) (r result, err error) {
	if err := s.write(ctx, regClear, 1); err != nil {
		return r, fmt.Errorf("clear: %w", err)
	}
	if err := s.write(ctx, regMode, start); err != nil {
		return r, fmt.Errorf("start: %w", err)
	}
	for range n {
		if err := s.await(ctx, regReady, rangeTime); err != nil {
			return r, err
		}
		if err := s.read(ctx, regResult, r[:]); err != nil {
			return r, fmt.Errorf("read result: %w", err)
		}
		if err := s.write(ctx, regClear, 1); err != nil {
			return r, fmt.Errorf("clear: %w", err)
		}
	}
	if err := s.write(ctx, regMode, stop); err != nil {
		return r, fmt.Errorf("stop: %w", err)
	}
	return r, nil
}

// await waits, at first for as long as it takes mostly, until bit 0 of a register
// is 1.
func (s *sensor) await(ctx context.Context, reg uint16, wait time.Duration) error {
	for range 20 {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		var b [1]byte
		if err := s.read(ctx, reg, b[:]); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
		if b[0]&1 != 0 {
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// read reads from a register on: their numbers have two bytes.
func (s *sensor) read(ctx context.Context, reg uint16, r []byte) error {
	w := [2]byte{byte(reg >> 8), byte(reg)}
	return s.dev.Tx(ctx, w[:], r)
}

func (s *sensor) write(ctx context.Context, reg uint16, value byte) error {
	w := [3]byte{byte(reg >> 8), byte(reg), value}
	return s.dev.Tx(ctx, w[:], nil)
}
