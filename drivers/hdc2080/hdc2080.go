// Package hdc2080 drives the Texas Instruments HDC2080 sensor of air temperature
// and relative humidity.
//
// The part sleeps until it is told to measure, once. One that loses power
// meanwhile is never ready, or has zeros as its result, which are refused.
package hdc2080

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one HDC2080 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "hdc2080",
	Summary:   "TI HDC2080, HDC2010: air temperature and humidity (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/hdc2080.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x40}}, open, simulate)

// Settings are the keys of a sensor with driver = "hdc2080".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin ADDR low or high.
func (s Settings) Validate() error { return s.CheckAddress(0x40, 0x41) }

// Registers and what is in them (datasheet, section 7.6).
const (
	regData    = 0x00 // temperature and humidity, the lower byte first
	regStatus  = 0x04
	regReset   = 0x0e
	regMeasure = 0x0f
	regID      = 0xfc // maker and device, the lower byte first

	id      = "\x49\x54\xd0\x07"
	reset   = 0x80 // in regReset
	trigger = 0x01 // in regMeasure: both quantities, 14 bits each, once
	ready   = 0x80 // in status; cleared by reading
	unused  = 0x07 // in status: always zeros
)

// How long to wait: for the start-up (3 ms), for a measurement of both (610 and
// 660 µs typically), and between two looks at the status (section 6.5).
const (
	resetTime   = 5 * time.Millisecond
	measureTime = 3 * time.Millisecond
	pollTime    = 2 * time.Millisecond
)

type sensor struct {
	dev   i2cbus.Dev
	ready bool // reset since the last error
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
	temperature, humidity, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: temperature},
		agent.Result{Property: agent.RelativeHumidity, Value: humidity},
	), nil
}

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// initialise checks who answers and resets it: heater off, no offsets, no cycle.
func (s *sensor) initialise(ctx context.Context) error {
	var b [4]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if string(b[:]) != id {
		return fmt.Errorf("%w: identity % x, want % x", drivers.ErrIdentity, b, id)
	}
	if err := s.dev.Write(ctx, regReset, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return drivers.Wait(ctx, resetTime)
}

// measure takes one measurement of both quantities.
func (s *sensor) measure(ctx context.Context) (temperature, humidity float64, err error) {
	if err := s.dev.Write(ctx, regMeasure, trigger); err != nil {
		return 0, 0, err
	}
	if err := s.await(ctx); err != nil {
		return 0, 0, err
	}
	var b [4]byte
	if err := s.dev.ReadReg(ctx, regData, b[:]); err != nil {
		return 0, 0, err
	}
	return decode(b)
}

// await waits until the part has measured.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range 5 {
		if err := drivers.Wait(ctx, wait); err != nil {
			return err
		}
		wait = pollTime
		var status [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, status[:]); err != nil {
			return err
		}
		if status[0]&unused != 0 {
			return fmt.Errorf("%w: status %#02x", drivers.ErrNoReading, status[0])
		}
		if status[0]&ready != 0 {
			return nil
		}
	}
	return drivers.ErrNotReady
}

// decode returns the temperature in °C and the humidity in % (sections 7.6.1 to
// 7.6.4).
func decode(b [4]byte) (temperature, humidity float64, err error) {
	if b == [4]byte{} {
		return 0, 0, fmt.Errorf("%w: nothing measured since power-on", drivers.ErrBrownOut)
	}
	if b == [4]byte{0xff, 0xff, 0xff, 0xff} {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	temperature = float64(binary.LittleEndian.Uint16(b[0:]))*165/(1<<16) - 40
	humidity = float64(binary.LittleEndian.Uint16(b[2:])) * 100 / (1 << 16)
	return temperature, humidity, nil
}
