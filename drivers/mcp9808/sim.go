package mcp9808

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
			w.R[regMaker], w.R[regDevice], w.R[regResolution] = microchip, 0x0400, finest<<8
			end = time.Now().Add(250 * time.Millisecond)
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if !time.Now().Before(end) {
				v := int16(math.Floor(sim.AirTemperature() * 16))
				w.R[regTemperature] = 0xc000 | uint16(v)&0x1fff // alarms: its limits are 0 °C
				end = time.Now().Add(250 * time.Millisecond)
			}
			return nil
		},
	}))
}
