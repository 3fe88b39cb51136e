package veml6075

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that sees the simulated light.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(s)) }

// newPart returns a part that was switched on now. Until a measurement ends it
// reports the one before; shut down, it begins none.
func newPart(s Settings) *sim.Words {
	var end time.Time // of the measurement under way
	return sim.NewWords(&sim.Words{
		LittleEndian: true,
		PowerOn: func(w *sim.Words) {
			w.R[regConfig], w.R[regID] = 0x0001, id
			end = time.Time{}
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			if reg != regConfig {
				return
			}
			w.R[regConfig] = v &^ (trigger &^ waits)
			if v == trigger {
				end = time.Now().Add(140 * time.Millisecond)
			}
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if !end.IsZero() && !time.Now().Before(end) {
				end = time.Time{}
				c := s.encode(sim.Illuminance() / 20000) // some sun
				w.R[regUVA], w.R[regUVB], w.R[regVisible], w.R[regInfrared] = c.uva, c.uvb, c.visible, c.infrared
			}
			return nil
		},
	})
}

// encode returns the counts of a sun with as much UVA as UVB for the skin.
func (s Settings) encode(index float64) counts {
	visible, infrared := 100*index, 50*index
	return counts{
		uva:      uint16(math.Round(index/s.UVAPerCount + 2.22*visible + 1.33*infrared)),
		uvb:      uint16(math.Round(index/s.UVBPerCount + 2.95*visible + 1.74*infrared)),
		visible:  uint16(math.Round(visible)),
		infrared: uint16(math.Round(infrared)),
	}
}
