package max17048

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a MAX17048 on the bus, with a battery that a panel charges by day.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(0x0012)) }

// newPart returns a part of a version whose battery was put in now.
func newPart(version uint16) *sim.Words {
	var start time.Time // when it knows the battery
	return sim.NewWords(&sim.Words{
		CountsUp: true,
		PowerOn: func(w *sim.Words) {
			w.R[regVersion], w.R[regConfig] = version, 0x971c
			start = time.Now().Add(time.Second)
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			if reg == regConfig {
				w.R[reg] = v
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if w.R[regConfig]&0x0080 == 0 && !time.Now().Before(start) { // awake
				level := sim.Wave(70, 25, 24*time.Hour)
				w.R[regLevel] = uint16(math.Round(level * 256))
				w.R[regVoltage] = uint16(math.Round((3.5 + 0.007*level) / 78.125e-6))
			}
			return nil
		},
	})
}
