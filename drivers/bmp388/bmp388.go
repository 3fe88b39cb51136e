// Package bmp388 drives the Bosch Sensortec BMP388 and BMP390 sensors of
// atmospheric pressure and air temperature.
//
// The part sleeps until it is told to measure, once, with eightfold oversampling
// of the pressure: a setting that a loss of power takes away, which is how that
// is noticed.
package bmp388

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one BMP388 or BMP390 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "bmp388",
	Summary:   "Bosch BMP388, BMP390: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bmp388-ds001.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 3, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x77}}, open, simulate)

// Settings are the keys of a sensor with driver = "bmp388".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin SDO high or low
// (datasheet, section 5.2).
func (s Settings) Validate() error { return s.CheckAddress(0x77, 0x76) }

// Registers, and what is written to them (datasheet, section 4.3).
const (
	regID          = 0x00
	regError       = 0x02 // ERR_REG, STATUS, three bytes of pressure, three of temperature
	regStatus      = 0x03
	regData        = 0x04
	regPower       = 0x1b // PWR_CTRL, OSR
	regOSR         = 0x1c
	regCalibration = 0x31 // 21 bytes
	regCommand     = 0x7e

	idBMP388 = 0x50
	idBMP390 = 0x60
	reset    = 0xb6
	enabled  = 0x03 // pressure and temperature, asleep
	forced   = 0x13 // measure once
	osr      = 0x03 // pressure ×8, temperature ×1; 0x02 after power-on
	idle     = 0x10 // in status: the command decoder is ready
	measured = 0x60 // in status: both results are there
	failed   = 0x07 // in error
)

// How long to wait: for the start-up (table 3), for one measurement with this
// oversampling (19.0 ms, section 3.9.2), and between two looks.
const (
	startTime   = 10 * time.Millisecond
	measureTime = 21 * time.Millisecond
	pollTime    = 3 * time.Millisecond
	polls       = 6
)

type sensor struct {
	dev         i2cbus.Dev
	ready       bool // initialised since the last error
	calibration calibration
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

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// initialise resets the part, configures it and reads its calibration.
func (s *sensor) initialise(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if b[0] != idBMP388 && b[0] != idBMP390 {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a BMP388 or %#02x of a BMP390", drivers.ErrIdentity, b[0], idBMP388, idBMP390)
	}
	if err := s.dev.Write(ctx, regCommand, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := s.awaitIdle(ctx); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	// The setting first: the calibration was read from a part that is still
	// powered when measure finds the setting.
	if err := s.dev.Write(ctx, regOSR, osr); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	var c [21]byte
	if err := s.dev.ReadReg(ctx, regCalibration, c[:]); err != nil {
		return fmt.Errorf("read calibration: %w", err)
	}
	var err error
	s.calibration, err = parse(c)
	return err
}

// awaitIdle waits until the part takes commands.
func (s *sensor) awaitIdle(ctx context.Context) error {
	wait := startTime
	for range polls {
		if err := drivers.Wait(ctx, wait); err != nil {
			return err
		}
		var b [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, b[:]); err != nil {
			return err
		}
		if b[0]&idle != 0 {
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// measure takes one measurement, in °C and hPa.
func (s *sensor) measure(ctx context.Context) (temperature, pressure float64, err error) {
	if err := s.dev.Write(ctx, regPower, forced); err != nil {
		return 0, 0, err
	}
	wait := measureTime
	for range polls {
		if err := drivers.Wait(ctx, wait); err != nil {
			return 0, 0, err
		}
		var b [8]byte // error, status, data
		if err := s.dev.ReadReg(ctx, regError, b[:]); err != nil {
			return 0, 0, err
		}
		if b[0]&failed != 0 {
			return 0, 0, fmt.Errorf("the part reports error %#02x: %w", b[0], drivers.ErrNoReading)
		}
		if b[1]&measured == measured {
			if err := s.settled(ctx); err != nil {
				return 0, 0, err
			}
			return s.calibration.convert([6]byte(b[2:]))
		}
		wait = pollTime
	}
	return 0, 0, drivers.ErrNotReady
}

// settled tells whether the part is as initialise left it.
func (s *sensor) settled(ctx context.Context) error {
	var b [2]byte
	if err := s.dev.ReadReg(ctx, regPower, b[:]); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if b[0]&enabled != enabled || b[1] != osr {
		return fmt.Errorf("%w: % x", drivers.ErrBrownOut, b)
	}
	return nil
}
