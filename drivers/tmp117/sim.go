package tmp117

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the conversion under way
	s.Simulate(host, sim.NewWords(&sim.Words{
		PowerOn: func(w *sim.Words) {
			w.R[regTemperature], w.R[regConfig], w.R[regID] = none, 0x0220, 0x1117
			end = time.Now().Add(time.Second)
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			if reg == regConfig {
				w.R[regConfig] = v & 0x0fff
				end = time.Now().Add(8 * 15500 * time.Microsecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if end.IsZero() || time.Now().Before(end) {
				return nil
			}
			w.R[regTemperature] = uint16(int16(math.Round(sim.AirTemperature() * 128)))
			w.R[regConfig] |= dataReady
			end = time.Now().Add(time.Second)
			if w.R[regConfig]&settings == once {
				w.R[regConfig] = dataReady | done
				end = time.Time{}
			}
			return nil
		},
		AfterRead: func(w *sim.Words, reg byte) {
			if reg == regConfig || reg == regTemperature {
				w.R[regConfig] &^= dataReady
			}
		},
	}))
}
