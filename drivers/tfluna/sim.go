package tfluna

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus above water that rises and falls.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(func() (cm, amplitude uint16) { return uint16(sim.Wave(185, 10, time.Hour)), 2300 }))
}

// newPart returns a part that was switched on now and sees something.
func newPart(seen func() (cm, amplitude uint16)) *sim.Registers {
	var on, done time.Time // done: the measurement under way ends
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			on, done = time.Now(), time.Time{}
			copy(r.R[regSignature:], "LUNA")
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			if reg == regTrigger {
				r.R[reg] = 0
				if value == once && r.R[regMode] == triggered {
					done = time.Now().Add(10 * time.Millisecond)
				}
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			now := time.Now()
			if r.R[regMode] != triggered {
				done = now.Truncate(10 * time.Millisecond) // 100 a second
			}
			if done.IsZero() || now.Before(done) {
				return
			}
			cm, amplitude := seen()
			if amplitude < weak {
				cm = 0
			}
			for i, v := range []uint16{cm, amplitude, 3150, uint16(done.Sub(on).Milliseconds())} {
				binary.LittleEndian.PutUint16(r.R[regData+2*i:], v)
			}
			done = time.Time{}
		},
	})
}
