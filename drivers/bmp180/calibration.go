package bmp180

import (
	"encoding/binary"
	"fmt"

	"github.com/lamppost-city/lamppost/drivers"
)

// calibration is what the maker measured on the one part (datasheet, table 5).
type calibration struct{ ac1, ac2, ac3, ac4, ac5, ac6, b1, b2, mb, mc, md int64 }

// parse reads the calibration registers. No word of them is 0 or 0xffff
// (datasheet, section 3.4).
func parse(b [22]byte) (calibration, error) {
	word := func(i int) uint16 { return binary.BigEndian.Uint16(b[2*i:]) }
	signed := func(i int) int64 { return int64(int16(word(i))) }
	for i := range 11 {
		if w := word(i); w == 0 || w == 0xffff {
			return calibration{}, fmt.Errorf("calibration % x: %w", b, drivers.ErrNoReading)
		}
	}
	return calibration{
		ac1: signed(0), ac2: signed(1), ac3: signed(2),
		ac4: int64(word(3)), ac5: int64(word(4)), ac6: int64(word(5)),
		b1: signed(6), b2: signed(7), mb: signed(8), mc: signed(9), md: signed(10),
	}, nil
}

// convert turns results into °C and hPa: both or none.
func (c calibration) convert(ut, up int64, oss uint) (degrees, hectopascals float64, err error) {
	// What is in the registers after power-on.
	if ut == noTemperature || up == 0x8000<<oss {
		return 0, 0, fmt.Errorf("%w: %#04x, %#06x", drivers.ErrNoReading, ut, up)
	}
	b5, ok := c.b5(ut)
	if !ok {
		return 0, 0, fmt.Errorf("temperature code %#04x: %w", ut, drivers.ErrRange)
	}
	degrees = float64((b5+8)>>4) / 10
	if err := drivers.Within(degrees, -40, 85); err != nil {
		return 0, 0, fmt.Errorf("temperature code %#04x: %w", ut, err)
	}
	pascals, ok := c.pascals(up, b5, oss)
	if !ok {
		return 0, 0, fmt.Errorf("pressure code %#06x: %w", up, drivers.ErrRange)
	}
	hectopascals = float64(pascals) / 100
	if err := drivers.Within(hectopascals, 300, 1100); err != nil {
		return 0, 0, fmt.Errorf("pressure code %#06x: %w", up, err)
	}
	return degrees, hectopascals, nil
}

// The formulas of the datasheet, section 3.5, figure 4, in 64 bits, where
// nothing overflows.

// b5 is the temperature in 1/160 °C, or false where the formula has no answer.
func (c calibration) b5(ut int64) (int64, bool) {
	x1 := (ut - c.ac6) * c.ac5 >> 15
	if x1+c.md == 0 {
		return 0, false
	}
	return x1 + c.mc<<11/(x1+c.md), true
}

// pascals is the pressure in Pa, or false where the formula has no answer.
func (c calibration) pascals(up, b5 int64, oss uint) (int64, bool) {
	b6 := b5 - 4000
	square := b6 * b6 >> 12
	b3 := ((c.ac1*4+c.b2*square>>11+c.ac2*b6>>11)<<oss + 2) >> 2
	b4 := c.ac4 * ((c.ac3*b6>>13+c.b1*square>>16+2)>>2 + 32768) >> 15
	if b4 <= 0 {
		return 0, false
	}
	p := (up - b3) * (50000 >> oss) * 2 / b4
	return p + ((p>>8)*(p>>8)*3038>>16+-7357*p>>16+3791)>>4, true
}
