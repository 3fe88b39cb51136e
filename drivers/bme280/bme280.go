// Package bme280 drives the Bosch Sensortec BME280 sensor of air temperature,
// relative humidity and atmospheric pressure, and the BMP280, which is the same
// without humidity.
//
// The part sleeps until it is told to measure, once, without oversampling: the
// datasheet's setting for weather monitoring (section 3.5.1). A part that lost
// power for a moment has its humidity measurement switched off, which is how
// that is noticed; a BMP280 has lost a standby time that it does not use.
package bme280

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one BME280 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "bme280",
	Summary:   "Bosch BME280: air temperature, humidity and atmospheric pressure (I2C)",
	Datasheet: "https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bme280-ds002.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x76}}, open, simulate)

// BMP280 reads one BMP280 on an I2C bus.
var BMP280 = drivers.New(drivers.Info{
	Name:      "bmp280",
	Summary:   "Bosch BMP280: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bmp280-ds001.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x76}}, openBMP280, simulateBMP280)

// Settings are the keys of a sensor with driver = "bme280" or "bmp280".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin SDO low or high
// (datasheet, section 6.2).
func (s Settings) Validate() error { return s.CheckAddress(0x76, 0x77) }

// Registers, and what is written to them (datasheet, section 5.3).
const (
	regCalibration = 0x88 // 26 bytes, T1 to H1
	regHumidity    = 0xe1 // 7 bytes, H2 to H6
	regID          = 0xd0
	regReset       = 0xe0
	regCtrlHum     = 0xf2 // and status, ctrl_meas, config, 0xf6, 8 bytes of data
	regStatus      = 0xf3
	regCtrlMeas    = 0xf4
	regConfig      = 0xf5

	id          = 0x60
	idBMP280    = 0x58
	reset       = 0xb6
	ctrlHum     = 0x01 // oversampling ×1; 0 after power-on
	ctrlMeas    = 0x24 // oversampling ×1 of temperature and pressure; asleep
	standby     = 0x20 // in config, of a BMP280: no effect on single measurements; 0 after power-on
	forced      = 0x01 // in ctrlMeas: measure once
	statusBusy  = 0x08 // measuring
	statusImage = 0x01 // im_update: the calibration is being copied
)

// How long to wait: for the start-up (table 1), for one conversion of each
// quantity (9.3 ms, section 9.1), and between two looks at the status.
const (
	startTime   = 2 * time.Millisecond
	measureTime = 10 * time.Millisecond
	pollTime    = 2 * time.Millisecond
)

type sensor struct {
	dev         i2cbus.Dev
	dry         bool // a BMP280, which has no humidity
	ready       bool // initialised since the last error
	calibration calibration
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

func openBMP280(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, dry: true}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	v, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	into = append(into, agent.Result{Property: agent.AirTemperature, Value: v.temperature})
	if !s.dry {
		into = append(into, agent.Result{Property: agent.RelativeHumidity, Value: v.humidity})
	}
	return append(into, agent.Result{Property: agent.AtmosphericPressure, Value: v.pressure}), nil
}

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// measure takes one measurement of each quantity.
func (s *sensor) measure(ctx context.Context) (values, error) {
	if err := s.dev.Write(ctx, regCtrlMeas, ctrlMeas|forced); err != nil {
		return values{}, err
	}
	wait := measureTime
	for range 5 {
		if err := drivers.Wait(ctx, wait); err != nil {
			return values{}, err
		}
		var b [13]byte // ctrl_hum, status, ctrl_meas, config, -, data
		if err := s.dev.ReadReg(ctx, regCtrlHum, b[:]); err != nil {
			return values{}, err
		}
		if b[1]&statusBusy != 0 {
			wait = pollTime
			continue
		}
		if b[2]&^3 != ctrlMeas || !s.settled(b[0], b[3]) {
			return values{}, fmt.Errorf("%w: % x", drivers.ErrBrownOut, b[:4])
		}
		if s.dry {
			v, _, err := s.calibration.convertAir([6]byte(b[5:]))
			return v, err
		}
		return s.calibration.convert([8]byte(b[5:]))
	}
	return values{}, drivers.ErrNotReady
}

// settled tells whether ctrl_hum and config are as initialise left them.
func (s *sensor) settled(hum, config byte) bool {
	if s.dry {
		return config == standby // a BMP280 has nothing at ctrl_hum
	}
	return hum == ctrlHum && config == 0
}
