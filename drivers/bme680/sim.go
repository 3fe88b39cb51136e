package bme680

import (
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// stored is the calibration of one real part.
var stored = image{
	[25]byte{
		0x00, 0x65, 0x67, 0x03, 0x00, 0x41, 0x8f, 0xed, 0xd6, 0x58, 0x00, 0x8e, 0x1c,
		0x7f, 0xff, 0x2e, 0x1e, 0x00, 0x00, 0x97, 0xf3, 0xb5, 0xf6, 0x1e, 0x00,
	},
	[14]byte{0x40, 0x54, 0x2a, 0x00, 0x2d, 0x14, 0x78, 0x9c, 0xb9, 0x65, 0x4e, 0x9f, 0xe2, 0x12},
	[5]byte{0x30, 0x00, 0x10, 0x00, 0x00},
}

// simulate puts a BME680 on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart(0)) }

// newPart returns a part of the variant that was switched on now.
func newPart(variant byte) *sim.Registers {
	var awake, done time.Time // the calibration is there; the measurement ends
	return sim.NewRegisters(&sim.Registers{
		Pairs: true,
		PowerOn: func(r *sim.Registers) {
			awake, done = time.Now().Add(2*time.Millisecond), time.Time{}
			r.R[regID], r.R[regVariant] = id, variant
			copy(r.R[regField:], []byte{0, 0, 0x80, 0, 0, 0x80, 0, 0, 0x80, 0})
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg == regReset && value == reset:
				r.Reset()
			case reg == regCtrlMeas && value&3 == forced:
				r.R[regField] = 0
				wait := 18500 * time.Microsecond
				if r.R[regCtrlGas]&(runGas|runGas688) != 0 {
					code := r.R[regGasWait]
					wait += time.Duration(code&0x3f) * time.Millisecond << (2 * (code >> 6))
				}
				done = time.Now().Add(wait)
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			now := time.Now()
			if !now.Before(awake) {
				copy(r.R[regCalibration:], stored.first[:])
				copy(r.R[regMore:], stored.more[:])
				copy(r.R[regHeaterValue:], stored.heater[:])
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
	c, _ := parse(stored)
	t := sort.Search(1<<20-1, func(code int) bool { return c.fine(uint32(code)) >= sim.AirTemperature()*5120 })
	fine := c.fine(uint32(t))
	p := sort.Search(1<<20-1, func(code int) bool {
		return c.pressure(uint32(code), fine) <= sim.AtmosphericPressure()*100
	})
	h := sort.Search(1<<16-1, func(code int) bool {
		return c.humidity(uint16(code), fine/5120) >= sim.RelativeHumidity()
	})
	copy(r.R[regField:], []byte{
		newData, 0, byte(p >> 12), byte(p >> 4), byte(p << 4), byte(t >> 12), byte(t >> 4), byte(t << 4), byte(h >> 8), byte(h),
	})
	at, run := regField+13, byte(runGas)
	if r.R[regVariant] == 1 {
		at, run = regField+15, runGas688
	}
	if r.R[regCtrlGas]&run != 0 {
		code := uint16(sim.Wave(700, 40, 24*time.Hour))
		r.R[at], r.R[at+1] = byte(code>>2), byte(code<<6)|gasValid|4
		if r.R[regHeater] > 0x60 { // hot enough
			r.R[at+1] |= heatStable
		}
	}
	r.R[regCtrlMeas] &^= 3
}
