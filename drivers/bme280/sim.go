package bme280

import (
	"encoding/binary"
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// image is the calibration of one real part: 26 bytes from 0x88, 7 from 0xe1.
var image = [33]byte{
	0x69, 0x6d, 0x36, 0x64, 0x32, 0x00, 0xe9, 0x98, 0x02, 0xd6, 0xd0, 0x0b, 0x23, 0x16, 0x88, 0xff, 0xf9,
	0xff, 0x8c, 0x3c, 0xf8, 0xc6, 0x70, 0x17, 0x00, 0x4b, 0x78, 0x01, 0x00, 0x11, 0x2e, 0x03, 0x1e,
}

// noData is what the data registers hold before the first measurement.
var noData = [8]byte{0x80, 0, 0, 0x80, 0, 0, 0x80, 0}

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// simulateBMP280 does so with a BMP280.
func simulateBMP280(host *sim.Host, s Settings) { s.Simulate(host, newModel(idBMP280)) }

// newPart returns a BME280 that was switched on now.
func newPart() *sim.Registers { return newModel(id) }

// newModel returns the part with an identity.
func newModel(identity byte) *sim.Registers {
	var loaded, done time.Time // the calibration is there; the measurement ends
	var hum byte               // ctrl_hum, as it was when ctrl_meas was last written
	return sim.NewRegisters(&sim.Registers{
		Pairs: true,
		PowerOn: func(r *sim.Registers) {
			loaded, done, hum = time.Now().Add(5*time.Millisecond), time.Time{}, 0
			r.R[regID] = identity
			copy(r.R[0xf7:], noData[:])
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg == regReset && value == reset:
				r.Reset()
			case reg == regReset:
				r.R[reg] = 0
			case reg == regCtrlMeas:
				hum = r.R[regCtrlHum]
				if m := value & 3; m == 1 || m == 2 {
					done = time.Now().Add(9300 * time.Microsecond)
				}
			}
		},
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			now := time.Now()
			r.R[regStatus] = 0
			if now.Before(loaded) {
				r.R[regStatus] |= statusImage
			} else {
				copy(r.R[regCalibration:], image[:26])
				copy(r.R[regHumidity:], image[26:])
			}
			if now.Before(done) {
				r.R[regStatus] |= statusBusy
			} else if !done.IsZero() {
				done = time.Time{}
				feel(r, hum)
			}
		},
	})
}

// feel ends a measurement: its results are in the registers and the part sleeps.
func feel(r *sim.Registers, hum byte) {
	c, _ := parse(image)
	t := sort.Search(1<<20-1, func(code int) bool { return c.fine(uint32(code)) >= sim.AirTemperature()*5120 })
	fine := c.fine(uint32(t))
	p := sort.Search(1<<20-1, func(code int) bool {
		return c.pressure(uint32(code), fine) <= sim.AtmosphericPressure()*100
	})
	h := sort.Search(1<<16-1, func(code int) bool { return c.humidity(uint16(code), fine) >= sim.RelativeHumidity() })
	data := noData
	if r.R[regCtrlMeas]&0x1c != 0 {
		copy(data[0:], []byte{byte(p >> 12), byte(p >> 4), byte(p << 4)})
	}
	if r.R[regCtrlMeas]&0xe0 != 0 {
		copy(data[3:], []byte{byte(t >> 12), byte(t >> 4), byte(t << 4)})
	}
	if hum&7 != 0 {
		binary.BigEndian.PutUint16(data[6:], uint16(h))
	}
	copy(r.R[0xf7:], data[:])
	r.R[regCtrlMeas] &^= 3
}
