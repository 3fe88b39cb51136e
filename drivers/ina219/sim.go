package ina219

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that watches a battery of 12 V and a load that
// uses a quarter of what the shunt is for.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the measurement under way
	store := func(w *sim.Words) {
		w.R[regBus] = uint16(math.Round(sim.Wave(12.4, 0.6, 24*time.Hour)/busStep))<<3 | ready
		w.R[regShunt] = uint16(int16(sim.Wave(0.08, 0.02, 24*time.Hour) / shuntStep))
	}
	s.Simulate(host, sim.NewWords(&sim.Words{
		PowerOn: func(w *sim.Words) {
			w.R[regConfig] = 0x399f
			end = time.Now().Add(1100 * time.Microsecond)
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			if reg == regConfig { // the others that are simulated can only be read
				w.R[reg] = v
				w.R[regBus] &^= ready
				end = time.Now().Add(2 * 68100 * time.Microsecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if !end.IsZero() && !time.Now().Before(end) {
				store(w)
				end = time.Time{}
			}
			return nil
		},
	}))
}
