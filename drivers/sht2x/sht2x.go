// Package sht2x drives a family of sensors of air temperature and relative
// humidity that share an address and commands: Sensirion SHT20, SHT21 and SHT25,
// TE HTU21D, Silicon Labs Si7021.
//
// The part measures when told to and keeps no state between two readings, so it
// may lose power at any time. The driver never uses the commands that make the
// part hold the bus until it has measured: not every controller bears that. The
// relatives have no identity in common.
package sht2x

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one SHT2x or relative on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "sht2x",
	Summary:   "Sensirion SHT20, SHT21, SHT25, TE HTU21D, Si7021: air temperature and humidity (I2C)",
	Datasheet: "https://sensirion.com/media/documents/120BBE4C/63500094/Sensirion_Datasheet_Humidity_Sensor_SHT21.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x40}}, open, simulate)

// Settings are the keys of a sensor with driver = "sht2x".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with.
func (s Settings) Validate() error { return s.CheckAddress(0x40) }

// Commands (SHT21 datasheet, table 6), and how long the slowest of the family,
// the SHT21, takes at most (table 7).
const (
	cmdTemperature = 0xf3 // no hold
	cmdHumidity    = 0xf5 // no hold
	cmdReset       = 0xfe

	temperatureTime = 90 * time.Millisecond // 85 ms
	humidityTime    = 50 * time.Millisecond // 29 ms
	resetTime       = 15 * time.Millisecond
)

// The lower two bits of a word are its status. Bit 1 says what was measured.
const (
	status     = 0x03
	isHumidity = 0x02
)

type sensor struct {
	dev   i2cbus.Dev
	pause drivers.Waiter
	ready bool // reset since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	temperature, humidity, err := s.measure(ctx)
	s.ready = err == nil
	if err != nil {
		return into, err
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: temperature},
		agent.Result{Property: agent.RelativeHumidity, Value: humidity},
	), nil
}

// Close implements agent.Sensor. The part is idle already.
func (s *sensor) Close() error { return nil }

func (s *sensor) measure(ctx context.Context) (temperature, humidity float64, err error) {
	if !s.ready {
		if err := s.dev.Write(ctx, cmdReset); err != nil {
			return 0, 0, fmt.Errorf("reset: %w", err)
		}
		if err := s.pause.Wait(ctx, resetTime); err != nil {
			return 0, 0, err
		}
	}
	t, err := s.ask(ctx, cmdTemperature, temperatureTime)
	if err != nil {
		return 0, 0, fmt.Errorf("measure temperature: %w", err)
	}
	if temperature, err = decodeTemperature(t); err != nil {
		return 0, 0, fmt.Errorf("measure temperature: %w", err)
	}
	h, err := s.ask(ctx, cmdHumidity, humidityTime)
	if err != nil {
		return 0, 0, fmt.Errorf("measure humidity: %w", err)
	}
	if humidity, err = decodeHumidity(h); err != nil {
		return 0, 0, fmt.Errorf("measure humidity: %w", err)
	}
	return temperature, humidity, nil
}

// ask sends a command and returns the two bytes of the answer and its checksum.
func (s *sensor) ask(ctx context.Context, cmd byte, wait time.Duration) (b [3]byte, err error) {
	if err := s.dev.Write(ctx, cmd); err != nil {
		return b, err
	}
	if err := s.pause.Wait(ctx, wait); err != nil {
		return b, err
	}
	return b, s.dev.Read(ctx, b[:])
}

// decodeTemperature returns the temperature in °C (SHT21 datasheet, section 6.2).
func decodeTemperature(b [3]byte) (float64, error) {
	w, err := word(b, 0)
	if err != nil {
		return 0, err
	}
	v := -46.85 + 175.72*w/(1<<16)
	return v, drivers.Within(v, -40, 125)
}

// decodeHumidity returns the humidity in % (section 6.1). Near 0 and 100 %
// noise carries the formula outside; there it is cropped.
func decodeHumidity(b [3]byte) (float64, error) {
	w, err := word(b, isHumidity)
	if err != nil {
		return 0, err
	}
	return min(max(-6+125*w/(1<<16), 0), 100), nil
}

// word returns the number in an answer that has to be of a kind.
func word(b [3]byte, kind byte) (float64, error) {
	if crc8(b[:2]) != b[2] {
		return 0, fmt.Errorf("%w in % x", drivers.ErrChecksum, b)
	}
	if b[1]&isHumidity != kind {
		return 0, fmt.Errorf("%w: % x is of the other quantity", drivers.ErrNoReading, b)
	}
	return float64(binary.BigEndian.Uint16(b[:]) &^ status), nil
}

// crc8 is the checksum of this family: as [drivers.CRC8], but it starts at 0.
func crc8(b []byte) byte {
	var crc byte
	for _, x := range b {
		crc ^= x
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x31
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
