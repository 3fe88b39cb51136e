// Package ina228 drives the Texas Instruments INA228 monitor of voltage, current,
// power, energy and charge.
//
// The part measures all the time and sums up. Voltage, current and power are
// computed from the voltages it measures. Its sums are lost with its power: the
// driver adds what they grew by to totals of its own, and a setting that power-on
// does not leave tells the loss.
package ina228

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one INA228 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ina228",
	Summary:   "TI INA228: voltage up to 85 V, current, power, energy, charge (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/ina228.pdf",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

var defaults = Settings{drivers.I2C{Address: 0x40}, 0.015}

// Settings are the keys of a sensor with driver = "ina228".
type Settings struct {
	drivers.I2C
	ShuntOhms float64 `doc:"resistance of the shunt in ohm: 0.015 on most modules"`
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
		{Property: agent.Voltage, Resolution: 4, Class: agent.Telemetry},
		{Property: agent.Current, Resolution: k, Class: agent.Telemetry},
		{Property: agent.Power, Resolution: max(k-1, 0), Class: agent.Telemetry},
		{Property: agent.PartTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.Energy, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.Charge, Resolution: 4, Class: agent.Telemetry},
	}
}

// Registers, of 16, 24 and 40 bits, and what is in them (datasheet, section 7.6).
const (
	regConfig      = 0x00
	regConverter   = 0x01
	regCalibration = 0x02
	regShunt       = 0x04
	regBus         = 0x05
	regTemperature = 0x06
	regEnergy      = 0x09
	regCharge      = 0x0a
	regFlags       = 0x0b
	regMaker       = 0x3e
	regDevice      = 0x3f

	texas     = 0x5449
	device    = 0x2280 // above the revision in the lower 4 bits
	reset     = 0x8000
	converter = 0xfb6b // all, again and again, mean of 64, 1.05 ms each; 0xfb68 after power-on
	// calibration is what power-on leaves. With it a step of the current is a step
	// of the shunt's voltage divided by its resistance (section 8.1.2).
	calibration = 0x1000
	healthy     = 0x0001 // in the flags: the memory with the trim values is
	overflow    = 0x0200 // what the part computed is wrong, and so are its sums

	shuntStep = 312.5e-9    // V
	busStep   = 195.3125e-6 // V
	heatStep  = 7.8125e-3   // °C
)

// How long to wait: after a reset (300 µs), and for the first measurement (3 × 64
// × 1.05 ms, and a tenth).
const (
	resetTime = time.Millisecond
	firstTime = 225 * time.Millisecond
)

type sensor struct {
	dev    i2cbus.Dev
	totals totals
	ready  bool // initialised since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, totals: totals{ohms: s.ShuntOhms}}, err
}

// Resume implements agent.Resumer: the energy goes on where it was.
func (s *sensor) Resume(p agent.Property, total float64) {
	if p == agent.Energy {
		s.totals.energy = total
	}
}

// Observe implements agent.Sensor. Sums that lack what came before a loss of power,
// or what was beyond the range, are marked incomplete; where they cannot be trusted, the rest comes without them.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
	}
	s.ready = false
	w, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	r, err := decode(w)
	if err != nil {
		s.totals.lost = s.totals.lost || s.totals.counts && errors.Is(err, drivers.ErrRange)
		return into, fmt.Errorf("measure: %w", err)
	}
	amperes := r.drop / s.totals.ohms
	into = append(into,
		agent.Result{Property: agent.Voltage, Value: r.volts},
		agent.Result{Property: agent.Current, Value: amperes},
		agent.Result{Property: agent.Power, Value: r.volts * amperes},
		agent.Result{Property: agent.PartTemperature, Value: r.celsius},
	)
	if err := s.totals.add(w, time.Now()); err != nil {
		return into, fmt.Errorf("sum up: %w", err)
	}
	s.ready = true
	return append(into,
		agent.Result{Property: agent.Energy, Value: math.Floor(s.totals.energy), Quality: s.totals.energyQuality},
		agent.Result{Property: agent.Charge, Value: s.totals.charge, Quality: s.totals.chargeQuality},
	), nil
}

// Close implements agent.Sensor. The part goes on with 0.6 mA.
func (s *sensor) Close() error { return nil }

// initialise starts the part, unless it runs as it did before an error that was
// the bus's: then its sums go on.
func (s *sensor) initialise(ctx context.Context) error {
	maker, err := s.read(ctx, regMaker, 2)
	if err != nil {
		return fmt.Errorf("read maker: %w", err)
	}
	kind, err := s.read(ctx, regDevice, 2)
	if err != nil {
		return fmt.Errorf("read device: %w", err)
	}
	if maker != texas || kind&0xfff0 != device {
		return fmt.Errorf("%w: maker %#04x, device %#04x, want %#04x, %#04x", drivers.ErrIdentity, maker, kind, texas, device)
	}
	if s.totals.counts {
		err := s.settled(ctx)
		if err == nil || !errors.Is(err, drivers.ErrBrownOut) {
			return err
		}
		s.totals.lose()
	}
	if err := s.write(ctx, regConfig, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := drivers.Wait(ctx, resetTime); err != nil {
		return err
	}
	if err := s.write(ctx, regConverter, converter); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return drivers.Wait(ctx, firstTime)
}

// settled tells whether the part has the settings that initialise gave it.
func (s *sensor) settled(ctx context.Context) error {
	for _, want := range [...]struct {
		reg   byte
		value uint64
	}{{regConfig, 0}, {regConverter, converter}, {regCalibration, calibration}} {
		got, err := s.read(ctx, want.reg, 2)
		if err != nil {
			return fmt.Errorf("read settings: %w", err)
		}
		if got != want.value {
			return fmt.Errorf("%w: register %#02x is %#04x, was %#04x", drivers.ErrBrownOut, want.reg, got, want.value)
		}
	}
	return nil
}

// measure reads the newest measurement and the sums. The settings come last: a
// part that lost its power meanwhile has others.
func (s *sensor) measure(ctx context.Context) (w words, err error) {
	for _, q := range [...]struct {
		reg   byte
		bytes int
		into  *uint64
	}{
		{regBus, 3, &w.bus},
		{regShunt, 3, &w.shunt},
		{regTemperature, 2, &w.temperature},
		{regEnergy, 5, &w.energy},
		{regCharge, 5, &w.charge},
		{regFlags, 2, &w.flags},
	} {
		if *q.into, err = s.read(ctx, q.reg, q.bytes); err != nil {
			return w, fmt.Errorf("read register %#02x: %w", q.reg, err)
		}
	}
	return w, s.settled(ctx)
}

// read returns a register of so many bytes.
func (s *sensor) read(ctx context.Context, reg byte, bytes int) (v uint64, err error) {
	var b [5]byte
	err = s.dev.ReadReg(ctx, reg, b[:bytes])
	for _, x := range b[:bytes] {
		v = v<<8 | uint64(x)
	}
	return v, err
}

func (s *sensor) write(ctx context.Context, reg byte, v uint16) error {
	return s.dev.Write(ctx, reg, byte(v>>8), byte(v))
}
