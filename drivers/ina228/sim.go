package ina228

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that watches a battery of 12 V and a load that
// uses a fifth of what the shunt is for.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, newPart()) }

// newPart returns a part that was switched on now.
func newPart() *part {
	p := new(part)
	p.Reset()
	return p
}

// part has registers of two, three or five bytes.
type part struct {
	words         map[byte]uint16 // that can be written
	pointer       byte
	until         time.Time // the sums are of
	first         time.Time // the end of the first measurement
	joule, charge float64   // in steps
}

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	p.accumulate()
	p.pointer = w[0]
	if len(w) < 3 {
		return nil
	}
	v := uint16(w[1])<<8 | uint16(w[2])
	switch {
	case w[0] == regConfig && v&reset != 0:
		p.Reset()
		p.pointer = w[0]
	case w[0] == regConfig, w[0] == regConverter, w[0] == regCalibration:
		p.words[w[0]] = v
		if w[0] == regConverter {
			p.first = time.Now().Add(3 * 64 * 1052 * time.Microsecond)
		}
	}
	return nil
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	p.accumulate()
	volts, drop, celsius := feel()
	if time.Now().Before(p.first) {
		volts, drop, celsius = 0, 0, 0
	}
	v, bytes := uint64(p.words[p.pointer]), 2
	switch p.pointer {
	case regBus:
		v, bytes = uint64(math.Round(volts/busStep))<<4, 3
	case regShunt:
		v, bytes = uint64(int64(math.Round(drop/shuntStep)))<<4, 3
	case regTemperature:
		v = uint64(int64(math.Round(celsius / heatStep)))
	case regEnergy:
		v, bytes = uint64(p.joule), 5
	case regCharge:
		v, bytes = uint64(int64(p.charge)), 5
	}
	for i := range r {
		r[i] = 0xff // nobody drives the line
		if i < bytes {
			r[i] = byte(v >> (8 * (bytes - 1 - i)))
		}
	}
	return nil
}

// Reset implements sim.Part.
func (p *part) Reset() {
	p.words = map[byte]uint16{regConverter: 0xfb68, regCalibration: calibration, regFlags: healthy, regMaker: texas, regDevice: device | 1}
	p.pointer, p.joule, p.charge = 0, 0, 0
	p.until, p.first = time.Now(), time.Now().Add(3*1052*time.Microsecond)
}

// accumulate brings the sums up to now.
func (p *part) accumulate() {
	now := time.Now()
	seconds := now.Sub(p.until).Seconds()
	p.until = now
	volts, drop, _ := feel()
	gain := float64(p.words[regCalibration]) / calibration
	p.charge += drop / shuntStep * gain * seconds
	p.joule += math.Abs(volts*drop) / shuntStep / (16 * 3.2) * gain * seconds
}

// feel is what there is to measure now.
func feel() (volts, drop, celsius float64) {
	return sim.Wave(12.4, 0.6, 24*time.Hour), sim.Wave(0.03, 0.005, 24*time.Hour), sim.AirTemperature() + 4
}
