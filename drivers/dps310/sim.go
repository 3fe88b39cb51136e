package dps310

import (
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// image is a set of coefficients as parts have them.
var image = [18]byte{
	0x0c, 0xce, 0xfb, 0x13, 0xca, 0xaf, 0x2a, 0x66, 0xf4, 0xbb, 0x04, 0xfa, 0xd9, 0x24, 0x00, 0x8e, 0xfa, 0x2b,
}

// simulate puts a part on the bus that feels the simulated air. It is one of
// the first series, which needs the maker's correction.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// newPart returns a part that was switched on now.
func newPart() *sim.Registers {
	var awake, loaded, done time.Time // sensor ready; coefficients ready; the conversion ends
	var corrected bool
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			now := time.Now()
			awake, loaded, done = now.Add(12*time.Millisecond), now.Add(startTime), time.Time{}
			corrected = false
			r.R[regData], r.R[regData+3] = 0x80, 0x80
			r.R[regID] = id
			r.R[regSource] = external
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg == regReset && value&0x0f == reset:
				r.Reset()
			case reg == regMeasure:
				r.R[reg] &= 7
				switch value & 7 {
				case startPressure:
					done = time.Now().Add(14800 * time.Microsecond)
				case startTemp:
					done = time.Now().Add(3600 * time.Microsecond)
				}
			case reg == 0x62 && value == 0x02:
				corrected = r.R[0x0e] == 0xa5 && r.R[0x0f] == 0x96
			}
		},
		OnRead: func(r *sim.Registers, reg byte, _ int) {
			now := time.Now()
			if !now.Before(loaded) {
				copy(r.R[regCoefficients:], image[:])
				r.R[regMeasure] |= coefficientsIn
			}
			if !now.Before(awake) {
				r.R[regMeasure] |= sensorReady
			}
			if !done.IsZero() && !now.Before(done) {
				done = time.Time{}
				feel(r, corrected)
			}
			if reg < regPressure {
				r.R[regMeasure] &^= pressureReady | tempReady
			}
		},
	})
}

// feel ends a conversion: its result is in the registers and the part is idle.
func feel(r *sim.Registers, corrected bool) {
	c, _ := parse(image)
	ts := (sim.AirTemperature() - c.c0/2) / c.c1
	switch r.R[regMeasure] & 7 {
	case startTemp:
		if !corrected || r.R[regTemperature] != external {
			ts = (sim.AirTemperature() + 40 - c.c0/2) / c.c1
		}
		store(r.R[regData+3:], int(ts*scale1))
		r.R[regMeasure] |= tempReady
	case startPressure:
		const lowest = -scale8 // −1.0 to 0.5 of the full scale is far more than the part's range
		n := sort.Search(scale8*3/2, func(n int) bool {
			return c.pressure(float64(lowest+n)/scale8, ts) <= sim.AtmosphericPressure()*100
		})
		if r.R[regPressure] != oversample8 {
			n /= 2 // another full scale
		}
		store(r.R[regData:], lowest+n)
		r.R[regMeasure] |= pressureReady
	}
	r.R[regMeasure] &^= 7
}

func store(b []byte, v int) { b[0], b[1], b[2] = byte(v>>16), byte(v>>8), byte(v) }
