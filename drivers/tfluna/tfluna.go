// Package tfluna drives the Benewake TF-Luna, which measures a distance by the
// time light takes: to a car, a water surface, what is in a bin.
//
// The part speaks I2C when its pin 5 was low as it was switched on. The driver
// lets it measure once when told to: then no register changes while it is read.
// That it still has this mode is how a loss of power is noticed.
package tfluna

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

// Driver reads one TF-Luna on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "tfluna",
	Summary:   "Benewake TF-Luna: distance of 0.2 to 8 m (I2C)",
	Datasheet: "https://en.benewake.com/uploadfiles/2024/04/20240426135946148.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Distance, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.PartTemperature, Resolution: 2, Class: agent.Diagnostic},
	},
}, Settings{drivers.I2C{Address: 0x10}}, open, simulate)

// Settings are the keys of a sensor with driver = "tfluna".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses that the part cannot be given (manual SJ-PM-TF-Luna
// A05, 6.3).
func (s Settings) Validate() error {
	if s.Address < 0x08 || s.Address > 0x77 {
		return fmt.Errorf("address 0x%02x: the part is made with 0x10 and takes 0x08 to 0x77", s.Address)
	}
	return nil
}

// Registers, low bytes first (manual, appendix III).
const (
	regData      = 0x00 // distance in cm, amplitude, temperature in 0.01 °C, tick in ms
	regMode      = 0x23 // 0, without end, after power-on
	regTrigger   = 0x24
	regSignature = 0x3c // "LUNA"

	triggered = 1 // in the mode
	once      = 1 // in the trigger
)

// settleTime is what the part may take for what was written (manual, 6.3). One
// measurement takes less.
const settleTime = 100 * time.Millisecond

// Limits of what is believed (manual, 6.4 and 6.9).
const (
	weak     = 100    // amplitude
	tooLight = 0x8000 // amplitude: the sun, or a mirror
	nearest  = 0.2    // m
	farthest = 8
)

var (
	errWeak  = fmt.Errorf("too little light comes back: %w", drivers.ErrNoReading)
	errLight = fmt.Errorf("too much light: %w", drivers.ErrNoReading)
	errTorn  = errors.New("the registers changed while they were read")
)

type frame [8]byte

type sensor struct {
	dev   i2cbus.Dev
	ready bool // initialised since the last error
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
	f, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	distance, temperature, err := f.decode()
	if err != nil {
		return into, err
	}
	return append(into,
		agent.Result{Property: agent.Distance, Value: distance},
		agent.Result{Property: agent.PartTemperature, Value: temperature}), nil
}

// Close implements agent.Sensor. The part rests until it is told to measure.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part and stops its measuring on its own.
func (s *sensor) initialise(ctx context.Context) error {
	var b [4]byte
	if err := s.dev.ReadReg(ctx, regSignature, b[:]); err != nil {
		return fmt.Errorf("read signature: %w", err)
	}
	if string(b[:]) != "LUNA" {
		return fmt.Errorf("%w: signature % x, want 4c 55 4e 41", drivers.ErrIdentity, b)
	}
	if err := s.dev.Write(ctx, regMode, triggered); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return drivers.Wait(ctx, settleTime)
}

// measure measures once and returns what the registers hold, read twice: the
// manual warns of a part that changes them meanwhile.
func (s *sensor) measure(ctx context.Context) (f frame, err error) {
	var old, again frame
	if err := s.dev.ReadReg(ctx, regData, old[:]); err != nil {
		return f, fmt.Errorf("read what was before: %w", err)
	}
	if err := s.dev.Write(ctx, regTrigger, once); err != nil {
		return f, fmt.Errorf("trigger: %w", err)
	}
	if err := drivers.Wait(ctx, settleTime); err != nil {
		return f, err
	}
	for _, b := range []*frame{&f, &again} {
		if err := s.dev.ReadReg(ctx, regData, b[:]); err != nil {
			return f, fmt.Errorf("read: %w", err)
		}
	}
	var mode [1]byte
	if err := s.dev.ReadReg(ctx, regMode, mode[:]); err != nil {
		return f, fmt.Errorf("read mode: %w", err)
	}
	switch {
	case mode[0] != triggered:
		return f, fmt.Errorf("%w: mode %#02x", drivers.ErrBrownOut, mode)
	case f != again:
		return f, fmt.Errorf("%w: % x, then % x", errTorn, f, again)
	case f == old: // the tick, too
		return f, fmt.Errorf("%w: still % x", drivers.ErrNotReady, f)
	}
	return f, nil
}

// decode returns the distance in m and the part's temperature in °C.
func (f frame) decode() (distance, temperature float64, err error) {
	amplitude := binary.LittleEndian.Uint16(f[2:])
	if amplitude < weak {
		return 0, 0, fmt.Errorf("%w (amplitude %d)", errWeak, amplitude)
	}
	if amplitude >= tooLight {
		return 0, 0, fmt.Errorf("%w (amplitude %d)", errLight, amplitude)
	}
	distance = float64(binary.LittleEndian.Uint16(f[0:])) / 100
	if err := drivers.Within(distance, nearest, farthest); err != nil {
		return 0, 0, fmt.Errorf("distance in m: %w", err)
	}
	temperature = float64(int16(binary.LittleEndian.Uint16(f[4:]))) / 100
	if err := drivers.Within(temperature, -40, 125); err != nil {
		return 0, 0, fmt.Errorf("temperature: %w", err)
	}
	return distance, temperature, nil
}
