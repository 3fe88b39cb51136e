package hdc1080

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the measurement under way
	s.Simulate(host, sim.NewWords(&sim.Words{
		CountsUp: true,
		PowerOn: func(w *sim.Words) {
			w.R[regConfig], w.R[regMaker], w.R[regDevice] = config, texas, device
			end = time.Time{}
		},
		OnPointer: func(w *sim.Words, reg byte) {
			if reg == regTemperature {
				w.R[regTemperature] = uint16((sim.AirTemperature()+40)/165*(1<<16)) &^ 3
				w.R[regHumidity] = uint16(sim.RelativeHumidity()/100*(1<<16)) &^ 3
				end = time.Now().Add(12850 * time.Microsecond)
			}
		},
		OnRead: func(_ *sim.Words, _ byte) error {
			if time.Now().Before(end) {
				return sim.NoAck
			}
			return nil
		},
	}))
}
