package bmp388

import (
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// image is a calibration as parts have them.
var image = [21]byte{
	0xc0, 0x6b, 0x7b, 0x49, 0xf6, 0x05, 0x00, 0x18, 0xfc, 0x23, 0x00,
	0x7f, 0x61, 0xf9, 0x77, 0x03, 0xfa, 0xca, 0x0d, 0x03, 0xc4,
}

// noData is what the data registers hold before the first measurement.
var noData = []byte{0, 0, 0x80, 0, 0, 0x80}

// simulate puts a BMP388 on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// newPart returns a part that was switched on now.
func newPart() *sim.Registers {
	var awake, done time.Time // takes commands; the measurement ends
	return sim.NewRegisters(&sim.Registers{
		Pairs: true,
		PowerOn: func(r *sim.Registers) {
			awake, done = time.Now().Add(2*time.Millisecond), time.Time{}
			r.R[regID] = idBMP388
			r.R[regOSR] = 0x02
			copy(r.R[regData:], noData)
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg == regCommand && value == reset:
				r.Reset()
			case reg == regPower && value&0x30 == forced&0x30:
				r.R[regStatus] &^= measured
				done = time.Now().Add(19 * time.Millisecond)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			now := time.Now()
			if !now.Before(awake) {
				r.R[regStatus] |= idle
				copy(r.R[regCalibration:], image[:])
			}
			if !done.IsZero() && !now.Before(done) {
				done = time.Time{}
				feel(r)
			}
		},
	})
}

// feel ends a measurement: its results are in the registers and the part sleeps.
func feel(r *sim.Registers) {
	c, _ := parse(image)
	t := sort.Search(1<<24-1, func(code int) bool { return c.temperature(uint32(code)) >= sim.AirTemperature() })
	degrees := c.temperature(uint32(t))
	// The pressure falls as its code grows.
	p := sort.Search(1<<24-1, func(code int) bool {
		return c.pressure(uint32(code), degrees) <= sim.AtmosphericPressure()*100
	})
	copy(r.R[regData:], []byte{byte(p), byte(p >> 8), byte(p >> 16), byte(t), byte(t >> 8), byte(t >> 16)})
	r.R[regStatus] |= measured
	r.R[regPower] &^= 0x30
}
