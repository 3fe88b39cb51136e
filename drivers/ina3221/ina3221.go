// Package ina3221 drives the Texas Instruments INA3221 monitor of voltage,
// current and power of three channels.
//
// It makes one measurement a reading, with settings that power-on does not
// leave: that is how a loss of power is noticed.
package ina3221

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one INA3221 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ina3221",
	Summary:   "TI INA3221: voltage up to 26 V, current, power of three channels (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/ina3221.pdf",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

// properties are what is observed of each channel.
var properties = [3][3]agent.Property{
	{agent.Voltage1, agent.Current1, agent.Power1},
	{agent.Voltage2, agent.Current2, agent.Power2},
	{agent.Voltage3, agent.Current3, agent.Power3},
}

// Registers and what is in them (datasheet, section 8.6).
const (
	regConfig = 0x00
	regShunt1 = 0x01 // and 3, 5
	regBus1   = 0x02 // and 4, 6
	regFlags  = 0x0f // Mask/Enable
	regMaker  = 0xfe
	regDevice = 0xff

	texas    = 0x5449
	device   = 0x3220
	config   = 0x0523 // mean of 16, 1.1 ms each, once; 0x7127 after power-on
	channel1 = 0x4000 // in config: measure channel 1; the next bits are of the others
	ready    = 0x0001

	shuntStep = 5e-6 // V, of the whole word: its lower three bits are 0
	busStep   = 1e-3 // V, likewise
	realStep  = 8    // of the word
)

// measureTime is of 16 conversions of six voltages: 1.21 ms each at most
// (section 7.5).
const (
	measureTime = 110 * time.Millisecond
	pollTime    = 10 * time.Millisecond
	polls       = 5
)

type sensor struct {
	dev    i2cbus.Dev
	pause  drivers.Waiter
	ohms   [3]float64
	config uint16
	known  bool // its identity was read since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, ohms: s.ohms(), config: s.config()}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.known {
		if err := s.identify(ctx); err != nil {
			return into, fmt.Errorf("identify: %w", err)
		}
		s.known = true
	}
	raw, err := s.measure(ctx)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	var errs []error // one channel's fault is not the others'
	for i, ohms := range s.ohms {
		if ohms == 0 {
			continue
		}
		volts, drop, err := decode(raw[i].bus, raw[i].shunt)
		if err != nil {
			s.known = false
			errs = append(errs, fmt.Errorf("channel %d: bus %#04x, shunt %#04x: %w", i+1, raw[i].bus, raw[i].shunt, err))
			continue
		}
		amperes := drop / ohms
		into = append(into,
			agent.Result{Property: properties[i][0], Value: volts},
			agent.Result{Property: properties[i][1], Value: amperes},
			agent.Result{Property: properties[i][2], Value: volts * amperes},
		)
	}
	return into, errors.Join(errs...)
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
	if maker != texas || kind != device {
		return fmt.Errorf("%w: maker %#04x, device %#04x, want %#04x, %#04x", drivers.ErrIdentity, maker, kind, texas, device)
	}
	return nil
}

// A channel is what its registers hold.
type channel struct{ bus, shunt uint16 }

// measure configures the part, which starts one measurement, and reads it.
func (s *sensor) measure(ctx context.Context) (raw [3]channel, err error) {
	if err := s.dev.Write(ctx, regConfig, byte(s.config>>8), byte(s.config&0xff)); err != nil {
		return raw, fmt.Errorf("start: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return raw, err
	}
	for i, ohms := range s.ohms {
		if ohms == 0 {
			continue
		}
		if raw[i].bus, err = s.dev.Word(ctx, regBus1+2*byte(i)); err != nil {
			return raw, fmt.Errorf("read voltage of channel %d: %w", i+1, err)
		}
		if raw[i].shunt, err = s.dev.Word(ctx, regShunt1+2*byte(i)); err != nil {
			return raw, fmt.Errorf("read current of channel %d: %w", i+1, err)
		}
	}
	got, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return raw, fmt.Errorf("read configuration: %w", err)
	}
	if got != s.config {
		return raw, fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, got, s.config)
	}
	return raw, nil
}

// await waits until the part has measured.
func (s *sensor) await(ctx context.Context) error {
	wait := measureTime
	for range polls {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		wait = pollTime
		flags, err := s.dev.Word(ctx, regFlags)
		if err != nil {
			return fmt.Errorf("read flags: %w", err)
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
	if (bus|shunt)%realStep != 0 {
		return 0, 0, fmt.Errorf("bits that the part does not have: %w", drivers.ErrNoReading)
	}
	volts = float64(int16(bus)) * busStep
	if err := drivers.Within(volts, 0, 26); err != nil {
		return 0, 0, err
	}
	if shunt == 0x7ff8 || shunt == 0x8000 {
		return 0, 0, fmt.Errorf("current %w", drivers.ErrRange)
	}
	return volts, float64(int16(shunt)) * shuntStep, nil
}
