package ms5611

import (
	"encoding/binary"
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// words are calibrations of the datasheets' examples, without their checksum.
var words = map[*chip][8]uint16{
	&ms5611:    {0, 40127, 36924, 23317, 23282, 33464, 28312, 0x1230},
	&ms5637:    {0, 46372, 43981, 29059, 27842, 31553, 28165, 0},
	&ms5837x30: {0x1a << 5, 34982, 36352, 20328, 22354, 26646, 26146, 0},
	&ms5837x02: {0x15 << 5, 46372, 43981, 29059, 27842, 31553, 28165, 0},
}

// signed returns the words with their checksum.
func (k *chip) signed(w [8]uint16) [8]uint16 {
	_, crc := k.checksum(w)
	if k.crcLast {
		w[7] |= crc
	} else {
		w[0] |= crc << 12
	}
	return w
}

// newPart returns a part that was switched on now: a barometer in the simulated
// air, or one in a metre of water, more or less.
func newPart(k *chip) *part {
	p := &part{chip: k, memory: k.signed(words[k])}
	p.calibration, _ = parse(k, p.memory)
	p.Reset()
	return p
}

// part answers commands. It acknowledges none while it is being reset.
type part struct {
	chip        *chip
	memory      [8]uint16
	calibration calibration
	awake, done time.Time // after a reset; the end of a conversion, or zero
	converting  byte      // the command
	out         [3]byte
}

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	now := time.Now()
	if now.Before(p.awake) {
		return sim.NoAck
	}
	p.out = [3]byte{}
	switch cmd := w[0]; {
	case cmd == cmdReset:
		p.Reset()
		p.awake = now.Add(2800 * time.Microsecond)
	case cmd == cmdRead:
		if !p.done.IsZero() && !now.Before(p.done) {
			p.out = p.result()
		}
		p.done = time.Time{} // asked too early, it spoils the result
	case cmd&0xf1 == cmdMemory:
		binary.BigEndian.PutUint16(p.out[:], p.memory[cmd>>1&7])
	case cmd == p.chip.convert || cmd == p.chip.convert+forTemperature:
		p.converting, p.done = cmd, now.Add(18080*time.Microsecond)
		if p.chip == &ms5611 {
			p.done = now.Add(9040 * time.Microsecond)
		}
	}
	return nil
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	if time.Now().Before(p.awake) {
		return sim.NoAck
	}
	for i := copy(r, p.out[:]); i < len(r); i++ {
		r[i] = 0xff // nobody drives the line
	}
	return nil
}

// Reset implements sim.Part.
func (p *part) Reset() { p.awake, p.done, p.out = time.Time{}, time.Time{}, [3]byte{} }

// result is what the converter says now.
func (p *part) result() [3]byte {
	celsius, hPa := sim.AirTemperature(), sim.AtmosphericPressure()
	if p.chip.most != 0 {
		celsius, hPa = sim.Wave(9, 2, 24*time.Hour), hPa+sim.Wave(98, 20, 12*time.Hour)
	}
	d := sort.Search(1<<24-2, func(d int) bool {
		t, _ := p.calibration.compensate(0, float64(d))
		return t >= celsius
	})
	if p.converting == p.chip.convert {
		d2 := float64(d)
		d = sort.Search(1<<24-2, func(d int) bool {
			_, v := p.calibration.compensate(float64(d), d2)
			return v >= hPa
		})
	}
	return [3]byte{byte(d >> 16), byte(d >> 8), byte(d)}
}
