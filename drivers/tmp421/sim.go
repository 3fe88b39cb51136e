package tmp421

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus. It is in a cabinet, its probe in the air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(s.Probe)) }

// newPart returns a TMP421 that was switched on now, with a diode or without.
func newPart(diode bool) *sim.Registers {
	var done time.Time // the conversion under way ends
	start := func(r *sim.Registers) {
		done = time.Now().Add(convertTime)
		if r.R[regConfig2] == withRemote1 {
			done = done.Add(convertTime)
		}
	}
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			r.R[regMaker], r.R[regDevice] = texas, 0x21
			r.R[regConfig2], r.R[0x0b] = withRemote1, 0x07
			start(r)
		},
		OnWrite: func(r *sim.Registers, reg, _ byte) {
			if reg == regOneShot && done.IsZero() {
				start(r)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			r.R[regStatus] = 0
			if !done.IsZero() && !time.Now().Before(done) {
				done = time.Time{}
				store(r, regLocal, sim.AirTemperature()+9)
				if r.R[regConfig2]&0x10 != 0 && diode {
					store(r, regRemote, sim.AirTemperature())
				} else if r.R[regConfig2]&0x10 != 0 {
					r.R[regRemote+regLow] = open1
				}
				if r.R[regConfig1]&shutDown == 0 {
					start(r)
				}
			}
			if !done.IsZero() {
				r.R[regStatus] = busy
			}
		},
	})
}

func store(r *sim.Registers, reg byte, v float64) {
	code := int(math.Floor(v * 16))
	r.R[reg], r.R[reg+regLow] = byte(code>>4), byte(code<<4)
}
