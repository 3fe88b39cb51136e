// Package ccs811 drives the ams CCS811, a sensor of organic compounds that is made
// no more.
//
// The part learns a baseline of the air and forgets it without power; one that
// measures is left alone. It stretches the clock of the bus, which the controllers
// of some boards read wrong: give it a bus of 50 kHz, or one of i2c-gpio.
package ccs811

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one CCS811 on an I2C bus, its pin WAKE at ground.
var Driver = drivers.New(drivers.Info{
	Name:      "ccs811",
	Summary:   "ams CCS811: organic compounds, and carbon dioxide guessed from them (I2C at 50 kHz)",
	Datasheet: "https://cdn.sparkfun.com/assets/learn_tutorials/1/4/3/CCS811_Datasheet-DS000459.pdf",
	Observes: []drivers.Observable{
		{Property: agent.CarbonDioxideEquivalent, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.VolatileOrganicCompounds, Resolution: 0, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x5a}}, open, simulate)

// Settings are the keys of a sensor with driver = "ccs811".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with, pin ADDR at ground or VDD.
func (s Settings) Validate() error { return s.CheckAddress(0x5a, 0x5b) }

// Registers, and what they hold; high bytes are first (datasheet, "Application
// Register Overview").
const (
	regStatus = 0x00
	regMode   = 0x01
	regResult = 0x02 // carbon dioxide in ppm, compounds in ppb, status, error
	regHardID = 0x20
	regStart  = 0xf4 // from boot to application; takes no value
	regReset  = 0xff

	hardID     = 0x81
	everySec   = 0x10 // a measurement each second; 0 after power-on
	inApp      = 0x80 // of status
	hasApp     = 0x10
	newData    = 0x08
	failed     = 0x01
	resetTime  = 20 * time.Millisecond // 2 ms; 20 ms after power-on
	startTime  = 2 * time.Millisecond  // 1 ms
	pollTime   = 100 * time.Millisecond
	patience   = 2500 * time.Millisecond // a measurement is due every second
	warmUp     = 20 * time.Minute        // "Conditioning Period (Run-In)"
	leastCO2   = 400
	mostCO2    = 29206 // of firmware 2; of 1, 8192 and 1187
	mostTVOC   = 32768
	mostCO2of1 = 8192
	mostVOCof1 = 1187
)

// resetKey is what a reset needs, so that none happens by mistake.
var resetKey = [4]byte{0x11, 0xe5, 0x72, 0x8a}

type sensor struct {
	dev     i2cbus.Dev
	ready   bool      // initialised since the last error
	stalled bool      // in its mode it gave nothing new when it was read last
	started time.Time // as far as is known
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
	into, err := s.measure(ctx, into)
	s.stalled = errors.Is(err, drivers.ErrNotReady)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The part goes on with its baseline.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part, and starts it unless it measures already. One
// that says so and gives nothing would stay like that.
func (s *sensor) initialise(ctx context.Context) error {
	id, err := s.read(ctx, regHardID)
	if err != nil {
		return fmt.Errorf("read hardware id: %w", err)
	}
	if id != hardID {
		return fmt.Errorf("%w: hardware %#02x, want %#02x", drivers.ErrIdentity, id, hardID)
	}
	status, err := s.read(ctx, regStatus)
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	mode, err := s.read(ctx, regMode)
	if err != nil {
		return fmt.Errorf("read mode: %w", err)
	}
	if status&inApp == 0 || status&failed != 0 || mode != everySec || s.stalled {
		s.started = time.Time{}
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	if s.started.IsZero() {
		s.started = time.Now() // or before, where another program started it
	}
	return nil
}

// start takes the part from its boot loader to its application.
func (s *sensor) start(ctx context.Context) error {
	if err := s.dev.Write(ctx, regReset, resetKey[0], resetKey[1], resetKey[2], resetKey[3]); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := drivers.Wait(ctx, resetTime); err != nil {
		return err
	}
	status, err := s.read(ctx, regStatus)
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if status&hasApp == 0 {
		return fmt.Errorf("%w: status %#02x: it has no application", drivers.ErrIdentity, status)
	}
	if err := s.dev.Write(ctx, regStart); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := drivers.Wait(ctx, startTime); err != nil {
		return err
	}
	if err := s.dev.Write(ctx, regMode, everySec); err != nil {
		return fmt.Errorf("write mode: %w", err)
	}
	return nil
}

// measure appends what the next measurement says.
func (s *sensor) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := s.await(ctx); err != nil {
		return into, err
	}
	var b [6]byte
	if err := s.dev.ReadReg(ctx, regResult, b[:]); err != nil {
		return into, err
	}
	var q agent.Quality
	if time.Since(s.started) < warmUp {
		q |= agent.WarmUp
	}
	return decode(into, b, q)
}

// await waits until there is a measurement that was not read yet.
func (s *sensor) await(ctx context.Context) error {
	for start := time.Now(); ; {
		status, err := s.read(ctx, regStatus)
		if err != nil {
			return fmt.Errorf("read status: %w", err)
		}
		if status&inApp == 0 {
			return fmt.Errorf("%w: status %#02x: it booted", drivers.ErrBrownOut, status)
		}
		if status&newData != 0 {
			return nil
		}
		if time.Since(start) >= patience {
			return fmt.Errorf("%w: none in %v", drivers.ErrNotReady, patience)
		}
		if err := drivers.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
}

func (s *sensor) read(ctx context.Context, reg byte) (byte, error) {
	var b [1]byte
	err := s.dev.ReadReg(ctx, reg, b[:])
	return b[0], err
}

// decode appends what a result says, all or none. The first ones after a start
// are 0 ppm, which is no value.
func decode(into []agent.Result, b [6]byte, q agent.Quality) ([]agent.Result, error) {
	status, fault := b[4], b[5]
	if status&inApp == 0 {
		return into, fmt.Errorf("%w: status %#02x: it booted", drivers.ErrBrownOut, status)
	}
	if status&failed != 0 {
		return into, fmt.Errorf("%w: the part reports error %#02x", drivers.ErrNoReading, fault)
	}
	co2, voc := binary.BigEndian.Uint16(b[0:]), binary.BigEndian.Uint16(b[2:])
	if err := drivers.Within(float64(co2), leastCO2, mostCO2); err != nil {
		return into, fmt.Errorf("carbon dioxide: %w", err)
	}
	if err := drivers.Within(float64(voc), 0, mostTVOC); err != nil {
		return into, fmt.Errorf("compounds: %w", err)
	}
	var q1, q2 agent.Quality
	if co2 == mostCO2 || co2 == mostCO2of1 {
		q1 = agent.Saturated
	}
	if voc == mostTVOC || voc == mostVOCof1 {
		q2 = agent.Saturated
	}
	return append(into,
		agent.Result{Property: agent.CarbonDioxideEquivalent, Value: float64(co2), Quality: q | q1},
		agent.Result{Property: agent.VolatileOrganicCompounds, Value: float64(voc), Quality: q | q2},
	), nil
}
