package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Sureness says how well a part is known.
type Sureness string

// The degrees.
const (
	Certain  Sureness = "certain"  // it has an identity, and told it
	Likely   Sureness = "likely"   // what it answers fits, but it has no identity of its own
	Possible Sureness = "possible" // it is made with the address
)

// A rule tells one chip.
type rule struct {
	chip      string // maker and name
	driver    string // what reads it, or ""
	settings  string // lines of TOML, beyond bus and address
	sure      Sureness
	addresses []uint16

	// quiet rules send commands, of two bytes mostly. A part of another kind
	// could take the second byte as the value of a register, but such a part
	// answers a read without a command, and then is not asked.
	quiet bool
	eager bool   // asks the others, too: none of them would mind
	steps []step // all must fit

	// all says whether the answers, one after the other, fit together; may be nil.
	all func(b []byte) bool
}

// A step asks a part something. Registers are pointed at, never written.
type step struct {
	write []byte
	wait  time.Duration // between command and answer, or 0 for a repeated start
	read  int           // bytes
	fits  func(b []byte) bool
}

// String describes the question.
func (s step) String() string {
	switch {
	case len(s.write) == 0:
		return "a read"
	case len(s.write) == 1 && s.wait == 0:
		return fmt.Sprintf("register 0x%02x", s.write)
	}
	return fmt.Sprintf("command 0x%x", s.write)
}

// register is a register that has a value.
func register(reg byte, want ...byte) step {
	return step{[]byte{reg}, 0, len(want), func(b []byte) bool { return bytes.Equal(b, want) }}
}

// word is a register of two bytes, high byte first, that has a value under mask.
func word(reg byte, mask, want uint16) step {
	return step{[]byte{reg}, 0, 2, func(b []byte) bool { return binary.BigEndian.Uint16(b)&mask == want }}
}

// registers are registers that a function finds right.
func registers(reg byte, n int, fits func(b []byte) bool) step { return step{[]byte{reg}, 0, n, fits} }

// words is the answer to a command of a Sensirion part: words with a checksum
// each, which a function finds right, if there is one.
func words(command []byte, wait time.Duration, n int, fits func(w []uint16) bool) step {
	return step{command, wait, 3 * n, func(b []byte) bool {
		var w []uint16
		for ; len(b) > 0; b = b[3:] {
			if drivers.CRC8(b[:2]) != b[2] {
				return false
			}
			w = append(w, binary.BigEndian.Uint16(b))
		}
		return fits == nil || fits(w)
	}}
}

// A probe asks one part, and no question twice.
type probe struct {
	dev     i2cbus.Dev
	answers map[string][]byte // nil: not acknowledged
}

func newProbe(dev i2cbus.Dev) *probe { return &probe{dev, make(map[string][]byte)} }

// ask returns the answer, or nil where the part does not acknowledge. Its error
// is one of the bus.
func (p *probe) ask(ctx context.Context, s step) ([]byte, error) {
	key := fmt.Sprintf("%x %d", s.write, s.read)
	if b, ok := p.answers[key]; ok {
		return b, nil
	}
	b, err := p.transact(ctx, s)
	if err == nil || i2cbus.Class(err) == i2cbus.NoAck || i2cbus.Class(err) == i2cbus.Fault {
		p.answers[key] = b
		err = nil
	}
	return b, err
}

func (p *probe) transact(ctx context.Context, s step) ([]byte, error) {
	b := make([]byte, s.read)
	if s.wait == 0 {
		if err := p.dev.Tx(ctx, s.write, b); err != nil {
			return nil, err
		}
		return b, nil
	}
	if err := p.dev.Write(ctx, s.write...); err != nil {
		return nil, err
	}
	if err := drivers.Wait(ctx, s.wait); err != nil || s.read == 0 {
		return b, err
	}
	if err := p.dev.Read(ctx, b); err != nil {
		return nil, err
	}
	return b, nil
}

// fits tells whether the part is the rule's chip, and why.
func (p *probe) fits(ctx context.Context, r rule) (why string, ok bool, err error) {
	var all []byte
	for _, s := range r.steps {
		b, err := p.ask(ctx, s)
		if err != nil || b == nil || !s.fits(b) {
			return "", false, err
		}
		all = append(all, b...)
		if s.read > 0 {
			if why != "" {
				why += ", "
			}
			why += fmt.Sprintf("%v: % x", s, b[:min(len(b), 12)])
		}
	}
	return why, len(r.steps) > 0 && (r.all == nil || r.all(all)), nil
}
