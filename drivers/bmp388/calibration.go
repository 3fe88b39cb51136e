package bmp388

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lamppost-city/lamppost/drivers"
)

// calibration is what the maker measured on the one part, as coefficients of
// polynomials (datasheet, section 8.4).
type calibration struct{ t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 float64 }

// parse reads the calibration registers (datasheet, table 24 and section 8.4).
func parse(b [21]byte) (calibration, error) {
	word := func(i int) uint16 { return binary.LittleEndian.Uint16(b[i:]) }
	for _, i := range []int{0, 2} { // T1 and T2, which no part has as 0
		if w := word(i); w == 0 || w == 0xffff {
			return calibration{}, fmt.Errorf("calibration % x: %w", b, drivers.ErrNoReading)
		}
	}
	unsigned := func(i, exponent int) float64 { return math.Ldexp(float64(word(i)), exponent) }
	signed := func(i, offset, exponent int) float64 {
		return math.Ldexp(float64(int(int16(word(i)))-offset), exponent)
	}
	octet := func(i, exponent int) float64 { return math.Ldexp(float64(int8(b[i])), exponent) }
	return calibration{
		t1: unsigned(0, 8), t2: unsigned(2, -30), t3: octet(4, -48),
		p1: signed(5, 1<<14, -20), p2: signed(7, 1<<14, -29), p3: octet(9, -32), p4: octet(10, -37),
		p5: unsigned(11, 3), p6: unsigned(13, -6), p7: octet(15, -8), p8: octet(16, -15),
		p9: signed(17, 0, -48), p10: octet(19, -48), p11: octet(20, -65),
	}, nil
}

// convert turns the data registers into °C and hPa: both or none.
func (c calibration) convert(b [6]byte) (temperature, pressure float64, err error) {
	p := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	t := uint32(b[3]) | uint32(b[4])<<8 | uint32(b[5])<<16
	// What is in the registers after power-on.
	if p == 0x800000 || t == 0x800000 {
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	temperature = c.temperature(t)
	pressure = c.pressure(p, temperature) / 100
	if err := drivers.Within(temperature, -40, 85); err != nil {
		return 0, 0, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(pressure, 300, 1250); err != nil {
		return 0, 0, fmt.Errorf("pressure of % x: %w", b, err)
	}
	return temperature, pressure, nil
}

// The formulas of the datasheet, sections 8.5 and 8.6.

// temperature is in °C.
func (c calibration) temperature(code uint32) float64 {
	x := float64(code) - c.t1
	return x*c.t2 + x*x*c.t3
}

// pressure is in Pa, at a temperature in °C.
func (c calibration) pressure(code uint32, t float64) float64 {
	p := float64(code)
	return c.p5 + t*(c.p6+t*(c.p7+t*c.p8)) +
		p*(c.p1+t*(c.p2+t*(c.p3+t*c.p4))) +
		p*p*(c.p9+t*c.p10) + p*p*p*c.p11
}
