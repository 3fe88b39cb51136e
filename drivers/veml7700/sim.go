package veml7700

import (
	"math"
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that sees the simulated light.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(sim.Illuminance, s.LuxPerCount)) }

// newPart returns a part that was switched on now and sees light, in lx. Until an
// integration ends it reports the one before.
func newPart(light func() float64, luxPerCount float64) *sim.Words {
	var end time.Time // of the integration under way
	start := func(w *sim.Words) {
		end = time.Time{}
		for _, c := range []scale{bright, middle, dark} {
			if w.R[regConfig] == c.config {
				end = time.Now().Add(startTime/2 + c.integration)
			}
		}
	}
	return sim.NewWords(&sim.Words{
		LittleEndian: true,
		PowerOn: func(w *sim.Words) {
			w.R[regConfig], w.R[regID] = shutDown, 0xc481
			start(w)
		},
		OnWrite: func(w *sim.Words, reg byte, v uint16) {
			w.R[reg] = v
			start(w)
		},
		OnRead: func(w *sim.Words, _ byte) error {
			if end.IsZero() || time.Now().Before(end) {
				return nil
			}
			for _, c := range []scale{bright, middle, dark} {
				if w.R[regConfig] == c.config {
					w.R[regLight] = c.encode(light(), luxPerCount)
				}
			}
			start(w)
			return nil
		},
	})
}

// encode returns the first count that is as bright, or all ones if none is.
func (c scale) encode(lux, luxPerCount float64) uint16 {
	return uint16(sort.Search(math.MaxUint16, func(word int) bool {
		v, err := c.decode(uint16(word), luxPerCount)
		return err != nil || v >= lux
	}))
}
