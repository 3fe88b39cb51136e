package opt3001

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that sees the simulated light.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the measurement under way
	s.Simulate(host, sim.NewWords(&sim.Words{
		PowerOn: func(w *sim.Words) {
			w.R[regConfig], w.R[regMaker], w.R[regDevice] = 0xc810, texas, device
			end = time.Time{}
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			if reg == regConfig {
				w.R[regConfig] = v & settings
				end = time.Now().Add(880 * time.Millisecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if !end.IsZero() && !time.Now().Before(end) {
				w.R[regResult] = encode(sim.Illuminance())
				w.R[regConfig] = w.R[regConfig]&^0x0600 | ready
				end = time.Time{}
			}
			return nil
		},
		AfterRead: func(w *sim.Words, reg byte) {
			if reg == regConfig {
				w.R[regConfig] &^= ready
			}
		},
	}))
}

// encode returns the result in the finest range that holds it.
func encode(lux float64) uint16 {
	var exponent uint16
	count := uint32(math.Round(lux * 100))
	for ; count > 0x0fff; count /= 2 {
		exponent++
	}
	return exponent<<12 | uint16(count)
}
