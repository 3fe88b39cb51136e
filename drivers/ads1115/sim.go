package ads1115

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus with a voltage that swings over the day at
// each input.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the conversion under way
	s.Simulate(host, sim.NewWords(&sim.Words{
		PowerOn: func(w *sim.Words) {
			end = time.Time{}
			w.R[regConfig], w.R[0x02], w.R[0x03] = 0x8583, 0x8000, 0x7fff // SBAS444, 9.6.3 and 9.6.4
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			w.R[reg] = v
			if reg == regConfig && v&done != 0 {
				w.R[reg] &^= done
				end = time.Now().Add(125 * time.Millisecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if end.IsZero() || time.Now().Before(end) {
				return nil
			}
			end = time.Time{}
			w.R[regConfig] |= done
			w.R[regConversion] = convert(w.R[regConfig])
			return nil
		},
	}))
}

// convert returns what a conversion with a configuration gives.
func convert(config uint16) uint16 {
	input, full := config>>inputShift&3, ranges[min(int(config>>rangeShift&7), len(ranges)-1)]
	volts := sim.Wave(0.4+0.5*float64(input), 0.1, 24*time.Hour)
	return uint16(int16(min(math.Round(volts/full*32768), 32767)))
}
