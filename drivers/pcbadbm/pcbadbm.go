// Package pcbadbm drives the I2C decibel meters of PCB Artists.
//
// The module averages the sound over a second and keeps the last hundred of these
// levels. A reading takes those since the one before and tells their equivalent
// level, which is a mean of energies and what noise is judged by, and the highest
// and the lowest of them: nothing is missed between two readings that are less
// than 100 s apart.
package pcbadbm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one decibel meter on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "pcbadbm",
	Summary:   "PCB Artists decibel meter: equivalent, highest, lowest sound level, A or C (I2C)",
	Datasheet: "https://pcbartists.com/product-documentation/i2c-decibel-meter-programming-manual/",
	Observes:  defaults.Observes(),
}, defaults, open, simulate)

var defaults = Settings{drivers.I2C{Address: 0x48}, "a"}

// Settings are the keys of a sensor with driver = "pcbadbm". An interval of up to
// 100 s misses nothing.
type Settings struct {
	drivers.I2C
	Weighting string `doc:"of the frequencies: a (as people hear) or c (low ones count as well)"`
}

// weightings are the bits 2 and 1 of the control register, and what is observed.
var weightings = map[string]struct {
	bits     byte
	observes [3]agent.Property // equivalent, highest, lowest
}{
	"a": {0x02, [3]agent.Property{agent.LAeq, agent.LAmax, agent.LAmin}},
	"c": {0x04, [3]agent.Property{agent.LCeq, agent.LCmax, agent.LCmin}},
}

// Validate rejects weightings there are not, and what is no address. Modules are
// made with other addresses on request.
func (s Settings) Validate() error {
	var err error
	if _, ok := weightings[s.Weighting]; !ok {
		err = fmt.Errorf("weighting = %q: want a or c", s.Weighting)
	}
	return errors.Join(err, s.CheckAddress(drivers.AddressRange(0x08, 0x77)...))
}

// Observes tells the levels with that weighting.
func (s Settings) Observes() (all []drivers.Observable) {
	for _, p := range weightings[s.Weighting].observes {
		all = append(all, drivers.Observable{Property: p, Resolution: 1, Class: agent.Telemetry})
	}
	return all
}

// Registers, and what is written to them (programming manual, "Register Map").
const (
	regVersion = 0x00
	regScratch = 0x05 // 0xaa after power-on; here 0x5a: the module has its settings
	regControl = 0x06
	regAverage = 0x07 // ms, high byte first
	regReset   = 0x09
	regHistory = 0x14 // dB, the newest first; 0 where there is none yet

	scratchPowerOn = 0xaa
	scratchSet     = 0x5a
	controlDown    = 0x01
	resetSystem    = 0x08
	resetLevels    = 0x06 // history, highest and lowest
	historySize    = 100

	period    = time.Second             // of the average: "slow"
	wakeTime  = 10 * time.Millisecond   // 5 ms
	firstTime = 1100 * time.Millisecond // to the first level
)

// What the module can measure (product sheet), and what no module can say.
const (
	softest = 35.0
	loudest = 120.0
	absurd  = 140
)

// versions are hardware and firmware: with a microphone on it, with spectrum, and
// with a microphone apart.
var versions = [3]byte{0x31, 0x32, 0x81}

type sensor struct {
	dev       i2cbus.Dev
	weighting string
	ready     bool      // initialised since the last error
	last      time.Time // until here the levels were told; zero: unknown
	buf       [historySize]byte
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, weighting: s.Weighting}, err
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
	if err != nil {
		s.ready = false
		if errors.Is(err, drivers.ErrNoReading) || errors.Is(err, drivers.ErrRange) {
			s.last = time.Time{} // its levels are not those of the time since
		}
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The module goes on.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the module, and gives it its settings unless it has
// them: levels with others are not to be mixed with its own.
func (s *sensor) initialise(ctx context.Context) error {
	var version [1]byte
	if err := s.dev.ReadReg(ctx, regVersion, version[:]); err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	if v := version[0]; v != versions[0] && v != versions[1] && v != versions[2] {
		return fmt.Errorf("%w: version %#02x", drivers.ErrIdentity, v)
	}
	switch err := s.check(ctx); {
	case err == nil:
		return nil // it has kept them, and its levels, over an error of the bus or a restart of the agent
	case !errors.Is(err, drivers.ErrBrownOut):
		return err
	}
	return s.set(ctx)
}

// set gives the module its settings. It wakes only by a reset.
func (s *sensor) set(ctx context.Context) error {
	s.last = time.Time{}
	if err := s.dev.Write(ctx, regReset, resetSystem); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := drivers.Wait(ctx, wakeTime); err != nil {
		return err
	}
	const ms = uint16(period / time.Millisecond)
	for _, w := range [][2]byte{
		{regControl, weightings[s.weighting].bits},
		{regAverage, byte(ms >> 8)},
		{regAverage + 1, byte(ms & 0xff)},
		{regReset, resetLevels},
		{regScratch, scratchSet},
	} {
		if err := s.dev.Write(ctx, w[0], w[1]); err != nil {
			return fmt.Errorf("write register %#02x: %w", w[0], err)
		}
	}
	s.last = time.Now().Add(period / 2) // levels end a period after each other: measure rounds
	return drivers.Wait(ctx, firstTime)
}

// check returns an error if the module does not have its settings.
func (s *sensor) check(ctx context.Context) error {
	var b [4]byte
	if err := s.dev.ReadReg(ctx, regScratch, b[:]); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	const ms = uint16(period / time.Millisecond)
	if b != [4]byte{scratchSet, weightings[s.weighting].bits, byte(ms >> 8), byte(ms & 0xff)} {
		return fmt.Errorf("%w: % x", drivers.ErrBrownOut, b)
	}
	return nil
}

// measure appends what the levels since the last reading say. The settings are
// read after them: so long they were not lost.
func (s *sensor) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	now := time.Now()
	n, q := 1, agent.Quality(0)
	if !s.last.IsZero() {
		n = max(1, int(math.Round(now.Sub(s.last).Seconds()/period.Seconds())))
	}
	if n > historySize {
		n, q = historySize, agent.Incomplete
	}
	levels := s.buf[:n]
	if err := s.dev.ReadReg(ctx, regHistory, levels); err != nil {
		return into, fmt.Errorf("read history: %w", err)
	}
	if err := s.check(ctx); err != nil {
		return into, err
	}
	values, err := summarise(levels)
	if err != nil {
		return into, err
	}
	s.last = now
	span := time.Duration(n) * period
	for i, p := range weightings[s.weighting].observes {
		r := agent.Result{Property: p, Value: values[i], Quality: q, Time: now.Add(-span), Span: span}
		if r.Value < softest || r.Value > loudest {
			r.Quality |= agent.OutOfRange
		}
		into = append(into, r)
	}
	return into, nil
}

// summarise returns the equivalent level, 10 lg of the mean of 10^(L/10) (IEC
// 61672-1, 3.10), the highest and the lowest of some levels in dB.
func summarise(levels []byte) (v [3]float64, err error) {
	energy, highest, lowest := 0.0, byte(0), byte(math.MaxUint8)
	for _, l := range levels {
		if l == 0 {
			return v, fmt.Errorf("%w: no level in % x", drivers.ErrNoReading, levels)
		}
		energy += math.Pow(10, float64(l)/10)
		highest, lowest = max(highest, l), min(lowest, l)
	}
	if err := drivers.Within(float64(highest), 1, absurd); err != nil {
		return v, err
	}
	return [3]float64{10 * math.Log10(energy/float64(len(levels))), float64(highest), float64(lowest)}, nil
}
