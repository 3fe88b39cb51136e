// Package ina219 drives the Texas Instruments INA219 monitor of voltage, current
// and power.
//
// The part has no identity. The driver computes the current from the voltage
// across the shunt, so nothing depends on the part's calibration register, and
// makes one measurement a reading, with settings that power-on does not leave:
// that is how a loss of power is noticed.
package ina219

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one INA219 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ina219",
	Summary:   "TI INA219: voltage up to 26 V, current, power (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/ina219.pdf",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

var defaults = Settings{drivers.I2C{Address: 0x40}, 0.1}

// Settings are the keys of a sensor with driver = "ina219".
type Settings struct {
	drivers.I2C
	ShuntOhms float64 `doc:"resistance of the shunt in ohm: 0.1 on most modules"`
}

// Validate rejects addresses the part is not made with, pins A1 and A0 at
// ground, VS, SDA or SCL, and shunts that do not exist.
func (s Settings) Validate() error {
	if err := drivers.CheckShunt(s.ShuntOhms); err != nil {
		return err
	}
	return s.CheckAddress(drivers.AddressRange(0x40, 0x4f)...)
}

// Observes tells the resolution, which is that of the shunt.
func (s Settings) Observes() []drivers.Observable {
	k := int8(min(max(math.Ceil(-math.Log10(shuntStep/s.ShuntOhms)-1e-9), 0), 9))
	return []drivers.Observable{
		{Property: agent.Voltage, Resolution: 3, Class: agent.Telemetry},
		{Property: agent.Current, Resolution: k, Class: agent.Telemetry},
		{Property: agent.Power, Resolution: max(k-1, 0), Class: agent.Telemetry},
	}
}

// Registers and what is in them (datasheet, section 8.6).
const (
	regConfig = 0x00
	regShunt  = 0x01
	regBus    = 0x02

	config   = 0x3ffb // 32 V, 320 mV, mean of 128 samples, once; 0x399f after power-on
	ready    = 0x0002 // in bus
	overflow = 0x0001 // in bus

	shuntStep = 10e-6 // V
	busStep   = 4e-3  // V
)

// measureTime is of 128 samples of both: 68.1 ms each, 10 % more at most
// (table 5 and section 7.5).
const (
	measureTime = 150 * time.Millisecond
	pollTime    = 10 * time.Millisecond
)

type sensor struct {
	dev       i2cbus.Dev
	pause     drivers.Waiter
	shuntOhms float64
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, shuntOhms: s.ShuntOhms}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	bus, shunt, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	volts, drop, err := decode(bus, shunt)
	if err != nil {
		return into, fmt.Errorf("bus %#04x, shunt %#04x: %w", bus, shunt, err)
	}
	amperes := drop / s.shuntOhms
	return append(into,
		agent.Result{Property: agent.Voltage, Value: volts},
		agent.Result{Property: agent.Current, Value: amperes},
		agent.Result{Property: agent.Power, Value: volts * amperes},
	), nil
}

// Close implements agent.Sensor. The part is powered down already.
func (s *sensor) Close() error { return nil }

// measure configures the part, which starts one measurement, and reads it.
func (s *sensor) measure(ctx context.Context) (bus, shunt uint16, err error) {
	if err := s.dev.Write(ctx, regConfig, config>>8, config&0xff); err != nil {
		return 0, 0, fmt.Errorf("start: %w", err)
	}
	if err := s.pause.Wait(ctx, measureTime); err != nil {
		return 0, 0, err
	}
	if bus, err = s.await(ctx); err != nil {
		return 0, 0, fmt.Errorf("read bus voltage: %w", err)
	}
	if shunt, err = s.dev.Word(ctx, regShunt); err != nil {
		return 0, 0, fmt.Errorf("read shunt voltage: %w", err)
	}
	got, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return 0, 0, fmt.Errorf("read configuration: %w", err)
	}
	if got != config {
		return 0, 0, fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, got, config)
	}
	return bus, shunt, nil
}

// await returns the bus voltage register once the part has measured.
func (s *sensor) await(ctx context.Context) (uint16, error) {
	for range 5 {
		bus, err := s.dev.Word(ctx, regBus)
		if err != nil || bus&ready != 0 {
			return bus, err
		}
		if err := s.pause.Wait(ctx, pollTime); err != nil {
			return 0, err
		}
	}
	return 0, drivers.ErrNotReady
}

// decode returns the voltage of the bus and across the shunt, in V. At the end
// of its range a converter says no more than "at least".
func decode(bus, shunt uint16) (volts, drop float64, err error) {
	if bus&overflow != 0 {
		return 0, 0, fmt.Errorf("%w: overflow", drivers.ErrRange)
	}
	volts = float64(bus>>3) * busStep
	if err := drivers.Within(volts, 0, 32); err != nil {
		return 0, 0, err
	}
	drop = float64(int16(shunt)) * shuntStep
	return volts, drop, drivers.Within(drop, -0.31999, 0.31999)
}
