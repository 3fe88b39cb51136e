package lps22

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a LPS22HB on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(lps22hb)) }

// newPart returns a part that was switched on now. It measures once a second if
// that is its rate, and never at another one. Before it did, its registers hold
// what real ones hold then.
func newPart(c chip) *sim.Registers {
	var next, done time.Time // the next measurement, the end of a reset
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			next = time.Time{}
			r.R[regID], r.R[regControl2] = c.id, 0x10
			copy(r.R[regPressure:], []byte{0x66, 0x66, 0x2f})
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg == regControl2 && value&reset != 0:
				r.Reset()
				r.R[regControl2] |= reset
				done = time.Now().Add(7 * time.Millisecond)
			case time.Now().Before(done):
				r.R[reg] = 0 // being reset
			case reg == regControl:
				next = time.Time{}
				if value&c.mask == c.control[0]&c.mask {
					next = time.Now().Add(time.Second)
				}
			}
		},
		OnRead: func(r *sim.Registers, reg byte, count int) {
			now := time.Now()
			if !now.Before(done) {
				r.R[regControl2] &^= reset
			}
			for !next.IsZero() && !now.Before(next) {
				next = next.Add(time.Second)
				feel(r)
			}
			// Reading the highest byte clears the flag.
			if reaches(reg, count, regPressure+2) {
				r.R[regStatus] &^= 1
			}
			if reaches(reg, count, regTemperature+1) {
				r.R[regStatus] &^= 2
			}
		},
	})
}

// feel ends a measurement: its results are in the registers.
func feel(r *sim.Registers) {
	p := int32(math.Round(sim.AtmosphericPressure() * 4096))
	t := int32(math.Round(sim.AirTemperature() * 100))
	copy(r.R[regPressure:], []byte{byte(p), byte(p >> 8), byte(p >> 16), byte(t), byte(t >> 8)})
	r.R[regStatus] |= newData
}

// reaches tells whether a read of count bytes from first on has the register in it.
func reaches(first byte, count, reg int) bool { return int(first) <= reg && reg < int(first)+count }
