// Package bmp180 drives the Bosch Sensortec BMP180 sensor of atmospheric pressure
// and air temperature, which is also sold as GY-68; the older BMP085 is the same.
//
// The part has no settings that it could lose. What a loss of power leaves is a
// result that no measurement gives. Nor does anything tell that another part took
// its place, so that each reading begins with the calibration.
package bmp180

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one BMP180 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "bmp180",
	Summary:   "Bosch BMP180, BMP085: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://cdn-shop.adafruit.com/datasheets/BST-BMP180-DS000-09.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x77}}, open, simulate)

// Settings are the keys of a sensor with driver = "bmp180".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one
// (datasheet, section 5.2).
func (s Settings) Validate() error { return s.CheckAddress(0x77) }

// Registers, and what is written to them (datasheet, section 4).
const (
	regCalibration = 0xaa // 22 bytes
	regID          = 0xd0
	regMeasure     = 0xf4 // ctrl_meas
	regResult      = 0xf6 // 3 bytes

	id            = 0x55
	temperature   = 0x2e
	pressure      = 0x34 // and the oversampling in the upper two bits
	oversampling  = 3    // ×8: noise 3 Pa (table 3)
	converting    = 0x20 // Sco, in ctrl_meas
	noTemperature = 0x8000
	noPressure    = 0x8000 << oversampling
)

// How long to wait for a conversion (table 8), and between two looks.
const (
	temperatureTime = 5 * time.Millisecond  // 4.5 ms
	pressureTime    = 26 * time.Millisecond // 25.5 ms
	pollTime        = 2 * time.Millisecond
	polls           = 5
)

type sensor struct {
	dev         i2cbus.Dev
	pause       drivers.Waiter
	calibration calibration
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := s.initialise(ctx); err != nil {
		return into, fmt.Errorf("initialise: %w", err)
	}
	t, p, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: t},
		agent.Result{Property: agent.AtmosphericPressure, Value: p},
	), nil
}

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// initialise checks that the part is there and reads its calibration.
func (s *sensor) initialise(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if b[0] != id {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a BMP180", drivers.ErrIdentity, b[0], id)
	}
	var c [22]byte
	if err := s.dev.ReadReg(ctx, regCalibration, c[:]); err != nil {
		return fmt.Errorf("read calibration: %w", err)
	}
	var err error
	s.calibration, err = parse(c)
	return err
}

// measure takes one measurement of each quantity, in °C and hPa.
func (s *sensor) measure(ctx context.Context) (degrees, hectopascals float64, err error) {
	b, err := s.convert(ctx, temperature, temperatureTime)
	if err != nil {
		return 0, 0, fmt.Errorf("temperature: %w", err)
	}
	ut := int64(binary.BigEndian.Uint16(b[:]))
	b, err = s.convert(ctx, pressure|oversampling<<6, pressureTime)
	if err != nil {
		return 0, 0, fmt.Errorf("pressure: %w", err)
	}
	up := (int64(b[0])<<16 | int64(b[1])<<8 | int64(b[2])) >> (8 - oversampling)
	return s.calibration.convert(ut, up, oversampling)
}

// convert starts one conversion and returns the result registers after it.
func (s *sensor) convert(ctx context.Context, command byte, wait time.Duration) ([3]byte, error) {
	if err := s.dev.Write(ctx, regMeasure, command); err != nil {
		return [3]byte{}, err
	}
	for range polls {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return [3]byte{}, err
		}
		var b [5]byte // ctrl_meas, -, result
		if err := s.dev.ReadReg(ctx, regMeasure, b[:]); err != nil {
			return [3]byte{}, err
		}
		if b[0]&converting == 0 {
			return [3]byte(b[2:]), nil
		}
		wait = pollTime
	}
	return [3]byte{}, drivers.ErrNotReady
}
