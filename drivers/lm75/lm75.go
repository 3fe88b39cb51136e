// Package lm75 drives the LM75 thermometer and its relatives, which share an
// address range and a register map and differ in their resolution: LM75, LM75B
// (NXP), TMP75, TMP105 and TMP102 (Texas Instruments).
//
// None of them has an identity. The driver tells the part to count two readings
// beyond a limit before its alert output changes, which harms nobody. That it
// still does is how the driver knows that the part did not lose power: one that
// did reports 0 °C until its first conversion ends.
package lm75

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one LM75 or relative on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "lm75",
	Summary:   "LM75, LM75B, TMP75, TMP105, TMP102 and compatible: air temperature (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/tmp75.pdf",
	Observes:  parts["lm75"].observes(),
}, Settings{I2C: drivers.I2C{Address: 0x48}, Part: "lm75"}, open, simulate)

// Settings are the keys of a sensor with driver = "lm75".
type Settings struct {
	drivers.I2C
	Part string `doc:"lm75 (also DS75, FM75 and anything unknown), lm75b (NXP), tmp75, tmp105 or tmp102: how fine it measures"`
}

// Validate rejects unknown parts and addresses they are not made with: pins A2,
// A1 and A0, of which the TMP102 has one.
func (s Settings) Validate() error {
	if _, ok := parts[s.Part]; !ok {
		return fmt.Errorf("part %q: want lm75, lm75b, tmp75, tmp105 or tmp102", s.Part)
	}
	if s.Part == "tmp102" {
		return s.CheckAddress(0x48, 0x49, 0x4a, 0x4b)
	}
	return s.CheckAddress(drivers.AddressRange(0x48, 0x4f)...)
}

// Observes tells the resolution of the part.
func (s Settings) Observes() []drivers.Observable { return parts[s.Part].observes() }

// Registers.
const (
	regTemperature = 0x00 // 2 bytes
	regConfig      = 0x01
)

// part is what differs.
type part struct {
	bits       int    // of the temperature
	zeros      bool   // the other bits are zeros, else they are undefined
	config     []byte // two readings count (bits 3 and 4), finest resolution
	mask       []byte // the bits of config that only we change
	convert    time.Duration
	resolution int8
}

var parts = map[string]part{
	// Datasheets: TI LM75B (SNIS153) and NXP LM75B, their Temperature and
	// Configuration registers.
	"lm75":  {9, false, []byte{0x08}, []byte{0x7f}, 300 * time.Millisecond, 1},
	"lm75b": {11, false, []byte{0x08}, []byte{0x7f}, 100 * time.Millisecond, 2},
	// TI TMP75 (SBOS288) and TMP105 (SLLS648): 9 bits after power-on, 12 with
	// bits 5 and 6 of the configuration.
	"tmp75":  {12, true, []byte{0x68}, []byte{0x7f}, 300 * time.Millisecond, 2},
	"tmp105": {12, true, []byte{0x68}, []byte{0x7f}, 300 * time.Millisecond, 2},
	// TI TMP102 (SBOS397), "Configuration Register": 0x60a0 after power-on, four readings
	// a second. Bit 5 of the second byte is the alert.
	"tmp102": {12, true, []byte{0x68, 0xa0}, []byte{0x7f, 0xdf}, 35 * time.Millisecond, 2},
}

func (p part) observes() []drivers.Observable {
	return []drivers.Observable{{Property: agent.AirTemperature, Resolution: p.resolution, Class: agent.Telemetry}}
}

type sensor struct {
	part
	dev   i2cbus.Dev
	ready bool // configured since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{part: parts[s.Part], dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.dev.Write(ctx, append([]byte{regConfig}, s.config...)...); err != nil {
			return into, fmt.Errorf("configure: %w", err)
		}
		// The register is old, or 0 °C, until the first conversion ends.
		if err := drivers.Wait(ctx, s.convert+s.convert/10); err != nil {
			return into, err
		}
		s.ready = true
	}
	v, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, agent.Result{Property: agent.AirTemperature, Value: v}), nil
}

// Close implements agent.Sensor. The part goes on measuring, as after power-on.
func (s *sensor) Close() error { return nil }

// measure reads the last conversion, in °C.
func (s *sensor) measure(ctx context.Context) (float64, error) {
	var b [2]byte
	if err := s.dev.ReadReg(ctx, regTemperature, b[:]); err != nil {
		return 0, fmt.Errorf("read temperature: %w", err)
	}
	config := make([]byte, len(s.config))
	if err := s.dev.ReadReg(ctx, regConfig, config); err != nil {
		return 0, fmt.Errorf("read configuration: %w", err)
	}
	for i, c := range config {
		if (c^s.config[i])&s.mask[i] != 0 {
			return 0, fmt.Errorf("%w: configuration % x, was % x", drivers.ErrBrownOut, config, s.config)
		}
	}
	return s.decode(b)
}

// decode returns the temperature in °C, or says that the part has none.
func (p part) decode(b [2]byte) (float64, error) {
	word := binary.BigEndian.Uint16(b[:])
	rest := 16 - p.bits
	if p.zeros && word&(1<<rest-1) != 0 {
		return 0, fmt.Errorf("%w: % x; is it another part?", drivers.ErrNoReading, b)
	}
	v := float64(int16(word)>>rest) * 256 / float64(int(1)<<p.bits)
	if err := drivers.Within(v, -55, 127.9375); err != nil {
		return 0, fmt.Errorf("temperature % x: %w", b, err)
	}
	return v, nil
}
