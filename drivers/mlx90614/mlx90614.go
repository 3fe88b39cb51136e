// Package mlx90614 drives the Melexis MLX90614 infrared thermometer: it tells the
// temperature of the surface it looks at, a road or a roof, and its own.
//
// The part measures all the time, with the emissivity that its memory holds,
// 1.0 from the factory. The driver never writes to it. Every answer has a
// checksum that covers what was asked.
package mlx90614

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one MLX90614 on an I2C bus of 100 kHz or less.
var Driver = drivers.New(drivers.Info{
	Name:      "mlx90614",
	Summary:   "Melexis MLX90614: temperature of a surface by infrared, and of the part (I2C)",
	Datasheet: "https://www.melexis.com/-/media/files/documents/datasheets/mlx90614-datasheet-melexis.pdf",
	Observes: []drivers.Observable{
		{Property: agent.SurfaceTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.PartTemperature, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x5a}}, open, simulate)

// Settings are the keys of a sensor with driver = "mlx90614".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses that no part on an I2C bus has. This one's is in
// its memory, 0x5a from the factory.
func (s Settings) Validate() error {
	if s.Address < 0x08 || s.Address > 0x77 {
		return fmt.Errorf("address %#02x: want 0x08 to 0x77; the part comes with 0x5a", s.Address)
	}
	return nil
}

// Commands: what is read (datasheet, sections 8.3.3 and 8.4.5).
const (
	cmdPart    = 0x06 // RAM, Ta
	cmdSurface = 0x07 // RAM, Tobj1
	cmdAddress = 0x2e // EEPROM, SMBus address

	failed = 0x8000 // in a temperature
)

// The first measurement after power-on is there after 0.25 s (section 8.1.5).
const (
	pollTime = 50 * time.Millisecond
	polls    = 8
)

type sensor struct {
	dev   i2cbus.Dev
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
	}
	s.known = false // until all goes well
	surface, err := s.temperature(ctx, cmdSurface, -70, 380)
	if err != nil {
		return into, fmt.Errorf("surface: %w", err)
	}
	part, err := s.temperature(ctx, cmdPart, -40, 125)
	if err != nil {
		return into, fmt.Errorf("part: %w", err)
	}
	s.known = true
	return append(into,
		agent.Result{Property: agent.SurfaceTemperature, Value: surface},
		agent.Result{Property: agent.PartTemperature, Value: part},
	), nil
}

// Close implements agent.Sensor. The part goes on by itself.
func (s *sensor) Close() error { return nil }

// identify reads the address that the part has in its memory.
func (s *sensor) identify(ctx context.Context) error {
	w, err := s.read(ctx, cmdAddress)
	if err != nil {
		return err
	}
	if w&0x7f != s.dev.Addr {
		return fmt.Errorf("%w: it is set to address %#02x", drivers.ErrIdentity, w&0x7f)
	}
	return s.await(ctx)
}

// await waits until the part has measured once.
func (s *sensor) await(ctx context.Context) error {
	for range polls {
		w, err := s.read(ctx, cmdPart)
		if err != nil || w != 0 {
			return err
		}
		if err := drivers.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
	return drivers.ErrNotReady
}

// temperature reads one, in °C, within what the part can measure.
func (s *sensor) temperature(ctx context.Context, cmd byte, lowest, highest float64) (float64, error) {
	w, err := s.read(ctx, cmd)
	if err != nil {
		return 0, err
	}
	return decode(w, lowest, highest)
}

func (s *sensor) read(ctx context.Context, cmd byte) (uint16, error) {
	var b [3]byte
	if err := s.dev.ReadReg(ctx, cmd, b[:]); err != nil {
		return 0, err
	}
	return check(byte(s.dev.Addr), cmd, b)
}

// check returns the word of an answer whose checksum is right.
func check(address, cmd byte, b [3]byte) (uint16, error) {
	if want := checksum(address, cmd, b[0], b[1]); b[2] != want {
		return 0, fmt.Errorf("%w: % x, want %02x", drivers.ErrChecksum, b, want)
	}
	return binary.LittleEndian.Uint16(b[:]), nil
}

// decode returns a temperature in °C (datasheet, section 8.7.2).
func decode(w uint16, lowest, highest float64) (float64, error) {
	if w&failed != 0 {
		return 0, fmt.Errorf("error flag, %#04x: %w", w, drivers.ErrNoReading)
	}
	celsius := float64(w)*0.02 - 273.15
	return celsius, drivers.Within(celsius, lowest, highest)
}

// checksum is the packet error code of SMBus, over the whole transfer:
// polynomial 0x07, start 0 (datasheet, section 8.4.3).
func checksum(address, cmd, low, high byte) byte {
	crc := byte(0)
	for _, x := range [...]byte{address << 1, cmd, address<<1 | 1, low, high} {
		crc ^= x
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
