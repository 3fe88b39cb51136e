// Package sht4x drives the Sensirion SHT40, SHT41 and SHT45 sensors of air
// temperature and relative humidity.
//
// The part measures when told to and keeps no state between two readings, so it
// may lose power at any time: the next reading finds it as it was.
package sht4x

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Driver reads one SHT4x on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "sht4x",
	Summary:   "Sensirion SHT40, SHT41, SHT45: air temperature and humidity (I2C)",
	Datasheet: "https://sensirion.com/media/documents/33FD6951/67EB9032/HT_DS_Datasheet_SHT4x_5.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x44}}, open, simulate)

// Settings are the keys of a sensor with driver = "sht4x".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: they are the letter A,
// B or C in its number (datasheet, section 7).
func (s Settings) Validate() error { return s.CheckAddress(0x44, 0x45, 0x46) }

// Commands, and how long the part takes to answer them at most (datasheet,
// tables 5 and 8).
const (
	cmdMeasure  = 0xfd // both quantities, high repeatability
	cmdSerial   = 0x89
	measureTime = 10 * time.Millisecond // 8.3 ms
	serialTime  = 2 * time.Millisecond  // 1 ms
)

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
	known bool // its serial number was read since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.known {
		if _, _, err := s.ask(ctx, cmdSerial, serialTime); err != nil {
			return into, fmt.Errorf("read serial number: %w", err)
		}
		s.known = true
	}
	t, rh, err := s.ask(ctx, cmdMeasure, measureTime)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	temperature, humidity, err := convert(t, rh)
	if err != nil {
		s.known = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: temperature},
		agent.Result{Property: agent.RelativeHumidity, Value: humidity},
	), nil
}

// convert returns the temperature in °C and the humidity in %, both or none
// (datasheet, section 4.6). Near 0 and 100 % noise carries the formula outside;
// the datasheet says to crop.
func convert(t, rh uint16) (temperature, humidity float64, err error) {
	temperature = -45 + 175*float64(t)/math.MaxUint16
	if err := drivers.Within(temperature, -40, 125); err != nil {
		return 0, 0, fmt.Errorf("temperature: %w", err)
	}
	return temperature, min(max(-6+125*float64(rh)/math.MaxUint16, 0), 100), nil
}

// Close implements agent.Sensor. An idle part draws 80 nA: there is nothing to do.
func (s *sensor) Close() error { return nil }

// ask sends a command and returns the two words of the answer.
func (s *sensor) ask(ctx context.Context, cmd byte, wait time.Duration) (first, second uint16, err error) {
	if err := s.dev.Write(ctx, cmd); err != nil {
		return 0, 0, err
	}
	if err := s.pause.Wait(ctx, wait); err != nil {
		return 0, 0, err
	}
	var b [6]byte // word, checksum, word, checksum
	if err := s.dev.Read(ctx, b[:]); err != nil {
		return 0, 0, err
	}
	return decode(b)
}

// decode takes the two words out of an answer, both or none.
func decode(b [6]byte) (first, second uint16, err error) {
	if drivers.CRC8(b[0:2]) != b[2] || drivers.CRC8(b[3:5]) != b[5] {
		return 0, 0, fmt.Errorf("%w in % x", drivers.ErrChecksum, b)
	}
	return binary.BigEndian.Uint16(b[0:]), binary.BigEndian.Uint16(b[3:]), nil
}

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, &sim.Commands{Answer: func(w []byte, into []uint16) ([]uint16, time.Duration, bool) {
		switch w[0] {
		case cmdSerial:
			return append(into, 0x1234, 0x5678), time.Millisecond, true
		case cmdMeasure:
			t := (sim.AirTemperature() + 45) / 175 * math.MaxUint16
			rh := (sim.RelativeHumidity() + 6) / 125 * math.MaxUint16
			return append(into, uint16(t), uint16(rh)), 8300 * time.Microsecond, true
		}
		return nil, 0, false
	}})
}
