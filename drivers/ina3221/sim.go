package ina3221

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that watches 5, 10 and 15 V, each with a load
// that uses a quarter of what its shunt is for.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the measurement under way
	s.Simulate(host, sim.NewWords(&sim.Words{
		PowerOn: func(w *sim.Words) {
			end = time.Time{}
			w.R[regConfig], w.R[regMaker], w.R[regDevice] = 0x7127, texas, device
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			w.R[reg] = v
			if reg == regConfig {
				w.R[regFlags] &^= ready
				end = time.Now().Add(6 * 16 * 1100 * time.Microsecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if !end.IsZero() && !time.Now().Before(end) {
				end = time.Time{}
				feel(w)
			}
			return nil
		},
		AfterRead: func(w *sim.Words, reg byte) {
			if reg == regFlags {
				w.R[regFlags] &^= ready
			}
		},
	}))
}

// feel ends a measurement: its results are in the registers.
func feel(w *sim.Words) {
	for i := range 3 {
		if w.R[regConfig]&(channel1>>i) == 0 {
			continue
		}
		volts, drop := sim.Wave(5*float64(i+1), 0.2, 24*time.Hour), sim.Wave(0.04, 0.005, 24*time.Hour)
		w.R[regBus1+2*i] = realStep * uint16(math.Round(volts/busStep/realStep))
		w.R[regShunt1+2*i] = realStep * uint16(math.Round(drop/shuntStep/realStep))
	}
	w.R[regFlags] |= ready
}
