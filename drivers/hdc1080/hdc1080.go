// Package hdc1080 drives the Texas Instruments HDC1080 sensor of air temperature
// and relative humidity.
//
// The part measures when told to. Power-on leaves it with the settings the
// driver uses, and with zeros as its result, which are refused.
package hdc1080

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one HDC1080 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "hdc1080",
	Summary:   "TI HDC1080: air temperature and humidity (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/hdc1080.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x40}}, open, simulate)

// Settings are the keys of a sensor with driver = "hdc1080".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with.
func (s Settings) Validate() error { return s.CheckAddress(0x40) }

// Registers and what is in them (datasheet, section 8.6).
const (
	regTemperature = 0x00 // writing the pointer starts a measurement
	regHumidity    = 0x01
	regConfig      = 0x02
	regMaker       = 0xfe
	regDevice      = 0xff

	texas  = 0x5449
	device = 0x1050
	config = 0x1000 // both quantities, 14 bits each, heater off; also after power-on
)

// measureTime is of both quantities: 6.35 ms and 6.5 ms typically (section 7.5).
// The part does not acknowledge before.
const measureTime = 20 * time.Millisecond

type sensor struct {
	dev i2cbus.Dev
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	// Each time: nothing in its answer tells the part from another in its place.
	if err := s.initialise(ctx); err != nil {
		return into, fmt.Errorf("initialise: %w", err)
	}
	temperature, humidity, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: temperature},
		agent.Result{Property: agent.RelativeHumidity, Value: humidity},
	), nil
}

// Close implements agent.Sensor. The part is asleep already.
func (s *sensor) Close() error { return nil }

// initialise checks who answers and configures it.
func (s *sensor) initialise(ctx context.Context) error {
	var maker, kind [2]byte
	if err := s.dev.ReadReg(ctx, regMaker, maker[:]); err != nil {
		return fmt.Errorf("read maker: %w", err)
	}
	if err := s.dev.ReadReg(ctx, regDevice, kind[:]); err != nil {
		return fmt.Errorf("read device: %w", err)
	}
	if binary.BigEndian.Uint16(maker[:]) != texas || binary.BigEndian.Uint16(kind[:]) != device {
		return fmt.Errorf("%w: maker % x, device % x", drivers.ErrIdentity, maker, kind)
	}
	if err := s.dev.Write(ctx, regConfig, config>>8, config&0xff); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return nil
}

// measure takes one measurement of both quantities.
func (s *sensor) measure(ctx context.Context) (temperature, humidity float64, err error) {
	if err := s.dev.Write(ctx, regTemperature); err != nil {
		return 0, 0, err
	}
	if err := drivers.Wait(ctx, measureTime); err != nil {
		return 0, 0, err
	}
	var b [4]byte
	if err := s.dev.Read(ctx, b[:]); err != nil {
		return 0, 0, err
	}
	return decode(b)
}

// decode returns the temperature in °C and the humidity in % (section 8.6.1 and
// 8.6.2). The lower two bits of a word are always zeros.
func decode(b [4]byte) (temperature, humidity float64, err error) {
	if b == [4]byte{} {
		return 0, 0, fmt.Errorf("%w: nothing measured since power-on", drivers.ErrBrownOut)
	}
	if (b[1]|b[3])&3 != 0 {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	temperature = float64(binary.BigEndian.Uint16(b[0:]))*165/(1<<16) - 40
	humidity = float64(binary.BigEndian.Uint16(b[2:])) * 100 / (1 << 16)
	return temperature, humidity, nil
}
