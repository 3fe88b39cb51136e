package mmc5603

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the field of Central Europe.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(func() (x, y, z float64) {
		return sim.Wave(21, 0.2, 24*time.Hour), sim.Wave(1, 0.2, 24*time.Hour), sim.Wave(-43, 0.2, 24*time.Hour)
	}))
}

// newPart returns a part that was switched on now, in a field in µT, and adds a
// field of its own. How it is magnetised outlasts a loss of power. Its control
// registers read as 0.
func newPart(field func() (x, y, z float64)) *sim.Registers {
	var awake, magnetised, done time.Time
	way := -1.0
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			r.R[regID], done = id, time.Time{}
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			now := time.Now()
			if reg != regControl0 && reg != regControl1 {
				return
			}
			r.R[reg] = 0
			switch {
			case now.Before(awake):
			case reg == regControl1 && value&restart != 0:
				awake, done, r.R[regStatus] = now.Add(20*time.Millisecond), time.Time{}, 0
			case value&set != 0:
				way, magnetised = 1, now
			case value&reset != 0:
				way, magnetised = -1, now
			case value&take != 0:
				done = now.Add(6600 * time.Microsecond)
			}
		},
		OnRead: func(r *sim.Registers, reg byte, _ int) {
			if done.IsZero() || time.Now().Before(done) {
				if reg <= regData+8 { // reading clears the flag, nothing else does
					r.R[regStatus] = 0
				}
				return
			}
			factor := way
			if done.Add(-6600 * time.Microsecond).Before(magnetised.Add(time.Millisecond)) {
				factor /= 2 // not yet settled
			}
			done = time.Time{}
			x, y, z := field()
			for axis, v := range []float64{x, y, z} {
				store(r, axis, v*factor+12)
			}
			r.R[regStatus] = dataDone
		},
	})
}

func store(r *sim.Registers, axis int, field float64) {
	code := min(max(int(field*stepsPerMicrotesla)+middle, 0), 2*middle-1)
	r.R[2*axis], r.R[2*axis+1], r.R[6+axis] = byte(code>>12), byte(code>>4), byte(code<<4)
}
