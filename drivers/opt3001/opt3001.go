// Package opt3001 drives the Texas Instruments OPT3001 sensor of illuminance,
// which sees what the human eye sees.
//
// The part sleeps until it is told to measure, once, in the range that fits. The
// driver leaves the latch of its interrupt pin off, which is on after power-on:
// that is how a loss of power is noticed.
package opt3001

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one OPT3001 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "opt3001",
	Summary:   "TI OPT3001: illuminance up to 83000 lx (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/opt3001.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Illuminance, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x44}}, open, simulate)

// Settings are the keys of a sensor with driver = "opt3001".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin ADDR at ground, VDD,
// SDA or SCL.
func (s Settings) Validate() error { return s.CheckAddress(0x44, 0x45, 0x46, 0x47) }

// Registers and what is in them (datasheet, section 7.6).
const (
	regResult = 0x00
	regConfig = 0x01
	regMaker  = 0x7e
	regDevice = 0x7f

	texas    = 0x5449
	device   = 0x3001
	once     = 0xca00 // automatic range, 800 ms, one measurement, no latch
	done     = 0xc800 // what it becomes: shut down
	settings = 0xfe1f // what is no flag
	overflow = 0x0100
	ready    = 0x0080 // cleared by reading

	fullScale = 83865.60 // lx, section 7.6.1.1.1
)

// How long to wait: 880 ms at most, after 10 ms for each change of the range
// (section 7.4.1), then between two looks at the flags.
const (
	measureTime = 900 * time.Millisecond
	pollTime    = 50 * time.Millisecond
)

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
	known bool // its identity was read since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.known {
		if err := s.identify(ctx); err != nil {
			return into, fmt.Errorf("identify: %w", err)
		}
		s.known = true
	}
	v, q, err := s.measure(ctx)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, agent.Result{Property: agent.Illuminance, Value: v, Quality: q}), nil
}

// Close implements agent.Sensor. The part is asleep already.
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
	if maker != texas || kind != device {
		return fmt.Errorf("%w: maker %#04x, device %#04x", drivers.ErrIdentity, maker, kind)
	}
	return nil
}

// measure takes one measurement, in lx. The sun at noon is beyond the part, which
// then says the most it can.
func (s *sensor) measure(ctx context.Context) (float64, agent.Quality, error) {
	if err := s.dev.Write(ctx, regConfig, once>>8, once&0xff); err != nil {
		return 0, 0, err
	}
	if err := s.await(ctx); err != nil {
		return 0, 0, err
	}
	word, err := s.dev.Word(ctx, regResult)
	if err != nil {
		return 0, 0, err
	}
	// A part that loses power here has a result of 0 lx.
	config, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return 0, 0, err
	}
	if config&settings != done {
		return 0, 0, fmt.Errorf("%w: configuration %#04x", drivers.ErrBrownOut, config)
	}
	if config&overflow != 0 {
		return fullScale, agent.Saturated, nil
	}
	v, err := decode(word)
	return v, 0, err
}

// await waits until the part has measured.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range 5 {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		wait = pollTime
		config, err := s.dev.Word(ctx, regConfig)
		if err != nil {
			return err
		}
		switch {
		case config&settings == once:
			continue // still at it
		case config&settings != done || config&ready == 0:
			return fmt.Errorf("%w: configuration %#04x", drivers.ErrBrownOut, config)
		}
		return nil
	}
	return drivers.ErrNotReady
}

// decode returns the illuminance in lx. There are 12 ranges.
func decode(word uint16) (float64, error) {
	exponent := word >> 12
	if exponent > 11 {
		return 0, fmt.Errorf("%#04x: %w", word, drivers.ErrNoReading)
	}
	return float64(uint32(word&0x0fff)<<exponent) / 100, nil
}
