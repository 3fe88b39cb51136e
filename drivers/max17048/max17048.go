// Package max17048 drives the Maxim MAX17043, MAX17044, MAX17048 and MAX17049
// gauges of lithium batteries.
//
// The part lives on the battery it watches, and measures all the time. A setting
// that power-on does not leave tells that the battery was taken away: then its
// charge is guessed anew, which takes a moment.
package max17048

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one MAX17048 or one of its relatives on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "max17048",
	Summary:   "Maxim MAX17043, MAX17044, MAX17048, MAX17049: voltage and level of a battery (I2C)",
	Datasheet: "https://www.analog.com/media/en/technical-documentation/data-sheets/max17048-max17049.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Voltage, Resolution: 3, Class: agent.Telemetry},
		{Property: agent.BatteryLevel, Resolution: 1, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x36}, 1}, open, simulate)

// Settings are the keys of a sensor with driver = "max17048".
type Settings struct {
	drivers.I2C
	Cells int `doc:"cells in series: 1 for MAX17043 and MAX17048, 2 for MAX17044 and MAX17049"`
}

// Validate rejects addresses the part is not made with, there is one, and numbers
// of cells that no part of the family is for.
func (s Settings) Validate() error {
	if s.Cells != 1 && s.Cells != 2 {
		return errors.New("cells: want 1 or 2")
	}
	return s.CheckAddress(0x36)
}

// Registers and what is in them (datasheets, "Registers").
const (
	regVoltage = 0x02
	regLevel   = 0x04
	regVersion = 0x08
	regConfig  = 0x0c

	// config has no sleep, no alert, and the threshold of an alert that nobody waits
	// for at 3 %; 0x971c, 4 %, after power-on.
	config = 0x971d
	alert  = 0x0020 // the part sets it
)

// startTime is how long the part takes at most, after power-on, until it knows
// voltage and level: 125 ms and 250 ms (MAX17043), and 1 s (MAX17048).
const startTime = 1100 * time.Millisecond

type sensor struct {
	dev   i2cbus.Dev
	cells float64
	ready bool // initialised since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, cells: float64(s.Cells)}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	volts, percent, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.Voltage, Value: volts * s.cells},
		agent.Result{Property: agent.BatteryLevel, Value: percent},
	), nil
}

// Close implements agent.Sensor. The part goes on: it would lose count otherwise.
func (s *sensor) Close() error { return nil }

// initialise configures the part, unless it is so already.
func (s *sensor) initialise(ctx context.Context) error {
	version, err := s.dev.Word(ctx, regVersion)
	if err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	if version == 0 || version > 0x1f { // 0x0003 of a MAX17043, 0x0012 of a MAX17048
		return fmt.Errorf("%w: version %#04x, want 0x0001 to 0x001f of a MAX1704x", drivers.ErrIdentity, version)
	}
	if err := s.settled(ctx); err == nil || !errors.Is(err, drivers.ErrBrownOut) {
		return err
	}
	if err := s.dev.Write(ctx, regConfig, config>>8, config&0xff); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return drivers.Wait(ctx, startTime)
}

// settled tells whether the part is as initialise left it.
func (s *sensor) settled(ctx context.Context) error {
	got, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if got&^alert != config {
		return fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, got, config)
	}
	return nil
}

// measure returns the newest measurement, in V of a cell and %.
func (s *sensor) measure(ctx context.Context) (volts, percent float64, err error) {
	voltage, err := s.dev.Word(ctx, regVoltage)
	if err != nil {
		return 0, 0, fmt.Errorf("read voltage: %w", err)
	}
	level, err := s.dev.Word(ctx, regLevel)
	if err != nil {
		return 0, 0, fmt.Errorf("read level: %w", err)
	}
	if err := s.settled(ctx); err != nil {
		return 0, 0, err
	}
	return decode(voltage, level)
}

// decode returns the voltage of a cell in V, in steps of 78.125 µV, and the level
// in %, in steps of 1/256: both or none. A full battery may have a little more than
// 100; twice as much is what some parts with a model of their own report.
func decode(voltage, level uint16) (volts, percent float64, err error) {
	volts, percent = float64(voltage)*78.125e-6, float64(level)/256
	if err := drivers.Within(volts, 2, 5); err != nil {
		return 0, 0, fmt.Errorf("voltage %#04x: %w", voltage, err)
	}
	if err := drivers.Within(percent, 0, 120); err != nil {
		return 0, 0, fmt.Errorf("level %#04x: %w", level, err)
	}
	return volts, min(percent, 100), nil
}
