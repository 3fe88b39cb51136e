// Package ina226 drives the Texas Instruments INA226 monitor of voltage, current
// and power, and the INA260, which has its shunt inside.
//
// The driver computes the current from the voltage across the shunt, so nothing
// depends on the part's calibration register, and makes one measurement a
// reading, with settings that power-on does not leave: that is how a loss of
// power is noticed.
package ina226

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one INA226 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ina226",
	Summary:   "TI INA226: voltage up to 36 V, current, power (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/ina226.pdf",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

var defaults = Settings{drivers.I2C{Address: 0x40}, 0.1}

// Settings are the keys of a sensor with driver = "ina226".
type Settings struct {
	drivers.I2C
	ShuntOhms float64 `doc:"resistance of the shunt in ohm: 0.1 or 0.002 on most modules"`
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

// Registers and what is in them (datasheet, section 7.6).
const (
	regConfig = 0x00
	regShunt  = 0x01
	regBus    = 0x02
	regFlags  = 0x06
	regMaker  = 0xfe
	regDevice = 0xff

	texas    = 0x5449
	device   = 0x2260 // above the revision in the lower 4 bits
	config   = 0x4523 // mean of 16, 1.1 ms each, once; 0x4127 after power-on
	ready    = 0x0008
	overflow = 0x0004

	shuntStep = 2.5e-6  // V
	busStep   = 1.25e-3 // V
)

// measureTime is of 16 conversions of both: 1.21 ms each at most (section 6.5).
const (
	measureTime = 40 * time.Millisecond
	pollTime    = 10 * time.Millisecond
)

// A chip is what the parts of the family differ in.
type chip struct {
	device uint16 // above the revision in the lower 4 bits
	config uint16
}

type sensor struct {
	dev       i2cbus.Dev
	pause     drivers.Waiter
	chip      chip
	shuntOhms float64
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, chip: chip{device, config}, shuntOhms: s.ShuntOhms}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	// Each time: a relative in the part's place answers with currents of its own.
	if err := s.identify(ctx); err != nil {
		return into, fmt.Errorf("identify: %w", err)
	}
	volts, drop, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
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

func (s *sensor) identify(ctx context.Context) error {
	maker, err := s.dev.Word(ctx, regMaker)
	if err != nil {
		return fmt.Errorf("read maker: %w", err)
	}
	kind, err := s.dev.Word(ctx, regDevice)
	if err != nil {
		return fmt.Errorf("read device: %w", err)
	}
	if maker != texas || kind&0xfff0 != s.chip.device {
		return fmt.Errorf("%w: maker %#04x, device %#04x, want %#04x, %#04x", drivers.ErrIdentity, maker, kind, texas, s.chip.device)
	}
	return nil
}

// measure configures the part, which starts one measurement, and reads it.
func (s *sensor) measure(ctx context.Context) (volts, drop float64, err error) {
	if err := s.dev.Write(ctx, regConfig, byte(s.chip.config>>8), byte(s.chip.config&0xff)); err != nil {
		return 0, 0, fmt.Errorf("start: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return 0, 0, err
	}
	bus, err := s.dev.Word(ctx, regBus)
	if err != nil {
		return 0, 0, fmt.Errorf("read bus voltage: %w", err)
	}
	shunt, err := s.dev.Word(ctx, regShunt)
	if err != nil {
		return 0, 0, fmt.Errorf("read shunt voltage: %w", err)
	}
	got, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return 0, 0, fmt.Errorf("read configuration: %w", err)
	}
	if got != s.chip.config {
		return 0, 0, fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, got, s.chip.config)
	}
	if volts, drop, err = decode(bus, shunt); err != nil {
		return 0, 0, fmt.Errorf("bus %#04x, shunt %#04x: %w", bus, shunt, err)
	}
	return volts, drop, nil
}

// await waits until the part has measured.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range 5 {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		wait = pollTime
		flags, err := s.dev.Word(ctx, regFlags)
		if err != nil {
			return fmt.Errorf("read flags: %w", err)
		}
		if flags&overflow != 0 {
			return fmt.Errorf("%w: overflow, flags %#04x", drivers.ErrRange, flags)
		}
		if flags&ready != 0 {
			return nil
		}
	}
	return drivers.ErrNotReady
}

// decode returns the voltage of the bus and across the shunt, in V. At the end
// of its range a converter says no more than "at least".
func decode(bus, shunt uint16) (volts, drop float64, err error) {
	volts = float64(int16(bus)) * busStep
	if err := drivers.Within(volts, 0, 36); err != nil {
		return 0, 0, err
	}
	if shunt == 0x7fff || shunt == 0x8000 {
		return 0, 0, fmt.Errorf("current %w", drivers.ErrRange)
	}
	return volts, float64(int16(shunt)) * shuntStep, nil
}
