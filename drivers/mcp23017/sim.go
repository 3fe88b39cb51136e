package mcp23017

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus whose contact at A0 closes for half of each
// quarter of an hour; the others are open.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(func() uint16 {
		if sim.Wave(0, 1, 15*time.Minute) < 0 {
			return 0xfffe
		}
		return 0xffff
	}))
}

// newPart returns a part that sees these levels and was switched on now. At long
// wires, they are low until its resistors have pulled them up.
func newPart(levels func() uint16) *sim.Registers {
	const regLatch = 0x14 // OLAT
	var pull [2]byte
	var rises time.Time
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			r.R[regDirection], r.R[regDirection+1], pull = 0xff, 0xff, [2]byte{}
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg&^1 == regLevels: // writes to GPIO go to the latch
				r.R[reg-regLevels+regLatch] = value
			case reg&^1 == regPull && pull[reg&1] != value:
				pull[reg&1], rises = value, time.Now().Add(pullTime/2)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			w := levels()
			if time.Now().Before(rises) {
				w = 0
			}
			for port, in := range []byte{byte(w), byte(w >> 8)} {
				inputs := r.R[regDirection+port]
				r.R[regLevels+port] = (in^r.R[regInvert+port])&inputs | r.R[regLatch+port]&^inputs
			}
		},
	})
}
