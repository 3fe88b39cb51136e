// Package scan names what is on a bus.
//
// It reads, and points at registers to read them; it writes no register of a part
// it does not know, but the one that a multiplexer has, which is off after. Even
// reads can have side effects, so a scan is for a person who asks for one.
package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// A Part is what is at an address of a bus.
type Part struct {
	Address  uint16   `json:"address"`
	Sensor   string   `json:"sensor,omitempty"`   // the configured sensor that it is: it was not asked anything
	Kernel   string   `json:"kernel,omitempty"`   // the kernel's driver that has it: nor was this one
	Chip     string   `json:"chip,omitempty"`     // what it is; several, where they cannot be told from one another
	Sure     Sureness `json:"sure,omitempty"`     // how sure that is
	Why      string   `json:"why,omitempty"`      // what it answered
	Driver   string   `json:"driver,omitempty"`   // what reads it
	Settings string   `json:"settings,omitempty"` // lines of TOML that it needs, beside bus and address
	Channels int      `json:"channels,omitempty"` // of a multiplexer
}

// A Bus is a bus or a branch of one, with its parts by address.
type Bus struct {
	Bus     string  `json:"bus"`               // its path, as in a configuration
	Host    string  `json:"host,omitempty"`    // the host's name of it: "5" also for a branch that the kernel made bus 5
	Name    string  `json:"name,omitempty"`    // what the kernel calls it
	Skipped string  `json:"skipped,omitempty"` // why it was not scanned
	Parts   []Part  `json:"parts"`
	Seconds float64 `json:"seconds"`
	Err     string  `json:"error,omitempty"` // why there may be more
}

// Options say what to scan.
type Options struct {
	Bus string // the path of a bus

	// Sensor returns the configured sensor at an address of a bus, by the bus's
	// own name, or "". It may be nil.
	Sensor func(bus *i2cbus.Bus, address uint16) string
}

// Addresses that are scanned: the others are reserved (NXP UM10204, 3.1.12).
const (
	firstAddress = 0x08
	lastAddress  = 0x77
	firstMux     = 0x70 // to lastAddress
)

// deepest is how many multiplexers behind one another are looked through.
const deepest = 3

// Scan looks at a bus and at all branches of it. The first result is the bus.
func Scan(ctx context.Context, host drivers.Host, o Options) []Bus {
	s := &scanner{host: host, sensor: o.Sensor}
	if s.sensor == nil {
		s.sensor = func(*i2cbus.Bus, uint16) string { return "" }
	}
	s.scan(ctx, o.Bus, nil, 0)
	return s.buses
}

type scanner struct {
	host   drivers.Host
	sensor func(*i2cbus.Bus, uint16) string
	buses  []Bus
}

// scan looks at one bus and then at its branches. What answers at an address
// that is taken answers from nearer to the controller.
func (s *scanner) scan(ctx context.Context, path string, taken []uint16, depth int) {
	start := time.Now()
	out := Bus{Bus: path, Parts: []Part{}}
	bus, err := s.host.I2C(path)
	if err == nil {
		out.Host = bus.String()
		out.Name = adapterName(s.host.FS(), out.Host)
		v := &visit{scanner: s, path: path, bus: bus}
		err = v.all(ctx, taken)
		out.Parts = append(out.Parts, v.parts...)
	}
	if err != nil {
		out.Err = err.Error()
	}
	out.Seconds = time.Since(start).Seconds()
	s.buses = append(s.buses, out)
	taken = slices.Clone(taken)
	for _, p := range out.Parts {
		taken = append(taken, p.Address)
	}
	for _, p := range out.Parts {
		for n := range p.Channels {
			if depth < deepest && ctx.Err() == nil {
				s.scan(ctx, path+"/"+i2cbus.Channel{Mux: p.Address, Number: n}.String(), taken, depth+1)
			}
		}
	}
}

// A visit is the scan of one bus without its branches.
type visit struct {
	*scanner
	path     string
	bus      *i2cbus.Bus
	branches []*i2cbus.Bus // that the kernel made: it leaves the last channel on
	parts    []Part
	hung     error
}

// all looks at all addresses but those that are taken: first who answers a read,
// then who that is.
func (v *visit) all(ctx context.Context, taken []uint16) error {
	var free, answers, silent []uint16
	for a := uint16(firstAddress); a <= lastAddress; a++ {
		if slices.Contains(taken, a) {
			continue
		}
		if p, ok := v.known(a); ok {
			v.parts = append(v.parts, p)
			continue
		}
		free = append(free, a)
	}
	// First the multiplexers: another program may have left a channel on, and
	// what is behind it would seem to be here.
	for _, a := range free {
		if a < firstMux {
			continue
		}
		p, err := v.mux(ctx, a)
		if err != nil {
			return err
		}
		if p.Channels > 0 {
			v.parts = append(v.parts, p)
		}
	}
	for _, a := range free {
		if slices.ContainsFunc(v.parts, func(p Part) bool { return p.Address == a }) {
			continue
		}
		ok, err := v.present(ctx, a)
		if err != nil {
			return err
		}
		if ok {
			answers = append(answers, a)
		} else {
			silent = append(silent, a)
		}
	}
	for _, a := range answers {
		if err := v.identify(ctx, a); err != nil {
			return err
		}
	}
	for _, a := range silent {
		if err := v.listen(ctx, a); err != nil {
			return err
		}
	}
	slices.SortFunc(v.parts, func(x, y Part) int { return int(x.Address) - int(y.Address) })
	return nil
}

// present tells whether a part answers here. On a bus with branches that the
// kernel made, what does not answer on all of them is behind one.
func (v *visit) present(ctx context.Context, a uint16) (bool, error) {
	if slices.ContainsFunc(v.branches, func(b *i2cbus.Bus) bool { return v.sensor(b, a) != "" }) {
		return false, nil // it is behind, and found there
	}
	ok, err := v.reads(ctx, v.bus, a)
	for _, b := range v.branches {
		if ok && err == nil {
			ok, err = v.reads(ctx, b, a)
		}
	}
	return ok, err
}

// reads tells whether a part acknowledges a read of a byte.
func (v *visit) reads(ctx context.Context, bus *i2cbus.Bus, a uint16) (bool, error) {
	return v.outcome(bus.Dev(a).Read(ctx, make([]byte, 1)))
}

// known returns a part that others use. It is left alone.
func (v *visit) known(a uint16) (Part, bool) {
	p := Part{Address: a, Sensor: v.sensor(v.bus, a)}
	p.Kernel, p.Channels = claimed(v.host.FS(), v.bus.String(), a)
	for n := range p.Channels {
		b, err := v.host.I2C(v.path + "/" + i2cbus.Channel{Mux: a, Number: n}.String())
		if err == nil {
			v.branches = append(v.branches, b)
		}
	}
	return p, p.Sensor != "" || p.Kernel != ""
}

// outcome tells whether a part acknowledged, or why no other one would. The bus
// may hang at one part.
func (v *visit) outcome(err error) (ok bool, fatal error) {
	switch i2cbus.Class(err) {
	case i2cbus.NoAck, i2cbus.Fault:
		return false, nil
	case i2cbus.Hung:
		if v.hung == nil && !errors.Is(err, context.DeadlineExceeded) {
			v.hung = err
			return false, nil
		}
	}
	return err == nil, err
}

// identify finds out what a part is that answers a read.
func (v *visit) identify(ctx context.Context, a uint16) error {
	p, err := v.match(ctx, v.bus, a, func(r rule) bool { return !r.quiet })
	if err != nil {
		return err
	}
	v.parts = append(v.parts, p)
	return nil
}

// listen finds out whether a part is there that answers commands only.
func (v *visit) listen(ctx context.Context, a uint16) error {
	use := func(r rule) bool { return r.quiet || r.eager }
	p, err := v.match(ctx, v.bus, a, use)
	if err != nil || p.Chip == "" {
		return err
	}
	for _, b := range v.branches {
		if q, err := v.match(ctx, b, a, use); err != nil || q.Chip == "" {
			return err // it is behind one of the others
		}
	}
	v.parts = append(v.parts, p)
	return nil
}

// match returns the part by the first rule that fits.
func (v *visit) match(ctx context.Context, bus *i2cbus.Bus, a uint16, use func(rule) bool) (Part, error) {
	p := Part{Address: a}
	probe := newProbe(bus.Dev(a))
	for _, r := range chips {
		if !use(r) || !slices.Contains(r.addresses, a) {
			continue
		}
		why, ok, err := probe.fits(ctx, r)
		if _, err = v.outcome(err); err != nil {
			return p, fmt.Errorf("ask 0x%02x: %w", a, err)
		}
		if ok {
			return Part{Address: a, Chip: r.chip, Sure: r.sure, Why: why, Driver: r.driver, Settings: r.settings}, nil
		}
		if r.sure == Possible && p.Chip == "" {
			p.Chip, p.Sure, p.Driver, p.Settings = r.chip, r.sure, r.driver, r.settings
		} else if r.sure == Possible {
			p.Chip, p.Driver = p.Chip+" or "+r.chip, "" // which one, a person knows
		}
	}
	return p, nil
}

// mux tells a multiplexer, and how many channels it has, by what it is told: it
// has one register, and answers what was written there last. Each channel is on
// for one transaction, so nobody else sees it.
func (v *visit) mux(ctx context.Context, a uint16) (Part, error) {
	if ok, err := v.present(ctx, a); !ok || err != nil {
		return Part{}, err
	}
	echoes := 0
	for _, n := range []int{0, 1, 4} {
		var mask [1]byte
		err := v.bus.Behind(i2cbus.Channel{Mux: a, Number: n}).Dev(a).Read(ctx, mask[:])
		ok, err := v.outcome(err)
		if err != nil {
			return Part{}, err
		}
		if !ok || mask[0] != 1<<n {
			break
		}
		echoes++
	}
	switch echoes {
	case 3:
		return Part{Address: a, Chip: "multiplexer with 8 channels: TI TCA9548A, NXP PCA9548A", Sure: Certain, Why: "answers the mask that was written", Channels: 8}, nil
	case 2:
		return Part{Address: a, Chip: "multiplexer with 4 channels: TI TCA9546A, NXP PCA9546A", Sure: Certain, Why: "answers the mask that was written", Channels: 4}, nil
	}
	return Part{}, nil
}
