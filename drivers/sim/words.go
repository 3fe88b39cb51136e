package sim

import (
	"encoding/binary"
	"math/bits"
)

// Words is a part made of 256 registers of two bytes with a pointer that stays
// where it is put: many parts of Texas Instruments, Microchip and Vishay.
type Words struct {
	R            [256]uint16
	LittleEndian bool
	CountsUp     bool                               // a read of more than one register goes on with the next
	PowerOn      func(w *Words)                     // sets what R holds after power-on
	OnPointer    func(w *Words, reg byte)           // after the pointer alone was written; may be nil
	OnWrite      func(w *Words, reg byte, v uint16) // in place of storing v in a register; may be nil
	OnRead       func(w *Words, reg byte) error     // before a register is read; may be nil
	AfterRead    func(w *Words, reg byte)           // after it was, for flags that reading clears; may be nil

	pointer byte
}

// NewWords returns w after its power was switched on.
func NewWords(w *Words) *Words {
	w.Reset()
	return w
}

// swap turns a word into what is big-endian on the wire, and back.
func (w *Words) swap(v uint16) uint16 {
	if w.LittleEndian {
		return bits.ReverseBytes16(v)
	}
	return v
}

// Write implements Part. A register written with one byte has it as its first.
func (w *Words) Write(b []byte) error {
	w.pointer = b[0]
	if len(b) == 1 {
		if w.OnPointer != nil {
			w.OnPointer(w, w.pointer)
		}
		return nil
	}
	var data [2]byte
	copy(data[:], b[1:])
	v := w.swap(binary.BigEndian.Uint16(data[:]))
	if w.OnWrite != nil {
		w.OnWrite(w, w.pointer, v)
		return nil
	}
	w.R[w.pointer] = v
	return nil
}

// Read implements Part.
func (w *Words) Read(b []byte) error {
	for i := range b {
		b[i] = 0xff // nobody drives the line
	}
	for at := 0; at < len(b); at += 2 {
		if at > 0 && !w.CountsUp {
			break
		}
		reg := w.pointer + byte(at/2)
		if w.OnRead != nil {
			if err := w.OnRead(w, reg); err != nil {
				return err
			}
		}
		var data [2]byte
		binary.BigEndian.PutUint16(data[:], w.swap(w.R[reg]))
		copy(b[at:], data[:])
		if w.AfterRead != nil {
			w.AfterRead(w, reg)
		}
	}
	return nil
}

// Reset implements Part.
func (w *Words) Reset() {
	w.R, w.pointer = [256]uint16{}, 0
	if w.PowerOn != nil {
		w.PowerOn(w)
	}
}
