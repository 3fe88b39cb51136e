package vl53l1x

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus above a bin that fills.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(func() (mm uint16, status byte) { return uint16(sim.Wave(850, 30, 24*time.Hour)), statusValid }))
}

// part is a simulated VL53L1X. One that is not configured ranges, too, and says
// something else.
type part struct {
	seen    func() (mm uint16, status byte)
	r       [0x0110 + 1]byte
	pointer int
	booted  time.Time
	next    time.Time // a ranging ends
	count   byte      // of rangings since the start
	ranged  time.Time // it ranged last, and so knows the voltage of its detector
	off     bool      // it looks for that voltage where it was at another temperature
}

// newPart returns a part that was switched on now and sees something.
func newPart(seen func() (mm uint16, status byte)) *part {
	p := &part{seen: seen}
	p.Reset()
	return p
}

// Reset implements sim.Part.
func (p *part) Reset() {
	*p = part{seen: p.seen, booted: time.Now().Add(1200 * time.Microsecond)}
	binary.BigEndian.PutUint16(p.r[regID:], id)
	binary.BigEndian.PutUint32(p.r[0x6c:], 0x0f89)
	p.r[regVHVBound] = allBounds
}

// Write implements sim.Part. The pointer has two bytes, high byte first.
func (p *part) Write(w []byte) error {
	if len(w) < 2 {
		p.pointer = int(w[0])<<8 | p.pointer&0xff
		return nil
	}
	p.pointer = int(binary.BigEndian.Uint16(w))
	for _, v := range w[2:] {
		if p.pointer < len(p.r) {
			p.set(p.pointer, v)
		}
		p.pointer++
	}
	return nil
}

func (p *part) set(reg int, v byte) {
	p.work()
	p.r[reg] = v
	switch {
	case reg == regClear && v&1 != 0:
		p.r[regReady] &^= 1
	case reg == regReady:
		p.r[reg] &^= 1
	case reg == regMode && v == start:
		p.next, p.count = time.Now().Add(108*time.Millisecond), 0 // its clock is late
		p.off = p.r[regVHVBound] == twoBounds && time.Since(p.ranged) > 15*time.Minute
	case reg == regMode:
		p.next = time.Time{}
	}
}

// work does what the part has done by now.
func (p *part) work() {
	now := time.Now()
	if !now.Before(p.booted) {
		p.r[regBooted] = 0x03
	}
	for !p.next.IsZero() && !now.Before(p.next) {
		mm, status := p.seen()
		if p.count == 0 || p.r[0x60] != config[0x60-regConfig] {
			mm /= 2 // an echo that is not known as one; another period of light
		}
		if p.off {
			mm += 25
		}
		p.ranged = p.next
		p.r[regResult], p.r[regResult+2] = status, p.count
		binary.BigEndian.PutUint16(p.r[regResult+13:], mm)
		p.r[regReady] |= 1
		p.count++
		p.next = p.next.Add(108 * time.Millisecond)
	}
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	p.work()
	for i := range r {
		r[i] = 0
		if p.pointer < len(p.r) {
			r[i] = p.r[p.pointer]
		}
		p.pointer++
	}
	return nil
}
