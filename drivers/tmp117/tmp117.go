// Package tmp117 drives the Texas Instruments TMP117 thermometer.
//
// The part is asleep until it is told to measure, once. One that lost power
// measures without end, which is how that is noticed.
package tmp117

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one TMP117 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "tmp117",
	Summary:   "TI TMP117: air temperature, to 0.1 K (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/tmp117.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x48}}, open, simulate)

// Settings are the keys of a sensor with driver = "tmp117".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin ADD0 at ground, V+,
// SDA or SCL.
func (s Settings) Validate() error { return s.CheckAddress(0x48, 0x49, 0x4a, 0x4b) }

// Registers and their bits (datasheet, "Register Map").
const (
	regTemperature = 0x00
	regConfig      = 0x01
	regID          = 0x0f

	id        = 0x0117 // and the revision in the upper 4 bits
	once      = 0x0c20 // one-shot, mean of 8
	done      = 0x0420 // what it becomes: shut down
	settings  = 0x0fe0 // mode, cycle and averaging
	dataReady = 0x2000
	none      = 0x8000 // temperature before the first conversion
)

// measureTime is of 8 conversions: 15.5 ms each, 10 % more at most.
const measureTime = 137 * time.Millisecond

type sensor struct {
	dev   i2cbus.Dev
	known bool // its identity was read since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.known {
		got, err := s.dev.Word(ctx, regID)
		if err != nil {
			return into, fmt.Errorf("read identity: %w", err)
		}
		if got&0x0fff != id {
			return into, fmt.Errorf("%w: identity %#04x, want %#04x", drivers.ErrIdentity, got, id)
		}
		s.known = true
	}
	v, err := s.measure(ctx)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, agent.Result{Property: agent.AirTemperature, Value: v}), nil
}

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// measure takes one measurement, in °C.
func (s *sensor) measure(ctx context.Context) (float64, error) {
	if err := s.dev.Write(ctx, regConfig, once>>8, once&0xff); err != nil {
		return 0, err
	}
	wait := measureTime
	for range 5 {
		if err := drivers.Wait(ctx, wait); err != nil {
			return 0, err
		}
		wait = measureTime / 10
		config, err := s.dev.Word(ctx, regConfig)
		if err != nil {
			return 0, err
		}
		switch {
		case config&settings == once:
			continue // still at it
		case config&settings != done:
			return 0, fmt.Errorf("%w: configuration %#04x", drivers.ErrBrownOut, config)
		case config&dataReady == 0:
			return 0, fmt.Errorf("%w: configuration %#04x", drivers.ErrNotReady, config)
		}
		word, err := s.dev.Word(ctx, regTemperature)
		if err != nil {
			return 0, err
		}
		return decode(word)
	}
	return 0, drivers.ErrNotReady
}

// decode returns the temperature in °C.
func decode(word uint16) (float64, error) {
	if word == none {
		return 0, fmt.Errorf("%#04x: %w", word, drivers.ErrNoReading)
	}
	v := float64(int16(word)) / 128
	return v, drivers.Within(v, -55, 150)
}
