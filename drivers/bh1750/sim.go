package bh1750

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that sees the simulated light.
func simulate(host *sim.Host, s Settings) {
	p := &simulated{}
	p.Reset()
	s.Simulate(host, p)
}

// simulated is a part that answers the last measurement, old or new.
type simulated struct {
	on   bool
	time byte
	word uint16
	next uint16
	done time.Time // the measurement under way ends, or zero
}

// Reset implements sim.Part.
func (p *simulated) Reset() { *p = simulated{time: 69} }

// Write implements sim.Part. Commands to a part that is powered down are lost.
func (p *simulated) Write(w []byte) error {
	p.update()
	switch cmd := w[0]; {
	case cmd == cmdPowerOn:
		p.on = true
	case cmd&0xf8 == cmdTimeHigh:
		p.time = p.time&0x1f | cmd<<5
	case cmd&0xe0 == cmdTimeLow:
		p.time = p.time&0xe0 | cmd&0x1f
	case p.on && (cmd == cmdOnceH || cmd == cmdOnceH2):
		v := sim.Illuminance() * 1.2 * float64(p.time) / 69
		if cmd == cmdOnceH2 {
			v *= 2
		}
		p.next = uint16(min(v, math.MaxUint16))
		p.done = time.Now().Add(180 * time.Millisecond * time.Duration(p.time) / 69)
	}
	return nil
}

// Read implements sim.Part.
func (p *simulated) Read(r []byte) error {
	p.update()
	copy(r, binary.BigEndian.AppendUint16(nil, p.word))
	return nil
}

// update ends the measurement whose time has come.
func (p *simulated) update() {
	if !p.done.IsZero() && !time.Now().Before(p.done) {
		p.word, p.on, p.done = p.next, false, time.Time{}
	}
}
