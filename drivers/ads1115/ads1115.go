// Package ads1115 drives the Texas Instruments ADS1115 and ADS1015 converters of
// four analog inputs.
//
// It tells volts. What they stand for, a soil's moisture or a battery behind a
// divider, is the business of linear, table and their like in the sensor's
// process. The part has no identity; it makes one conversion when told to, with
// a setting that power-on does not leave, which is how a loss of power is noticed.
package ads1115

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one ADS1115 or ADS1015 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ads1115",
	Summary:   "TI ADS1115, ADS1015: voltage at up to four inputs, A0 to A3 (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/ads1115.pdf",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

var defaults = Settings{drivers.I2C{Address: 0x48}, 4.096, 4.096, 4.096, 4.096}

// Settings are the keys of a sensor with driver = "ads1115".
type Settings struct {
	drivers.I2C
	Range0 float64 `doc:"full scale of input A0 in V: 6.144, 4.096, 2.048, 1.024, 0.512 or 0.256; 0 leaves it out"`
	Range1 float64 `doc:"full scale of input A1 in V, as range0"`
	Range2 float64 `doc:"full scale of input A2 in V, as range0"`
	Range3 float64 `doc:"full scale of input A3 in V, as range0"`
}

// ranges are the full scales in V, by the code of the amplifier, PGA
// (datasheet, table 8-3).
var ranges = []float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256}

// decimals are those that the steps of the ranges need.
var decimals = []int8{4, 4, 5, 5, 5, 6}

// properties are what the inputs are called: by the print on modules.
var properties = [4]agent.Property{agent.Voltage0, agent.Voltage1, agent.Voltage2, agent.Voltage3}

// Validate rejects addresses the part is not made with, pin ADDR at ground, VDD,
// SDA or SCL, and ranges it does not have.
func (s Settings) Validate() error {
	some := false
	for i, r := range s.ranges() {
		if r != 0 && !slices.Contains(ranges, r) {
			return fmt.Errorf("range%d = %v: want one of %v, or 0 to leave the input out", i, r, ranges)
		}
		some = some || r != 0
	}
	if !some {
		return errors.New("range0 to range3: all inputs are left out")
	}
	return s.CheckAddress(drivers.AddressRange(0x48, 0x4b)...)
}

func (s Settings) ranges() [4]float64 { return [4]float64{s.Range0, s.Range1, s.Range2, s.Range3} }

// Observes tells the inputs that are not left out.
func (s Settings) Observes() (all []drivers.Observable) {
	for i, r := range s.ranges() {
		if code := slices.Index(ranges, r); code >= 0 {
			all = append(all, drivers.Observable{Property: properties[i], Resolution: decimals[code], Class: agent.Telemetry})
		}
	}
	return all
}

// Registers, and what is written to them (datasheet, section 8.1).
const (
	regConversion = 0x00
	regConfig     = 0x01

	// Single conversion, 8 a second, no comparator; 0x8583 after power-on. With
	// the bits of input, against ground, and range.
	config     = 0x8103
	inputA0    = 0x4000
	inputShift = 12
	rangeShift = 9
	done       = 0x8000 // no conversion is under way
)

// conversionTime is 125 ms, and a tenth for the oscillator (section 6.5).
const (
	conversionTime = 138 * time.Millisecond
	pollTime       = 5 * time.Millisecond
	polls          = 5
)

// Below ground, inputs conduct: what is lower was not measured (section 6.1).
const lowest = -0.3

// clipped is the end of the range of an ADS1015, which has 12 bits, and within
// 2 mV of an ADS1115's.
const clipped = 0x7ff0

type sensor struct {
	dev    i2cbus.Dev
	pause  drivers.Waiter
	ranges [4]float64
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, ranges: s.ranges()}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	var errs []error // one input's fault is not the others'
	for input, full := range s.ranges {
		if full == 0 {
			continue
		}
		code, err := s.measure(ctx, input, slices.Index(ranges, full))
		if err != nil {
			return into, fmt.Errorf("input A%d: %w", input, err)
		}
		volts, q, err := decode(code, full)
		if err != nil {
			errs = append(errs, fmt.Errorf("input A%d: %w", input, err))
			continue
		}
		into = append(into, agent.Result{Property: properties[input], Value: volts, Quality: q})
	}
	return into, errors.Join(errs...)
}

// Close implements agent.Sensor. The part is powered down already.
func (s *sensor) Close() error { return nil }

// measure makes one conversion. After it, the settings tell whether the result
// is of this input.
func (s *sensor) measure(ctx context.Context, input, scale int) (uint16, error) {
	want := uint16(config | inputA0 | input<<inputShift | scale<<rangeShift)
	if err := s.dev.Write(ctx, regConfig, byte(want>>8), byte(want&0xff)); err != nil {
		return 0, fmt.Errorf("start: %w", err)
	}
	if err := s.await(ctx); err != nil {
		return 0, fmt.Errorf("wait: %w", err)
	}
	code, err := s.dev.Word(ctx, regConversion)
	if err != nil {
		return 0, fmt.Errorf("read: %w", err)
	}
	got, err := s.dev.Word(ctx, regConfig)
	if err != nil {
		return 0, fmt.Errorf("read configuration: %w", err)
	}
	if got != want {
		return 0, fmt.Errorf("%w: configuration %#04x, was %#04x", drivers.ErrBrownOut, got, want)
	}
	return code, nil
}

// await waits for the end of the conversion.
func (s *sensor) await(ctx context.Context) error {
	wait := conversionTime
	for range polls {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		got, err := s.dev.Word(ctx, regConfig)
		if err != nil || got&done != 0 {
			return err
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// decode returns the voltage in V (datasheet, section 7.5.4). At an end of the
// range it is at least that, or less.
func decode(code uint16, full float64) (float64, agent.Quality, error) {
	volts := float64(int16(code)) * full / 32768
	if volts < lowest {
		return 0, 0, fmt.Errorf("%.3f V is below ground: %w", volts, drivers.ErrRange)
	}
	if int16(code) >= clipped || int16(code) == math.MinInt16 {
		return volts, agent.Saturated, nil
	}
	return volts, 0, nil
}
