package tsl2591

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that sees the simulated light.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(sim.Illuminance)) }

// share is how much of all light is infrared.
const share = 0.25

// part takes nothing that is no command.
type part struct{ *sim.Registers }

// Write implements sim.Part.
func (p part) Write(w []byte) error {
	if w[0]&0xe0 != command {
		return nil
	}
	return p.Registers.Write(w)
}

// newPart returns a part that was switched on now and sees light, in lx. Until a
// measurement ends it reports the one before.
func newPart(light func() float64) part {
	var end time.Time // of the measurement under way
	return part{sim.NewRegisters(&sim.Registers{
		Mask: 0x1f,
		PowerOn: func(r *sim.Registers) {
			end = time.Time{}
			r.R[regID&0x1f] = id
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			if reg != regEnable&0x1f {
				return
			}
			r.R[regStatus&0x1f] &^= valid
			end = time.Time{}
			if value&on == on {
				steps := time.Duration(r.R[regScale&0x1f]&7) + 1
				end = time.Now().Add(steps * 108 * time.Millisecond)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			if end.IsZero() || time.Now().Before(end) {
				return
			}
			end = time.Time{}
			r.R[regStatus&0x1f] |= valid
			for _, c := range []scale{bright, middle, dark} {
				if r.R[regScale&0x1f] == c.control {
					all, infrared := c.encode(light())
					copy(r.R[regData&0x1f:], []byte{byte(all), byte(all >> 8), byte(infrared), byte(infrared >> 8)})
				}
			}
		},
	})}
}

// encode returns the counts of both channels.
func (c scale) encode(lux float64) (all, infrared uint16) {
	ms := float64(c.integration / time.Millisecond)
	a := lux * ms * c.gain / luxFactor / ((1 - share) * (1 - share))
	return uint16(math.Round(min(a, float64(c.full)))), uint16(math.Round(min(a*share, float64(c.full))))
}
