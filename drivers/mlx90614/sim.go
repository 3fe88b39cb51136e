package mlx90614

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that looks at something warmer than the
// simulated air.
func simulate(host *sim.Host, s Settings) {
	p := &part{address: byte(s.Address)}
	p.Reset()
	s.Simulate(host, p)
}

// part answers with words and the checksum of the transfer.
type part struct {
	address, cmd byte
	ready        time.Time // the first measurement after power-on
}

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	p.cmd = w[0]
	return nil
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	w := p.word()
	answer := []byte{byte(w), byte(w >> 8), checksum(p.address, p.cmd, byte(w), byte(w>>8))}
	for i := range r {
		r[i] = 0xff // nobody drives the line
	}
	copy(r, answer)
	return nil
}

func (p *part) word() uint16 {
	if p.cmd == cmdAddress {
		return 0xbe00 | uint16(p.address)
	}
	if time.Now().Before(p.ready) {
		return 0
	}
	celsius := sim.AirTemperature()
	if p.cmd == cmdSurface {
		celsius += 3
	}
	return uint16(math.Round((celsius + 273.15) / 0.02))
}

// Reset implements sim.Part.
func (p *part) Reset() { p.ready = time.Now().Add(250 * time.Millisecond) }
