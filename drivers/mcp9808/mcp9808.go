// Package mcp9808 drives the Microchip MCP9808 thermometer.
//
// The part measures without end. The driver gives its alert output, which
// stays off, a hysteresis of 1.5 K: that it still has it is how the driver knows
// that the part did not lose power, after which it reports 0 °C for a time.
package mcp9808

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one MCP9808 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "mcp9808",
	Summary:   "Microchip MCP9808: air temperature (I2C)",
	Datasheet: "https://ww1.microchip.com/downloads/en/DeviceDoc/25095A.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x18}}, open, simulate)

// Settings are the keys of a sensor with driver = "mcp9808".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pins A2, A1 and A0.
func (s Settings) Validate() error { return s.CheckAddress(drivers.AddressRange(0x18, 0x1f)...) }

// Registers and what is in them (datasheet, section 5.1).
const (
	regConfig      = 0x01
	regTemperature = 0x05
	regMaker       = 0x06
	regDevice      = 0x07
	regResolution  = 0x08 // one byte

	microchip = 0x0054
	device    = 0x04   // in the upper byte, above the revision
	config    = 0x0200 // hysteresis 1.5 K, all else as after power-on
	finest    = 0x03   // 0.0625 K
)

// convertTime is of one conversion: 250 ms typically (table 5-10).
const convertTime = 300 * time.Millisecond

type sensor struct {
	dev   i2cbus.Dev
	ready bool // configured since the last error
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
	v, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, agent.Result{Property: agent.AirTemperature, Value: v}), nil
}

// Close implements agent.Sensor. The part goes on measuring, as after power-on.
func (s *sensor) Close() error { return nil }

// initialise checks who answers, configures it and waits for a conversion.
func (s *sensor) initialise(ctx context.Context) error {
	maker, err := s.dev.Word(ctx, regMaker)
	if err != nil {
		return fmt.Errorf("read maker: %w", err)
	}
	kind, err := s.dev.Word(ctx, regDevice)
	if err != nil {
		return fmt.Errorf("read device: %w", err)
	}
	if maker != microchip || kind>>8 != device {
		return fmt.Errorf("%w: maker %#04x, device %#04x", drivers.ErrIdentity, maker, kind)
	}
	if err := s.dev.Write(ctx, regResolution, finest); err != nil {
		return fmt.Errorf("set resolution: %w", err)
	}
	if err := s.dev.Write(ctx, regConfig, config>>8, config&0xff); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return drivers.Wait(ctx, convertTime)
}

// measure reads the last conversion, in °C.
func (s *sensor) measure(ctx context.Context) (float64, error) {
	word, err := s.dev.Word(ctx, regTemperature)
	if err != nil {
		return 0, fmt.Errorf("read temperature: %w", err)
	}
	got, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return 0, fmt.Errorf("read configuration: %w", err)
	}
	if got != config {
		return 0, fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, got, config)
	}
	return decode(word)
}

// decode returns the temperature in °C. The upper 3 bits are alarms.
func decode(word uint16) (float64, error) {
	v := float64(int16(word<<3)>>3) / 16
	return v, drivers.Within(v, -40, 125)
}
