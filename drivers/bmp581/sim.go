package bmp581

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a BMP581 on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// newPart returns a part that was switched on now. It takes the word to measure
// only in standby, and settings only out of the deep one.
func newPart() *sim.Registers {
	var awake, settled, done time.Time // reads its memory; stands by; the measurement ends
	var flags byte                     // of the interrupts: reading clears them
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			awake, settled, done = time.Now().Add(2*time.Millisecond), time.Time{}, time.Time{}
			flags = powerOn
			r.R[regID], r.R[regODR] = idBMP581, 0x70
			for i := range 6 {
				r.R[regData+i] = nothing & 0xff
			}
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			now := time.Now()
			stands := !settled.IsZero() && !now.Before(settled)
			switch {
			case reg == regCommand && value == reset:
				r.Reset()
			case reg == regODR && value&3 == 0 && value&0x80 != 0:
				settled = now.Add(2500 * time.Microsecond)
			case reg == regODR && value&3 == forced&3 && stands:
				done = now.Add(16 * time.Millisecond)
			case reg == regODR:
				r.R[regODR] &^= 3
			case (reg == regOSR || reg == regIntSource) && !stands:
				r.R[reg] = 0
			}
		},
		OnRead: func(r *sim.Registers, reg byte, count int) {
			now := time.Now()
			if !now.Before(awake) {
				r.R[regStatus] |= nvmReady
			}
			if !done.IsZero() && !now.Before(done) {
				done = time.Time{}
				feel(r)
				flags |= dataInt & r.R[regIntSource]
			}
			r.R[regIntStatus] = flags
			if reg <= regIntStatus && int(reg)+count > regIntStatus {
				flags = 0
			}
		},
	})
}

// feel ends a measurement: its results are in the registers and the part stands
// by. Without its setting it does not measure the pressure.
func feel(r *sim.Registers) {
	r.R[regODR] &^= 3
	t := int32(math.Round(sim.AirTemperature() * (1 << 16)))
	p := int32(math.Round(sim.AtmosphericPressure() * 6400))
	if r.R[regOSR]&0x40 == 0 {
		p = nothing
	}
	copy(r.R[regData:], []byte{byte(t), byte(t >> 8), byte(t >> 16), byte(p), byte(p >> 8), byte(p >> 16)})
}
