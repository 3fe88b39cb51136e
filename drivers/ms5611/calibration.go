package ms5611

import (
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// A chip is what the parts of the family differ in: numbers of their datasheets,
// "Pressure and temperature calculation".
type chip struct {
	name                     string
	convert                  byte // the command for the pressure; that for the temperature is 0x10 more
	wait                     time.Duration
	crcLast                  bool   // the checksum is in the last word, not in the first
	product, other           uint16 // the number of this part and of the one it is taken for; 0 if parts have none
	least, most              uint16 // what C1 is of parts that do not tell their number; most is 0 if that tells nothing
	temperature, pressure    agent.Property
	coldest, lowest, highest float64    // °C and hPa that the part is made for
	off, offT, sens, sensT   float64    // factors of C2, C4·dT, C1 and C3·dT
	step                     float64    // of the pressure, in hPa
	warm, cold, freezing     correction // from 20 °C on; below; below −15 °C
}

// A correction of second order: factors of dT² for the temperature, and of the
// square of the distance to 20 °C, or to −15 °C, for offset and sensitivity.
type correction struct{ t, off, sens float64 }

// calibration is what the maker measured on the one part.
type calibration struct {
	chip                   *chip
	c1, c2, c3, c4, c5, c6 float64
}

// parse takes the calibration of a part out of its eight words, if they are those
// of the chip and have the right checksum.
func parse(k *chip, w [8]uint16) (calibration, error) {
	for _, c := range w[1:7] { // no part has them as 0, or all ones
		if c == 0 || c == math.MaxUint16 {
			return calibration{}, fmt.Errorf("calibration %04x: %w", w, drivers.ErrNoReading)
		}
	}
	if got, want := k.checksum(w); got != want {
		return calibration{}, fmt.Errorf("calibration %04x: %w", w, drivers.ErrChecksum)
	}
	if !k.fits(w) {
		return calibration{}, fmt.Errorf("%w: calibration %04x is of no %s", drivers.ErrIdentity, w, k.name)
	}
	f := func(i int) float64 { return float64(w[i]) }
	return calibration{k, f(1), f(2), f(3), f(4), f(5), f(6)}, nil
}

// fits tells whether the words are of this part, for another one's formula gives
// a pressure 2 or 20 times too high or low. A part without an eighth word always
// has a checksum there that seems right. The two for water are told apart by their
// number (bits 5 to 11 of the first word), else by the sensitivity, as the drivers
// of Blue Robotics do.
func (k *chip) fits(w [8]uint16) bool {
	if k.crcLast {
		return w[7] != 0
	}
	if k.most == 0 {
		return true
	}
	switch w[0] >> 5 & 0x7f {
	case k.product:
		return true
	case k.other:
		return false
	}
	return k.least <= w[1] && w[1] <= k.most
}

// checksum returns the checksum that the words have and the one they should have:
// four bits, polynomial 0x3 (AN520, "C-code example for MS56xx").
func (k *chip) checksum(w [8]uint16) (got, want uint16) {
	if k.crcLast {
		got = w[7] & 0x000f
		w[7] &= 0xff00
	} else {
		got = w[0] >> 12
		w[0] &= 0x0fff
	}
	for _, word := range w {
		for _, b := range [2]uint16{word >> 8, word & 0xff} {
			want ^= b
			for range 8 {
				carry := want & 0x8000
				if want <<= 1; carry != 0 {
					want ^= 0x3000
				}
			}
		}
	}
	return got, want >> 12
}

// convert turns the pressure's and the temperature's raw value into °C and hPa:
// both or none.
func (c calibration) convert(d1, d2 uint32) (temperature, pressure float64, err error) {
	for _, d := range []uint32{d1, d2} {
		if d == 0 || d == 1<<24-1 { // not converted; a wire that is stuck
			return 0, 0, fmt.Errorf("%w: converter %#06x, %#06x", drivers.ErrNoReading, d1, d2)
		}
	}
	temperature, pressure = c.compensate(float64(d1), float64(d2))
	if err := drivers.Within(temperature, c.chip.coldest, 85); err != nil {
		return 0, 0, fmt.Errorf("temperature of %#06x: %w", d2, err)
	}
	if err := drivers.Within(pressure, c.chip.lowest, c.chip.highest); err != nil {
		return 0, 0, fmt.Errorf("pressure of %#06x: %w", d1, err)
	}
	return temperature, pressure, nil
}

// compensate is the makers' formula, in °C and hPa.
func (c calibration) compensate(d1, d2 float64) (temperature, pressure float64) {
	k := c.chip
	dT := d2 - c.c5*(1<<8)
	t := 2000 + dT*c.c6/(1<<23) // in 0.01 °C
	off := c.c2*k.off + c.c4*k.offT*dT
	sens := c.c1*k.sens + c.c3*k.sensT*dT

	second := k.warm
	if t < 2000 {
		second = k.cold
	}
	square := (t - 2000) * (t - 2000)
	off -= second.off * square
	sens -= second.sens * square
	if t < -1500 {
		square = (t + 1500) * (t + 1500)
		off -= k.freezing.off * square
		sens -= k.freezing.sens * square
	}
	t -= second.t * dT * dT
	return t / 100, (d1*sens/(1<<21) - off) * k.step
}
