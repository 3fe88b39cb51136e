package bmp180

import (
	"encoding/binary"
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// image is the calibration of the datasheet's worked example (section 3.5).
var image = [22]byte{
	0x01, 0x98, 0xff, 0xb8, 0xc7, 0xd1, 0x7f, 0xe5, 0x7f, 0xf5, 0x5a,
	0x71, 0x18, 0x2e, 0x00, 0x04, 0x80, 0x00, 0xdd, 0xf9, 0x0b, 0x34,
}

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// newPart returns a part that was switched on now.
func newPart() *sim.Registers {
	var done time.Time // when the conversion ends
	return sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) {
			done = time.Time{}
			r.R[regID] = id
			copy(r.R[regCalibration:], image[:])
			r.R[regResult] = 0x80
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg != regMeasure:
			case value == temperature:
				done = time.Now().Add(4500 * time.Microsecond)
			case value&0x3f == pressure:
				done = time.Now().Add(25500 * time.Microsecond)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			if done.IsZero() || time.Now().Before(done) {
				return
			}
			done = time.Time{}
			r.R[regMeasure] &^= converting
			feel(r)
		},
	})
}

// feel ends a conversion: its result is in the registers.
func feel(r *sim.Registers) {
	c, _ := parse(image)
	fine := func(code int) int64 { b5, _ := c.b5(int64(code)); return b5 }
	t := 20000 + sort.Search(45000, func(i int) bool { return float64(fine(20000+i)) >= sim.AirTemperature()*160 })
	copy(r.R[regResult:], []byte{byte(t >> 8), byte(t), 0})
	if r.R[regMeasure]&0x1f == pressure&0x1f {
		p := sort.Search(1<<19-1, func(code int) bool {
			pascals, _ := c.pascals(int64(code), fine(t), oversampling)
			return float64(pascals) >= sim.AtmosphericPressure()*100
		})
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(p)<<(8-oversampling))
		copy(r.R[regResult:], b[1:])
	}
}
