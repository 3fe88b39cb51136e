// Package aht20 drives the Aosong AHT20 sensor of air temperature and relative
// humidity.
//
// The part measures when told to. A part that lost power says so in the status
// that comes with each answer, or answers with zeros, which are refused.
package aht20

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one AHT20 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "aht20",
	Summary:   "Aosong AHT20, AHT21, AHT25: air temperature and humidity (I2C)",
	Datasheet: "https://cdn-learn.adafruit.com/assets/assets/000/091/676/original/AHT20-datasheet-2020-4-16.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x38}}, open, simulate)

// Settings are the keys of a sensor with driver = "aht20".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with.
func (s Settings) Validate() error { return s.CheckAddress(0x38) }

// Commands (datasheet, section 5.3) and the bits of the status.
var (
	cmdReset     = []byte{0xba}
	cmdCalibrate = []byte{0xbe, 0x08, 0x00}
	cmdMeasure   = []byte{0xac, 0x33, 0x00}
)

const (
	busy       = 0x80
	calibrated = 0x08
)

// How long to wait (datasheet, section 5.4): a measurement takes 80 ms
// typically; one that is late is asked for again.
const (
	resetTime     = 20 * time.Millisecond
	calibrateTime = 10 * time.Millisecond
	measureTime   = 90 * time.Millisecond
	pollTime      = 10 * time.Millisecond
)

type frame [7]byte // status, 20 bits of humidity, 20 bits of temperature, checksum

type sensor struct {
	dev   i2cbus.Dev
	ready bool // reset since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.command(ctx, cmdReset, resetTime); err != nil {
			return into, fmt.Errorf("reset: %w", err)
		}
		s.ready = true
	}
	temperature, humidity, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: temperature},
		agent.Result{Property: agent.RelativeHumidity, Value: humidity},
	), nil
}

// Close implements agent.Sensor. The part is idle already.
func (s *sensor) Close() error { return nil }

// measure takes one measurement. If the part has no calibration loaded, it is
// told to load it, and measures again.
func (s *sensor) measure(ctx context.Context) (temperature, humidity float64, err error) {
	f, err := s.ask(ctx)
	if err != nil {
		return 0, 0, err
	}
	if f[0]&calibrated == 0 {
		if err := s.command(ctx, cmdCalibrate, calibrateTime); err != nil {
			return 0, 0, fmt.Errorf("load calibration: %w", err)
		}
		if f, err = s.ask(ctx); err != nil {
			return 0, 0, err
		}
	}
	return f.decode()
}

// ask returns the answer to one measurement.
func (s *sensor) ask(ctx context.Context) (f frame, err error) {
	if err := s.command(ctx, cmdMeasure, measureTime); err != nil {
		return f, err
	}
	for range 5 {
		if err := s.dev.Read(ctx, f[:]); err != nil {
			return f, err
		}
		if drivers.CRC8(f[:6]) != f[6] {
			return f, fmt.Errorf("%w in % x", drivers.ErrChecksum, f)
		}
		if f[0]&busy == 0 {
			return f, nil
		}
		if err := drivers.Wait(ctx, pollTime); err != nil {
			return f, err
		}
	}
	return f, drivers.ErrNotReady
}

func (s *sensor) command(ctx context.Context, cmd []byte, wait time.Duration) error {
	if err := s.dev.Write(ctx, cmd...); err != nil {
		return err
	}
	return drivers.Wait(ctx, wait)
}

// decode returns the temperature in °C and the humidity in % (section 6).
func (f frame) decode() (temperature, humidity float64, err error) {
	if f[0]&calibrated == 0 {
		return 0, 0, fmt.Errorf("%w: no calibration, status %#02x", drivers.ErrBrownOut, f[0])
	}
	h := uint32(f[1])<<12 | uint32(f[2])<<4 | uint32(f[3])>>4
	t := uint32(f[3]&0x0f)<<16 | uint32(f[4])<<8 | uint32(f[5])
	temperature = float64(t)*200/(1<<20) - 50
	humidity = float64(h) * 100 / (1 << 20)
	return temperature, humidity, drivers.Within(temperature, -40, 120)
}
