package qmc5883l

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the field of Central Europe.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(func() (x, y, z float64) {
		return sim.Wave(21, 0.2, 24*time.Hour), sim.Wave(1, 0.2, 24*time.Hour), sim.Wave(-43, 0.2, 24*time.Hour)
	}))
}

// newPart returns a part that was switched on now, in a field in µT. Without its
// set/reset period it measures half of it.
func newPart(field func() (x, y, z float64)) *sim.Registers {
	var next, awake time.Time // the measurement under way ends; the part hears again
	powerOn := func(r *sim.Registers) {
		next = time.Time{}
		r.R = [256]byte{regID: id}
	}
	return sim.NewRegisters(&sim.Registers{
		PowerOn: powerOn,
		OnWrite: func(r *sim.Registers, reg, value byte) {
			now := time.Now()
			switch {
			case now.Before(awake):
				r.R[reg] = 0
			case reg == regControl2 && value&restart != 0:
				powerOn(r)
				awake = now.Add(5 * time.Millisecond)
			case reg == regControl1 && value&3 == continuous&3:
				next = now.Add(22 * time.Millisecond) // its clock is late
			}
		},
		OnRead: func(r *sim.Registers, reg byte, _ int) {
			if reg < regStatus {
				r.R[regStatus] = 0
				return
			}
			now := time.Now()
			if next.IsZero() || now.Before(next) {
				return
			}
			for !now.Before(next) {
				next = next.Add(22 * time.Millisecond)
			}
			x, y, z := field()
			r.R[regStatus] = dataReady
			for i, v := range []float64{x, y, z} {
				if r.R[regPeriod] != period {
					v /= 2
				}
				code := v * stepsPerMicrotesla
				if code < -32768 || code > 32767 {
					r.R[regStatus] |= overflow
					code = min(max(code, -32768), 32767)
				}
				binary.LittleEndian.PutUint16(r.R[regData+2*i:], uint16(int16(code)))
			}
		},
	})
}
