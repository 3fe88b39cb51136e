// Package lps22 drives the ST LPS22HB, LPS22HH and LPS22DF sensors of atmospheric
// pressure and air temperature.
//
// The part measures once a second: some LPS22HB are known never to end a single
// measurement. Flags tell what was not read yet, and settings that a loss of power
// takes away tell that.
package lps22

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one LPS22HB, LPS22HH or LPS22DF on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "lps22",
	Summary:   "ST LPS22HB, LPS22HH, LPS22DF: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.st.com/resource/en/datasheet/lps22hb.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x5d}}, open, simulate)

// Settings are the keys of a sensor with driver = "lps22".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin SA0 high or low.
func (s Settings) Validate() error { return s.CheckAddress(0x5d, 0x5c) }

// Registers, and what is in them (datasheets of LPS22HB, DocID027083, LPS22HH,
// DocID030890, and LPS22DF, DS13316, "Register description").
const (
	regID          = 0x0f
	regControl     = 0x10 // CTRL_REG1, CTRL_REG2
	regControl2    = 0x11
	regStatus      = 0x27
	regPressure    = 0x28 // three bytes, the lowest first
	regTemperature = 0x2b // two bytes, likewise

	reset   = 0x04 // in CTRL_REG2, until it is done
	newData = 0x03 // in the status: pressure and temperature that were not read yet
)

// A chip is what the parts of the family differ in.
type chip struct {
	id      byte
	control [2]byte // CTRL_REG1 and CTRL_REG2: one measurement a second, registers that wait for their reader
	mask    byte    // of the rate in CTRL_REG1
}

var (
	lps22hb = chip{0xb1, [2]byte{0x12, 0x10}, 0x70}
	lps22hh = chip{0xb3, [2]byte{0x12, 0x12}, 0x70} // with low noise
	lps22df = chip{0xb4, [2]byte{0x0c, 0x08}, 0x78} // each the mean of 64
)

// How long to wait: for a reset, and for the next measurement, a look at a time.
const (
	resetTime  = 5 * time.Millisecond
	resetPolls = 4
	pollTime   = 100 * time.Millisecond
	polls      = 14
)

type sensor struct {
	dev   i2cbus.Dev
	chip  chip
	ready bool // initialised since the last error
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
	t, p, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: t},
		agent.Result{Property: agent.AtmosphericPressure, Value: p},
	), nil
}

// Close implements agent.Sensor. The part goes on measuring with about 12 µA.
func (s *sensor) Close() error { return nil }

// initialise finds out which part it is, resets and configures it.
func (s *sensor) initialise(ctx context.Context) error {
	id, err := s.dev.Byte(ctx, regID)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	switch id {
	case lps22hb.id:
		s.chip = lps22hb
	case lps22hh.id:
		s.chip = lps22hh
	case lps22df.id:
		s.chip = lps22df
	default:
		return fmt.Errorf("%w: identity %#02x, want 0xb1, 0xb3 or 0xb4 of a LPS22", drivers.ErrIdentity, id)
	}
	if err := s.reset(ctx); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	// CTRL_REG2 first: low noise can be chosen only while the part is idle.
	if err := s.dev.Write(ctx, regControl2, s.chip.control[1]); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if err := s.dev.Write(ctx, regControl, s.chip.control[0]); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return nil
}

func (s *sensor) reset(ctx context.Context) error {
	if err := s.dev.Write(ctx, regControl2, s.chip.control[1]|reset); err != nil {
		return err
	}
	for range resetPolls {
		if err := drivers.Wait(ctx, resetTime); err != nil {
			return err
		}
		state, err := s.dev.Byte(ctx, regControl2)
		if err != nil || state&reset == 0 {
			return err
		}
	}
	return drivers.ErrNotReady
}

// measure returns the newest measurement, in °C and hPa.
func (s *sensor) measure(ctx context.Context) (temperature, pressure float64, err error) {
	if err := s.await(ctx); err != nil {
		return 0, 0, err
	}
	// The pressure last: the registers wait only for a reader that ends there
	// (LPS22HB, CTRL_REG1).
	var b [5]byte
	if err := s.dev.ReadReg(ctx, regTemperature, b[3:]); err != nil {
		return 0, 0, err
	}
	if err := s.dev.ReadReg(ctx, regPressure, b[:3]); err != nil {
		return 0, 0, err
	}
	var c [2]byte
	if err := s.dev.ReadReg(ctx, regControl, c[:]); err != nil {
		return 0, 0, fmt.Errorf("read settings: %w", err)
	}
	if c != s.chip.control {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrBrownOut, c)
	}
	return decode(b)
}

// await waits until there is a measurement that was not read yet.
func (s *sensor) await(ctx context.Context) error {
	for range polls {
		state, err := s.dev.Byte(ctx, regStatus)
		if err != nil || state&newData == newData {
			return err
		}
		if err := drivers.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
	return drivers.ErrNotReady
}

// decode turns three bytes of pressure and two of temperature into °C and hPa:
// both or none. Steps are of 1/4096 hPa and 0.01 °C (datasheets, table "Pressure
// and temperature sensor characteristics").
func decode(b [5]byte) (temperature, pressure float64, err error) {
	p := int32(b[0])<<8 | int32(b[1])<<16 | int32(b[2])<<24
	temperature = float64(int16(uint16(b[3])|uint16(b[4])<<8)) / 100
	pressure = float64(p>>8) / 4096
	if err := drivers.Within(temperature, -40, 85); err != nil {
		return 0, 0, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(pressure, 260, 1260); err != nil {
		return 0, 0, fmt.Errorf("pressure of % x: %w", b, err)
	}
	return temperature, pressure, nil
}
