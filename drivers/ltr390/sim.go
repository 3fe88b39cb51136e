package ltr390

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that sees the simulated light.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(sim.Illuminance)) }

// newPart returns a part that sees a light, in lx, and was switched on now.
func newPart(lux func() float64) *sim.Registers {
	var end time.Time // of the conversion under way
	var flags byte    // of status: reading clears them
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			end, flags = time.Time{}, 0x20
			r.R[regRate], r.R[regGain], r.R[regID] = 0x22, 0x01, id|2
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			if reg == regControl {
				end = time.Time{}
				if value&light != 0 {
					end = time.Now().Add(400 * time.Millisecond)
				}
			}
		},
		OnRead: func(r *sim.Registers, reg byte, _ int) {
			if !end.IsZero() && !time.Now().Before(end) {
				end = time.Now().Add(400 * time.Millisecond)
				feel(r, lux())
				flags |= newData
			}
			if reg == regStatus {
				r.R[regStatus], flags = flags, 0
			}
		},
	})
}

// feel ends a conversion: its result is in the registers.
func feel(r *sim.Registers, lux float64) {
	at, count := regALS, lux/luxPerCount(r.R[regGain])
	if r.R[regControl] == ultra {
		at, count = regUVS, lux/20000/uvPerCount // some sun
	}
	n := uint32(min(count, most))
	copy(r.R[at:], []byte{byte(n), byte(n >> 8), byte(n >> 16)})
}
