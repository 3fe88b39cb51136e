package sim

import (
	"encoding/binary"
	"time"
)

// A Part answers at one I2C address. Time is that of the time package, so that
// a test in a synctest bubble has it to itself.
type Part interface {
	// Write takes one written message, of at least one byte.
	Write(w []byte) error
	// Read fills r with what the part sends when it is read.
	Read(r []byte) error
	// Reset is the loss of power.
	Reset()
}

// Registers is a part made of 256 registers of a byte with a pointer that
// counts up: most parts that are not by Sensirion.
type Registers struct {
	R       [256]byte
	PowerOn func(r *Registers)                      // sets what R holds after power-on
	OnWrite func(r *Registers, reg, value byte)     // after a register was written; may be nil
	OnRead  func(r *Registers, reg byte, count int) // before count bytes are read; may be nil
	Pairs   bool                                    // writes are pairs of register and value (Bosch)
	Mask    byte                                    // bits of the pointer that count; 0 means all

	pointer byte
}

// NewRegisters returns r after its power was switched on.
func NewRegisters(r *Registers) *Registers {
	r.Reset()
	return r
}

// Write implements Part.
func (r *Registers) Write(w []byte) error {
	r.pointer = r.register(w[0])
	if r.Pairs {
		for ; len(w) >= 2; w = w[2:] {
			r.set(r.register(w[0]), w[1])
		}
		return nil
	}
	for i, v := range w[1:] {
		r.set(r.pointer+byte(i), v)
	}
	return nil
}

func (r *Registers) register(b byte) byte {
	if r.Mask != 0 {
		return b & r.Mask
	}
	return b
}

func (r *Registers) set(reg, value byte) {
	r.R[reg] = value
	if r.OnWrite != nil {
		r.OnWrite(r, reg, value)
	}
}

// Read implements Part.
func (r *Registers) Read(b []byte) error {
	if r.OnRead != nil {
		r.OnRead(r, r.pointer, len(b))
	}
	for i := range b {
		b[i] = r.R[r.pointer]
		r.pointer++
	}
	return nil
}

// Reset implements Part.
func (r *Registers) Reset() {
	r.R, r.pointer = [256]byte{}, 0
	if r.PowerOn != nil {
		r.PowerOn(r)
	}
}

// Commands is a part that takes commands and answers in words of two bytes and
// a checksum each, as those of Sensirion do. It does not acknowledge while it
// is busy with a command, nor a read without an answer.
type Commands struct {
	// Answer appends the words of the answer to a command to into, and returns
	// them, how long the part is busy with it, and whether it knows it.
	Answer func(command []byte, into []uint16) (words []uint16, busy time.Duration, ok bool)

	ready time.Time
	words [32]uint16
	out   []byte // what a read gets; none if it is empty
}

// Write implements Part.
func (c *Commands) Write(w []byte) error {
	if time.Now().Before(c.ready) {
		return NoAck
	}
	c.out = c.out[:0]
	words, busy, ok := c.Answer(w, c.words[:0])
	if !ok {
		return NoAck
	}
	c.ready = time.Now().Add(busy)
	for _, word := range words {
		c.out = binary.BigEndian.AppendUint16(c.out, word)
		c.out = append(c.out, CRC8(c.out[len(c.out)-2:]))
	}
	return nil
}

// Read implements Part.
func (c *Commands) Read(r []byte) error {
	if time.Now().Before(c.ready) || len(c.out) == 0 {
		return NoAck
	}
	for i := copy(r, c.out); i < len(r); i++ {
		r[i] = 0xff // nobody drives the line
	}
	c.out = c.out[:0]
	return nil
}

// Reset implements Part.
func (c *Commands) Reset() { c.ready, c.out = time.Time{}, c.out[:0] }

// CRC8 is the checksum of Sensirion's parts: polynomial 0x31, start 0xff.
func CRC8(b []byte) byte {
	crc := byte(0xff)
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
