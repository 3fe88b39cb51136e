// Package ens160 drives the ScioSense ENS160, a sensor of organic compounds.
//
// The part measures every second and says of its values whether they hold: not in
// the three minutes after a start, nor in the first hour of its life. Then there is
// no value, and no error. It keeps its baseline over a loss of power.
package ens160

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

// Driver reads one ENS160 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ens160",
	Summary:   "ScioSense ENS160: organic compounds, an index, and carbon dioxide guessed (I2C)",
	Datasheet: "https://www.sciosense.com/wp-content/uploads/documents/SC-001224-DS-9-ENS160-Datasheet.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirQualityIndexUBA, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.VolatileOrganicCompounds, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.CarbonDioxideEquivalent, Resolution: 0, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x53}}, open, simulate)

// Settings are the keys of a sensor with driver = "ens160".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with, pin MISO at ground or VDD.
func (s Settings) Validate() error { return s.CheckAddress(0x52, 0x53) }

// Registers, and what they hold; low bytes are first (datasheet, section 16.2).
const (
	regPart   = 0x00
	regMode   = 0x10 // 0x00 after power-on
	regInput  = 0x13 // temperature in K/64, humidity in %/512
	regStatus = 0x20 // then index, compounds in ppb, carbon dioxide in ppm

	partID  = 0x0160
	measure = 0x02
	reset   = 0xf0

	running  = 0x80
	failed   = 0x40
	validity = 0x0c
	newData  = 0x02

	holds     = 0x00 // of validity
	warmingUp = 0x04
	firstHour = 0x08

	modeTime = 50 * time.Millisecond // 30 ms at most, to change the mode; more than a reset takes
	pollTime = 100 * time.Millisecond
	patience = 2500 * time.Millisecond // a measurement is due every second
	most     = 65000                   // ppb, ppm (section 4)
)

// input is 25 °C and 50 %: what the part corrects for if it is told nothing.
var input = [4]byte{0x89, 0x4a, 0x00, 0x64}

type sensor struct {
	dev     i2cbus.Dev
	ready   bool // initialised since the last error
	stalled bool // in its mode it gave nothing when it was read last
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
	s.stalled = errors.Is(err, drivers.ErrNotReady) || errors.Is(err, drivers.ErrNoReading)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The part goes on: it would have to warm up again.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part, and starts it unless it measures already. One
// that says so and gives nothing is reset: it would stay like that.
func (s *sensor) initialise(ctx context.Context) error {
	var id [2]byte
	if err := s.dev.ReadReg(ctx, regPart, id[:]); err != nil {
		return fmt.Errorf("read part: %w", err)
	}
	if got := binary.LittleEndian.Uint16(id[:]); got != partID {
		return fmt.Errorf("%w: part %#04x, want %#04x", drivers.ErrIdentity, got, partID)
	}
	mode, err := s.mode(ctx)
	if err != nil || mode == measure && !s.stalled {
		return err
	}
	if mode == measure {
		if err := s.reset(ctx); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	if err := s.dev.Write(ctx, regInput, input[0], input[1], input[2], input[3]); err != nil {
		return fmt.Errorf("write temperature and humidity: %w", err)
	}
	if err := s.dev.Write(ctx, regMode, measure); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return drivers.Wait(ctx, modeTime)
}

func (s *sensor) reset(ctx context.Context) error {
	if err := s.dev.Write(ctx, regMode, reset); err != nil {
		return err
	}
	return drivers.Wait(ctx, modeTime)
}

// mode reads what the part does.
func (s *sensor) mode(ctx context.Context) (byte, error) {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regMode, b[:]); err != nil {
		return 0, fmt.Errorf("read mode: %w", err)
	}
	return b[0], nil
}

// measure appends what the next measurement says, if that holds. The mode, read
// after it, tells whether the part lost power.
func (s *sensor) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := s.await(ctx); err != nil {
		return into, err
	}
	var b [6]byte
	if err := s.dev.ReadReg(ctx, regStatus, b[:]); err != nil {
		return into, err
	}
	mode, err := s.mode(ctx)
	if err != nil {
		return into, err
	}
	if mode != measure {
		return into, fmt.Errorf("%w: mode %#02x", drivers.ErrBrownOut, mode)
	}
	return decode(into, b)
}

// await waits until there is a measurement that was not read yet.
func (s *sensor) await(ctx context.Context) error {
	for start := time.Now(); ; {
		var status [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, status[:]); err != nil {
			return fmt.Errorf("read status: %w", err)
		}
		if status[0]&newData != 0 {
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

// decode appends the values of a status and its data, all or none. There is none
// while the part warms up.
func decode(into []agent.Result, b [6]byte) ([]agent.Result, error) {
	status := b[0]
	if status&running == 0 || status&failed != 0 {
		return into, fmt.Errorf("%w: status %#02x: it does not measure", drivers.ErrNoReading, status)
	}
	switch status & validity {
	case holds:
	case warmingUp, firstHour:
		return into, nil
	default:
		return into, fmt.Errorf("%w: status %#02x: its values do not hold", drivers.ErrNoReading, status)
	}
	index := b[1] & 0x07
	tvoc, eco2 := binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[4:])
	for _, x := range []struct {
		name         string
		v            float64
		lowest, most float64
	}{{"index", float64(index), 1, 5}, {"compounds", float64(tvoc), 0, most}, {"carbon dioxide", float64(eco2), 400, most}} {
		if err := drivers.Within(x.v, x.lowest, x.most); err != nil {
			return into, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return append(into,
		agent.Result{Property: agent.AirQualityIndexUBA, Value: float64(index)},
		agent.Result{Property: agent.VolatileOrganicCompounds, Value: float64(tvoc), Quality: saturated(tvoc)},
		agent.Result{Property: agent.CarbonDioxideEquivalent, Value: float64(eco2), Quality: saturated(eco2)},
	), nil
}

// saturated marks the end of the range.
func saturated(v uint16) agent.Quality {
	if v == most {
		return agent.Saturated
	}
	return 0
}
