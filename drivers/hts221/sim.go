package hts221

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// image is a calibration as parts have them: the humidity's converter counts down
// as it gets damper.
var image = [16]byte{
	0x40, 0x91, 0x9f, 0x0e, 0x00, 0xc4, 0xfe, 0xff, 0x00, 0x00, 0x30, 0xd2, 0x05, 0x00, 0xf7, 0x02,
}

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// part answers the same register again and again, unless it is asked to go on.
type part struct {
	*sim.Registers
	pointer byte
}

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	p.pointer = w[0]
	return p.Registers.Write(w)
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	if err := p.Registers.Read(r); err != nil || p.pointer&onward != 0 {
		return err
	}
	for i := range r {
		r[i] = r[0]
	}
	return nil
}

// newPart returns a part that was switched on now. It measures once a second if
// it is told to, and has no calibration until it loaded it.
func newPart() *part {
	var next, loaded time.Time // the next measurement, the end of loading
	return &part{Registers: sim.NewRegisters(&sim.Registers{
		Mask: 0x7f,
		PowerOn: func(r *sim.Registers) {
			next, loaded = time.Time{}, time.Now().Add(5*time.Millisecond)
			r.R[regID], r.R[regAverage] = id, 0x1b
		},
		OnWrite: func(r *sim.Registers, reg, value byte) {
			switch {
			case reg == regControl2 && value&reload != 0:
				clear(r.R[regCalibration : regCalibration+16])
				loaded = time.Now().Add(7 * time.Millisecond)
			case reg == regControl:
				next = time.Time{}
				if value&0x83 == 0x81 {
					next = time.Now().Add(time.Second)
				}
			}
		},
		OnRead: func(r *sim.Registers, reg byte, count int) {
			now := time.Now()
			if !now.Before(loaded) {
				copy(r.R[regCalibration:], image[:])
				r.R[regControl2] &^= reload
			}
			for !next.IsZero() && !now.Before(next) {
				next = next.Add(time.Second)
				feel(r)
			}
			if reg == regData && count == 4 {
				r.R[regStatus] &^= newData
			}
		},
	})}
}

// feel ends a measurement: its results are in the registers.
func feel(r *sim.Registers) {
	c, _ := parse(image)
	t := c.temperature.raw(sim.AirTemperature())
	h := c.humidity.raw(sim.RelativeHumidity())
	copy(r.R[regData:], []byte{byte(h), byte(h >> 8), byte(t), byte(t >> 8)})
	r.R[regStatus] |= newData
}

// raw is what the converter says where v is true.
func (l line) raw(v float64) int16 {
	return int16(math.Round(l.raw0 + (v-l.true0)*(l.raw1-l.raw0)/(l.true1-l.true0)))
}
