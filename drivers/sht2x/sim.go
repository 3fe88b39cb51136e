package sht2x

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts an SHT21 on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, &simulated{}) }

// simulated is a part that does not acknowledge while it is busy, nor a read
// without an answer.
type simulated struct {
	ready time.Time
	out   []byte
}

// Reset implements sim.Part.
func (p *simulated) Reset() { *p = simulated{} }

// Write implements sim.Part.
func (p *simulated) Write(w []byte) error {
	if time.Now().Before(p.ready) {
		return sim.NoAck
	}
	p.out = nil
	switch w[0] {
	case cmdReset:
		p.busy(15 * time.Millisecond)
	case cmdTemperature:
		p.answer((sim.AirTemperature()+46.85)/175.72, 0)
		p.busy(85 * time.Millisecond)
	case cmdHumidity:
		p.answer((sim.RelativeHumidity()+6)/125, isHumidity)
		p.busy(29 * time.Millisecond)
	case 0xe7: // user register (table 8), as after power-on
		p.out = []byte{0x3a}
	case 0xfc: // the end of the serial number
		p.out = []byte{0x54, 0x68}
		p.out = append(p.out, crc8(p.out), 0x4c, 0x5a, crc8([]byte{0x4c, 0x5a}))
	default:
		return sim.NoAck
	}
	return nil
}

// Read implements sim.Part.
func (p *simulated) Read(r []byte) error {
	if time.Now().Before(p.ready) || p.out == nil {
		return sim.NoAck
	}
	copy(r, p.out)
	p.out = nil
	return nil
}

func (p *simulated) busy(d time.Duration) { p.ready = time.Now().Add(d) }

func (p *simulated) answer(v float64, kind byte) {
	w := uint16(v * (1 << 16))
	p.out = []byte{byte(w >> 8), byte(w)&^status | kind}
	p.out = append(p.out, crc8(p.out))
}
