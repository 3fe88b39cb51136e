// Package bmp581 drives the Bosch Sensortec BMP580, BMP581 and BMP585 sensors of
// atmospheric pressure and air temperature.
//
// The part compensates its results itself. It is in standby until it is told to
// measure, once, with sixteenfold oversampling of the pressure: a setting that a
// loss of power takes away, which is how that is noticed.
package bmp581

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one BMP581 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "bmp581",
	Summary:   "Bosch BMP580, BMP581, BMP585: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bmp581-ds004.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 3, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x47}}, open, simulate)

// Settings are the keys of a sensor with driver = "bmp581".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin SDO high or low.
func (s Settings) Validate() error { return s.CheckAddress(0x47, 0x46) }

// Registers, and what is in them (datasheet, section 7; bmp5_defs.h of the maker).
const (
	regID        = 0x01
	regIntSource = 0x15
	regData      = 0x1d // three bytes of temperature, three of pressure, the lowest first
	regIntStatus = 0x27
	regStatus    = 0x28
	regOSR       = 0x36 // OSR_CONFIG, ODR_CONFIG
	regODR       = 0x37
	regCommand   = 0x7e

	idBMP581 = 0x50
	idBMP585 = 0x51
	reset    = 0xb6
	osr      = 0x60 // pressure on, ×16, temperature ×1; 0x00 after power-on
	standby  = 0xf0 // not the deep one, which forgets settings; 0x70 after power-on
	forced   = 0xf2 // measure once
	dataInt  = 0x01 // in the source of interrupts, and in their status: data are ready
	powerOn  = 0x10 // in the status of interrupts: the part was reset. Reading clears both.
	nvmReady = 0x02 // in the status
	nvmError = 0x04
)

// How long to wait: for a reset (2 ms) and the standby (2.5 ms; both bmp5_defs.h),
// for one measurement with this oversampling (4 ms to begin, 1.05 ms and 10.92 ms,
// table 4, and a tenth), and between two looks.
const (
	resetTime   = 3 * time.Millisecond
	standbyTime = 3 * time.Millisecond
	measureTime = 18 * time.Millisecond
	pollTime    = 3 * time.Millisecond
	polls       = 6
)

type sensor struct {
	dev   i2cbus.Dev
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

// Close implements agent.Sensor. The part is in standby already.
func (s *sensor) Close() error { return nil }

// initialise resets the part and configures it.
func (s *sensor) initialise(ctx context.Context) error {
	id, err := s.dev.Byte(ctx, regID)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if id != idBMP581 && id != idBMP585 {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a BMP581 or %#02x of a BMP585", drivers.ErrIdentity, id, idBMP581, idBMP585)
	}
	if err := s.reset(ctx); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	// Out of the deep standby first.
	if err := s.dev.Write(ctx, regODR, standby); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if err := drivers.Wait(ctx, standbyTime); err != nil {
		return err
	}
	for _, w := range [][2]byte{{regIntSource, dataInt}, {regOSR, osr}} {
		if err := s.dev.Write(ctx, w[0], w[1]); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	return nil
}

// reset resets the part. Afterwards it says that it was, and that the memory
// with its calibration was read.
func (s *sensor) reset(ctx context.Context) error {
	if err := s.dev.Write(ctx, regCommand, reset); err != nil {
		return err
	}
	if err := drivers.Wait(ctx, resetTime); err != nil {
		return err
	}
	var b [2]byte // status of interrupts, status
	if err := s.dev.ReadReg(ctx, regIntStatus, b[:]); err != nil {
		return err
	}
	if b[1]&nvmError != 0 {
		return fmt.Errorf("status %#02x, no calibration: %w", b[1], drivers.ErrNoReading)
	}
	if b[0]&powerOn == 0 || b[1]&nvmReady == 0 {
		return fmt.Errorf("status % x: %w", b, drivers.ErrNotReady)
	}
	return nil
}

// measure takes one measurement, in °C and hPa.
func (s *sensor) measure(ctx context.Context) (temperature, pressure float64, err error) {
	if err := s.dev.Write(ctx, regODR, forced); err != nil {
		return 0, 0, fmt.Errorf("start: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return 0, 0, err
	}
	var b [6]byte
	if err := s.dev.ReadReg(ctx, regData, b[:]); err != nil {
		return 0, 0, err
	}
	var c [2]byte
	if err := s.dev.ReadReg(ctx, regOSR, c[:]); err != nil {
		return 0, 0, fmt.Errorf("read settings: %w", err)
	}
	if c != [2]byte{osr, standby} {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrBrownOut, c)
	}
	return decode(b)
}

// await waits for the end of the measurement.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range polls {
		if err := drivers.Wait(ctx, wait); err != nil {
			return err
		}
		state, err := s.dev.Byte(ctx, regIntStatus)
		switch {
		case err != nil:
			return err
		case state&powerOn != 0:
			return fmt.Errorf("%w: interrupts %#02x", drivers.ErrBrownOut, state)
		case state&dataInt != 0:
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// nothing is in the data registers before the first measurement.
const nothing = 0x7f7f7f

// decode turns the data registers into °C and hPa: both or none. Steps are of
// 1/65536 °C and 1/64 Pa (datasheet, section 7, TEMP_DATA and PRESS_DATA).
func decode(b [6]byte) (temperature, pressure float64, err error) {
	t := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	p := uint32(b[3]) | uint32(b[4])<<8 | uint32(b[5])<<16
	if t == nothing || p == nothing {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	temperature = float64(int32(t<<8)>>8) / (1 << 16)
	pressure = float64(p) / 6400
	if err := drivers.Within(temperature, -40, 85); err != nil {
		return 0, 0, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(pressure, 300, 1250); err != nil {
		return 0, 0, fmt.Errorf("pressure of % x: %w", b, err)
	}
	return temperature, pressure, nil
}
