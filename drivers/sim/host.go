// Package sim is a host without hardware. Real drivers run against it: a
// simulated part answers on the bus with the bytes the real part would send,
// takes as long as the real one, and fails when told to.
package sim

import (
	"cmp"
	"io/fs"
	"maps"
	"sync"
	"syscall"
	"testing/fstest"

	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"periph.io/x/conn/v3/physic"
)

// Host is a host with as many buses and lines as are named. Its zero value is
// ready to use. It has one lock, and parts are called with it held.
type Host struct {
	mu     sync.Mutex
	buses  map[string]*bus
	lines  map[string]*Line
	files  fstest.MapFS
	serial map[string]SerialPart
	fault  Fault
}

// A Fault may change the outcome of an operation: the bytes read and the error.
// It is called after the part has answered, with no lock held.
type Fault func(op Op) error

// An Op is a transaction on a bus that has taken place, or a use of a line or a
// file, which has a Bus and nothing else.
type Op struct {
	Bus  string // of the bus, line or file: its name
	Addr uint16
	W, R []byte
	Err  error // what the part answered
}

// NoAck is what a Linux controller says when nothing acknowledges.
var NoAck error = syscall.EREMOTEIO

// I2C returns the named bus, or the default one, "1", for "". The path of a
// branch is a name, too: the multiplexers on the way are there.
func (h *Host) I2C(name string) (*i2cbus.Bus, error) {
	trunk, channels, err := i2cbus.ParsePath(name)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.bus(trunk)
	b.parts.behind(channels)
	return b.shared.Behind(channels...), nil
}

func (h *Host) bus(name string) *bus {
	name = cmp.Or(i2cbus.ShortName(name), "1")
	b, ok := h.buses[name]
	if !ok {
		if h.buses == nil {
			h.buses = make(map[string]*bus)
		}
		b = &bus{host: h, name: name, parts: make(parts)}
		b.shared = i2cbus.New(name, b)
		h.buses[name] = b
	}
	return b
}

// AddI2C puts a part on a bus, in place of what was at its address. Where the
// name is no path of a bus, nothing is there to put it on.
func (h *Host) AddI2C(busName string, addr uint16, p Part) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if on := h.branch(busName); on != nil {
		on[addr] = p
	}
}

// RemoveI2C unplugs what is at an address of a bus.
func (h *Host) RemoveI2C(busName string, addr uint16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.branch(busName), addr)
}

// Unplug takes away what is at an address of a bus. plug puts it back: it has
// lost its power.
func (h *Host) Unplug(busName string, addr uint16) (plug func()) {
	h.mu.Lock()
	p := h.branch(busName)[addr]
	h.mu.Unlock()
	h.RemoveI2C(busName, addr)
	return func() {
		if p == nil {
			return
		}
		h.mu.Lock()
		p.Reset()
		h.mu.Unlock()
		h.AddI2C(busName, addr, p)
	}
}

// branch returns the parts of a bus or of a branch of one.
func (h *Host) branch(name string) parts {
	trunk, channels, err := i2cbus.ParsePath(name)
	if err != nil {
		return nil
	}
	return h.bus(trunk).parts.behind(channels)
}

// SetFault passes every transaction through f. A nil f ends the faults.
func (h *Host) SetFault(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

// outcome passes an operation through the fault, if there is one.
func (h *Host) outcome(op Op) error {
	h.mu.Lock()
	f := h.fault
	h.mu.Unlock()
	if f == nil {
		return op.Err
	}
	return f(op)
}

// PowerCycle takes the power from all parts for a moment: what they were told
// is forgotten.
func (h *Host) PowerCycle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.buses {
		for _, p := range b.parts {
			p.Reset()
		}
	}
	for _, p := range h.serial {
		p.Reset()
	}
}

// Line returns the named line.
func (h *Host) Line(name string) (gpioline.Pin, error) { return h.SimLine(name), nil }

// SimLine returns the named line with the means to drive it.
func (h *Host) SimLine(name string) *Line {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, ok := h.lines[name]
	if !ok {
		if h.lines == nil {
			h.lines = make(map[string]*Line)
		}
		l = &Line{host: h, name: name}
		h.lines[name] = l
	}
	return l
}

// AddFile makes a file, for example "sys/class/thermal/thermal_zone0/temp".
// Content is made anew whenever the file is opened.
func (h *Host) AddFile(path string, content func() []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files == nil {
		h.files = make(fstest.MapFS)
	}
	h.files[path] = &fstest.MapFile{Sys: content}
}

// FreeBytes returns that of a card that is half full: 8 GB. It is an operation
// that a fault may fail.
func (h *Host) FreeBytes(path string) (uint64, error) {
	return 8e9, h.outcome(Op{Bus: path})
}

// FS returns the files.
func (h *Host) FS() fs.FS { return hostFS{h} }

type hostFS struct{ h *Host }

// Open implements fs.FS. A file opened is an operation that a fault may fail.
func (f hostFS) Open(name string) (fs.File, error) {
	if err := f.h.outcome(Op{Bus: name}); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	files := maps.Clone(f.h.files)
	if file, ok := files[name]; ok {
		files[name] = &fstest.MapFile{Data: file.Sys.(func() []byte)()}
	}
	return files.Open(name)
}

// bus is the wire of one bus. It implements i2c.Bus.
type bus struct {
	host   *Host
	name   string
	parts  parts
	shared *i2cbus.Bus
}

func (b *bus) String() string                  { return b.name }
func (b *bus) SetSpeed(physic.Frequency) error { return nil }

// Tx implements i2c.Bus.
func (b *bus) Tx(addr uint16, w, r []byte) error {
	return b.host.outcome(Op{b.name, addr, w, r, b.transact(addr, w, r)})
}

func (b *bus) transact(addr uint16, w, r []byte) error {
	b.host.mu.Lock()
	defer b.host.mu.Unlock()
	return b.parts.transact(addr, w, r)
}
