package ens160

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// warmUp is how long the values of a part do not hold after its start.
const warmUp = 3 * time.Minute

// simulate puts a part on the bus that has measured for long.
func simulate(host *sim.Host, s Settings) {
	p := newPart(time.Now().Add(-time.Hour))
	_ = p.Write(append([]byte{regMode}, measure))
	_ = p.Write(append([]byte{regInput}, input[:]...))
	s.Simulate(host, p)
}

// newPart returns a part. One that is started first has warmed up since warm.
func newPart(warm time.Time) *sim.Registers {
	var started, read time.Time // zero: it does not measure
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			binary.LittleEndian.PutUint16(r.R[regPart:], partID)
			started, read = time.Time{}, time.Time{}
		},
		OnWrite: func(r *sim.Registers, reg, v byte) {
			switch {
			case reg == regMode && v == measure:
				started, warm = warm, time.Time{}
				if started.IsZero() {
					started = time.Now()
				}
				read = started
			case reg == regMode:
				started = time.Time{}
			case reg < regMode || reg >= regStatus && reg < 0x40:
				binary.LittleEndian.PutUint16(r.R[regPart:], partID) // read-only
			}
		},
		OnRead: func(r *sim.Registers, reg byte, n int) {
			if reg != regStatus || started.IsZero() {
				return
			}
			r.R[regStatus] = running
			if time.Since(started) < warmUp {
				r.R[regStatus] |= warmingUp
			}
			if time.Since(read) >= time.Second {
				r.R[regStatus] |= newData
			}
			if n > 1 {
				read = time.Now()
			}
			r.R[regStatus+1] = 2 // index
			binary.LittleEndian.PutUint16(r.R[regStatus+2:], uint16(sim.Wave(170, 60, 9*time.Hour)))
			binary.LittleEndian.PutUint16(r.R[regStatus+4:], uint16(sim.Wave(640, 60, 9*time.Hour)))
		},
	})
}
