// Package dps310 drives the Infineon DPS310 and DPS368 sensors of atmospheric
// pressure and air temperature.
//
// The part is idle until it is told to measure, once. Each measurement ends with
// a look at its settings, which tells whether it lost power in between.
package dps310

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one DPS310 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "dps310",
	Summary:   "Infineon DPS310, DPS368: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.infineon.com/dgdl/Infineon-DPS310-DataSheet-v01_02-EN.pdf?fileId=5546d462576f34750157750826c42242",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{I2C: drivers.I2C{Address: 0x77}}, open, simulate)

// Settings are the keys of a sensor with driver = "dps310".
type Settings struct {
	drivers.I2C
	AnyProduct bool `doc:"accept a compatible part that does not tell the product number of a DPS310"`
}

// Validate rejects addresses the part is not made with: pin SDO open or low
// (datasheet, "I2C Interface").
func (s Settings) Validate() error { return s.CheckAddress(0x77, 0x76) }

// Registers, and what is written to them (datasheet, "Register Map").
const (
	regData         = 0x00 // pressure, temperature, PRS_CFG, TMP_CFG, MEAS_CFG, CFG_REG
	regPressure     = 0x06 // PRS_CFG
	regTemperature  = 0x07 // TMP_CFG
	regMeasure      = 0x08 // MEAS_CFG
	regReset        = 0x0c
	regID           = 0x0d
	regCoefficients = 0x10 // 18 bytes
	regSource       = 0x28 // TMP_COEF_SRCE
	regCorrected    = 0x32 // not in the datasheet, see correct

	id             = 0x10
	reset          = 0x09
	oversample8    = 0x03 // of the pressure: 14.8 ms, noise about 0.6 Pa; 0 after power-on
	external       = 0x80 // temperature of the pressure cell, for which the coefficients are
	startPressure  = 0x01
	startTemp      = 0x02
	pressureReady  = 0x10
	tempReady      = 0x20
	sensorReady    = 0x40
	coefficientsIn = 0x80
)

// How long to wait: until the coefficients can be read (datasheet, "Operating
// Characteristics"), for one conversion (its table under PRS_CFG, and a tenth),
// and between two looks.
const (
	startTime    = 40 * time.Millisecond
	pressureTime = 17 * time.Millisecond // 14.8 ms
	tempTime     = 4 * time.Millisecond  // 3.6 ms
	pollTime     = 5 * time.Millisecond
	polls        = 10
)

type sensor struct {
	dev          i2cbus.Dev
	pause        drivers.Waiter
	anyProduct   bool
	ready        bool // initialised since the last error
	coefficients coefficients
	source       byte // TMP_CFG: the thermometer that the coefficients are for
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, anyProduct: s.AnyProduct}, err
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

// Close implements agent.Sensor. The part is idle already.
func (s *sensor) Close() error { return nil }

// measure takes one measurement of each quantity, in °C and hPa.
func (s *sensor) measure(ctx context.Context) (temperature, pressure float64, err error) {
	if err := s.convert(ctx, startTemp, tempReady, tempTime); err != nil {
		return 0, 0, fmt.Errorf("temperature: %w", err)
	}
	if err := s.convert(ctx, startPressure, pressureReady, pressureTime); err != nil {
		return 0, 0, fmt.Errorf("pressure: %w", err)
	}
	var b [10]byte
	if err := s.dev.ReadReg(ctx, regData, b[:]); err != nil {
		return 0, 0, err
	}
	if b[6] != oversample8 || b[7] != s.source || b[9] != 0 {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrBrownOut, b[6:])
	}
	return s.coefficients.convert([6]byte(b[:6]))
}

// convert starts one conversion and waits for its end.
func (s *sensor) convert(ctx context.Context, start, ready byte, wait time.Duration) error {
	state, err := s.dev.Byte(ctx, regMeasure)
	if err != nil {
		return err
	}
	if state&(coefficientsIn|sensorReady) != coefficientsIn|sensorReady {
		return fmt.Errorf("state %#02x: %w", state, drivers.ErrNotReady)
	}
	// The upper half is read-only. It is written as it was read for the sake of
	// emulated parts whose whole register is memory.
	if err := s.dev.Write(ctx, regMeasure, state&0xf0|start); err != nil {
		return err
	}
	if err := s.pause.Wait(ctx, wait); err != nil {
		return err
	}
	return s.await(ctx, ready)
}

// await waits until all the bits are set in MEAS_CFG.
func (s *sensor) await(ctx context.Context, bits byte) error {
	for range polls {
		state, err := s.dev.Byte(ctx, regMeasure)
		if err != nil || state&bits == bits {
			return err
		}
		if err := s.pause.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
	return drivers.ErrNotReady
}
