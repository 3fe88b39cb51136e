// Package bme680 drives the Bosch Sensortec BME680 and BME688 sensors of air
// temperature, relative humidity, atmospheric pressure and gas.
//
// The part sleeps until it is told to measure, once. For the gas it heats a
// metal oxide to 320 °C and measures its resistance, which falls as there is
// more to oxidise in the air. Two parts differ tenfold, so the resistance says
// something only compared with that of the same part at another time.
package bme680

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one BME680 or BME688 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "bme680",
	Summary:   "Bosch BME680, BME688: air temperature, humidity, pressure, gas resistance (I2C)",
	Datasheet: "https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bme680-ds001.pdf",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

var defaults = Settings{drivers.I2C{Address: 0x76}, true}

// Settings are the keys of a sensor with driver = "bme680".
type Settings struct {
	drivers.I2C
	Gas bool `doc:"heat the part and measure its gas resistance, too; takes 12 mA for 0.15 s"`
}

// Validate rejects addresses the part is not made with: pin SDO low or high
// (datasheet, section 6.2).
func (s Settings) Validate() error { return s.CheckAddress(0x76, 0x77) }

// Observes tells whether the gas is measured.
func (s Settings) Observes() []drivers.Observable {
	all := []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
	}
	if s.Gas {
		all = append(all, drivers.Observable{Property: agent.GasResistance, Resolution: 0, Class: agent.Telemetry})
	}
	return all
}

// Registers, and what is written to them (datasheet, section 5.2).
const (
	regHeaterValue = 0x00 // res_heat_val, -, res_heat_range, -, range_switching_error
	regField       = 0x1d // meas_status_0, to the gas of a BME688
	regHeater      = 0x5a // res_heat_0
	regGasWait     = 0x64 // gas_wait_0
	regCtrlGas     = 0x71 // ctrl_gas_1, ctrl_hum, -, ctrl_meas, config
	regCtrlHum     = 0x72
	regCtrlMeas    = 0x74
	regConfig      = 0x75
	regCalibration = 0x89 // 25 bytes, and 14 more
	regMore        = 0xe1
	regID          = 0xd0
	regReset       = 0xe0
	regVariant     = 0xf0

	id         = 0x61
	reset      = 0xb6
	ctrlHum    = 0x01 // oversampling ×1; 0 after power-on
	ctrlMeas   = 0x4c // oversampling of temperature ×2, of pressure ×4; asleep
	forced     = 0x01 // in ctrlMeas: measure once
	runGas     = 0x10 // in ctrlGas, of a BME680
	runGas688  = 0x20 // and of a BME688
	newData    = 0x80 // in meas_status_0
	gasValid   = 0x20 // beside the gas
	heatStable = 0x10 // beside the gas

	heaterTarget = 320  // °C, the datasheet's example in section 3.2.5
	heaterWait   = 0x65 // 150 ms: 37 × 4 (section 5.3.3.3)
)

// How long to wait: for the start-up (table 1: 2 ms), for one measurement of
// temperature, pressure and humidity with this oversampling (7 cycles of 1963 µs,
// nine switches of 477 µs, and 1.5 ms), for the heater, and between two looks.
// The oxide takes half an hour of regular heating until its resistance settles.
const (
	startTime   = 10 * time.Millisecond
	measureTime = 20 * time.Millisecond
	heaterTime  = 150 * time.Millisecond
	pollTime    = 5 * time.Millisecond
	polls       = 8
	warmUpTime  = 30 * time.Minute
)

type sensor struct {
	dev         i2cbus.Dev
	gas         bool
	ready       bool // initialised since the last error
	bme688      bool
	calibration calibration
	ambient     float64   // °C, for the heater: what was measured last
	started     time.Time // when the part was initialised
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, gas: s.Gas, ambient: 25}, err
}

// Observe implements agent.Sensor. Without a result for the gas, it returns the
// others and an error.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	b, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	v, err := s.calibration.convert([8]byte(b[2:]))
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	s.ambient = v.temperature
	into = append(into,
		agent.Result{Property: agent.AirTemperature, Value: v.temperature},
		agent.Result{Property: agent.RelativeHumidity, Value: v.humidity},
		agent.Result{Property: agent.AtmosphericPressure, Value: v.pressure},
	)
	if !s.gas {
		return into, nil
	}
	ohms, err := s.resistance(b)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("gas: %w", err)
	}
	var q agent.Quality
	if time.Since(s.started) < warmUpTime {
		q = agent.WarmUp
	}
	return append(into, agent.Result{Property: agent.GasResistance, Value: ohms, Quality: q}), nil
}

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// settings are ctrl_gas_1, ctrl_hum and ctrl_meas, without its mode.
func (s *sensor) settings() (gas, hum, meas byte) {
	switch {
	case s.gas && s.bme688:
		gas = runGas688
	case s.gas:
		gas = runGas
	}
	return gas, ctrlHum, ctrlMeas
}

// measure takes one measurement and returns its field of registers.
func (s *sensor) measure(ctx context.Context) (b [17]byte, err error) {
	gas, hum, meas := s.settings()
	w := []byte{regCtrlGas, gas, regCtrlMeas, meas | forced}
	wait := measureTime
	if s.gas {
		w = append([]byte{regHeater, s.calibration.heater(heaterTarget, s.ambient), regGasWait, heaterWait}, w...)
		wait += heaterTime
	}
	if err := s.dev.Write(ctx, w...); err != nil {
		return b, err
	}
	for range polls {
		if err := drivers.Wait(ctx, wait); err != nil {
			return b, err
		}
		if err := s.dev.ReadReg(ctx, regField, b[:]); err != nil {
			return b, err
		}
		if b[0]&newData != 0 {
			var c [5]byte // ctrl_gas_1, ctrl_hum, -, ctrl_meas, config
			if err := s.dev.ReadReg(ctx, regCtrlGas, c[:]); err != nil {
				return b, fmt.Errorf("read settings: %w", err)
			}
			if c[0] != gas || c[1] != hum || c[3]&^3 != meas || c[4] != 0 {
				return b, fmt.Errorf("%w: % x", drivers.ErrBrownOut, c)
			}
			return b, nil
		}
		wait = pollTime
	}
	return b, drivers.ErrNotReady
}

// resistance returns that of the gas sensor, in ohm.
func (s *sensor) resistance(b [17]byte) (float64, error) {
	high, low := b[13], b[14]
	if s.bme688 {
		high, low = b[15], b[16]
	}
	if low&gasValid == 0 || low&heatStable == 0 {
		return 0, fmt.Errorf("the heater did not reach its temperature: %#02x: %w", low, drivers.ErrNotReady)
	}
	code := uint16(high)<<2 | uint16(low>>6)
	if s.bme688 {
		return resistance688(code, low&0x0f), nil
	}
	return s.calibration.resistance(code, low&0x0f), nil
}
