package lm75

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(parts[s.Part])) }

// simulated is a part that converts without end. Its registers are of different
// sizes, and its pointer does not count up.
type simulated struct {
	part
	pointer byte
	config  [2]byte
	word    uint16    // the last conversion
	next    time.Time // when the conversion under way ends
}

func newPart(p part) *simulated {
	s := &simulated{part: p}
	s.Reset()
	return s
}

// powerOn is the configuration after power-on.
func (s *simulated) powerOn() [2]byte {
	if len(s.part.config) == 2 {
		return [2]byte{0x60, 0xa0}
	}
	return [2]byte{}
}

// Reset implements sim.Part.
func (s *simulated) Reset() {
	s.pointer, s.word = 0, 0
	s.config = s.powerOn()
	s.next = time.Now().Add(s.convert)
}

// Write implements sim.Part.
func (s *simulated) Write(w []byte) error {
	s.update()
	s.pointer = w[0]
	if s.pointer == regConfig {
		copy(s.config[:len(s.part.config)], w[1:])
	}
	return nil
}

// Read implements sim.Part.
func (s *simulated) Read(r []byte) error {
	s.update()
	for i := range r {
		r[i] = 0xff
	}
	switch s.pointer {
	case regTemperature:
		copy(r, binary.BigEndian.AppendUint16(nil, s.word))
	case regConfig:
		copy(r, s.config[:len(s.part.config)])
	case 0x02: // the limits after power-on: 75 and 80 °C
		copy(r, []byte{0x4b, 0x00})
	case 0x03:
		copy(r, []byte{0x50, 0x00})
	}
	return nil
}

// update ends conversions whose time has come.
func (s *simulated) update() {
	now := time.Now()
	if now.Before(s.next) {
		return
	}
	bits := s.bits
	if s.bits == 12 && len(s.part.config) == 1 {
		bits = 9 + int(s.config[0]>>5&3)
	}
	v := int16(math.Floor(sim.AirTemperature() / 256 * float64(int(1)<<bits)))
	s.word = uint16(v << (16 - bits))
	if !s.zeros {
		s.word |= 1<<(16-bits) - 1 // undefined: some parts have ones there
	}
	s.next = now.Add(s.convert)
}
