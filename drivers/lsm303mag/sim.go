package lsm303mag

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the field of Central Europe.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(parts[s.Part], func() (x, y, z float64) {
		return sim.Wave(21, 0.2, 24*time.Hour), sim.Wave(1, 0.2, 24*time.Hour), sim.Wave(-43, 0.2, 24*time.Hour)
	}))
}

// newPart returns a part that was switched on now, in a field in µT. Its status says
// that there are data until it writes the next ones (HMC5883L Rev. E, table 17).
func newPart(p part, field func() (x, y, z float64)) *sim.Registers {
	var done time.Time // the measurement under way ends
	var gain byte      // that of the measurement under way
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			done, gain = time.Time{}, 0x20
			copy(r.R[regConfig:], []byte{0x10, 0x20, 0x03})
			copy(r.R[regID:], "H43")
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			if reg == regMode && value&3 == single {
				period := 67 * time.Millisecond
				if r.R[regConfig] == p.config {
					period = p.nominal * 7 / 6 // a clock that is late
				}
				done = time.Now().Add(period)
				if !p.late {
					gain = r.R[regGain]
				}
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			if done.IsZero() || time.Now().Before(done) {
				return
			}
			done = time.Time{}
			x, y, z := field()
			if gain != gain130 {
				x, y, z = x/2, y/2, z/2
			}
			gain = r.R[regGain]
			store(r.R[regData:], x*p.stepsXY)
			store(r.R[regData+2:], z*p.stepsZ)
			store(r.R[regData+4:], y*p.stepsXY)
			r.R[regStatus], r.R[regMode] = dataDone, 0x03
		},
	})
}

func store(b []byte, code float64) {
	if code < -2048 || code > 2047 {
		code = overflow
	}
	binary.BigEndian.PutUint16(b, uint16(int16(code)))
}
