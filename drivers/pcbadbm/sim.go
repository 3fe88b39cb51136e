package pcbadbm

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a module on the bus that hears a street.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// street is the level at an instant, in whole dB: a day, and cars that pass.
func street(t time.Time) byte {
	wave := func(period time.Duration) float64 {
		return math.Sin(2 * math.Pi * float64(t.UnixNano()%int64(period)) / float64(period))
	}
	return byte(math.Round(56 + 6*wave(24*time.Hour) + 0.6*wave(50*time.Second)))
}

// identity is the version and a number of its own.
var identity = [regScratch]byte{0x31, 0x5a, 0x12, 0x34, 0x56}

// newPart returns a module after power-on.
func newPart() *sim.Registers {
	var since time.Time // there are levels
	var down bool
	powerOn := func(r *sim.Registers) {
		r.R = [256]byte{regScratch: scratchPowerOn, regControl: 0x02, regAverage: 0x03, 0xe8, 0x0d: 45, 85, 18} // manual, the default values
		copy(r.R[:], identity[:])
		since, down = time.Now(), false
	}
	return sim.NewRegisters(&sim.Registers{
		PowerOn: powerOn,
		OnWrite: func(r *sim.Registers, reg, v byte) {
			switch {
			case reg == regReset && v&resetSystem != 0:
				powerOn(r)
			case reg == regReset && v&0x04 != 0:
				since = time.Now()
			case reg == regControl:
				since = time.Now()                // levels with another weighting are forgotten here
				down = down || v&controlDown != 0 // only a reset wakes it
			case reg < regScratch:
				r.R[reg] = identity[reg] // read-only
			}
			r.R[regReset] = 0
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			now := time.Now()
			for i := range historySize {
				at := now.Add(-time.Duration(i) * period)
				r.R[regHistory+i] = 0
				if at.Sub(since) >= period && !down {
					r.R[regHistory+i] = street(at)
				}
			}
			r.R[0x0a] = r.R[regHistory]
		},
	})
}
