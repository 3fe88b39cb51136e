package lsm303mag

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the field of Central Europe.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(func() (x, y, z float64) {
		return sim.Wave(21, 0.2, 24*time.Hour), sim.Wave(1, 0.2, 24*time.Hour), sim.Wave(-43, 0.2, 24*time.Hour)
	}))
}

// newPart returns a part that was switched on now, in a field in µT.
func newPart(field func() (x, y, z float64)) *sim.Registers {
	var done time.Time // the measurement under way ends
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			done = time.Time{}
			copy(r.R[regConfig:], []byte{0x10, 0x20, 0x03})
			copy(r.R[regID:], "H43")
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			if reg == regMode && value&3 == single {
				r.R[regStatus] = 0
				period := 4500 * time.Microsecond
				if r.R[regConfig] != rate220 {
					period = 67 * time.Millisecond
				}
				done = time.Now().Add(period)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			if done.IsZero() || time.Now().Before(done) {
				return
			}
			done = time.Time{}
			x, y, z := field()
			store(r.R[regData:], x*stepsXY)
			store(r.R[regData+2:], z*stepsZ)
			store(r.R[regData+4:], y*stepsXY)
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
