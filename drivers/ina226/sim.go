package ina226

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// fixed are the bits of the configuration that cannot be written.
const fixed = 0x7000

// simulate puts a part on the bus that watches a battery of 12 V and a load that
// uses a quarter of what the shunt is for.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(device, 0x4127)) }

// newPart returns a part with an identity and a configuration after power-on
// that was switched on now.
func newPart(device, config uint16) *sim.Words {
	var end time.Time // of the measurement under way
	store := func(w *sim.Words) {
		w.R[regBus] = uint16(math.Round(sim.Wave(12.4, 0.6, 24*time.Hour) / busStep))
		w.R[regShunt] = uint16(int16(sim.Wave(0.02, 0.005, 24*time.Hour) / shuntStep))
		w.R[regFlags] |= ready
	}
	return sim.NewWords(&sim.Words{
		PowerOn: func(w *sim.Words) {
			w.R[regConfig], w.R[regMaker], w.R[regDevice] = config, texas, device
			end = time.Now().Add(2200 * time.Microsecond)
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			if reg == regConfig { // the others the driver writes to can only be read
				w.R[reg] = v&^fixed | config&fixed
				w.R[regFlags] &^= ready
				end = time.Now().Add(2 * 16 * 1210 * time.Microsecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if !end.IsZero() && !time.Now().Before(end) {
				store(w)
				end = time.Time{}
			}
			return nil
		},
		AfterRead: func(w *sim.Words, reg byte) {
			if reg == regFlags {
				w.R[regFlags] &^= ready
			}
		},
	})
}
