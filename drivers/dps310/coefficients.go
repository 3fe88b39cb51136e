package dps310

import (
	"fmt"

	"github.com/lamppost-city/lamppost/drivers"
)

// coefficients are what the maker measured on the one part (datasheet,
// "Calibration Coefficients").
type coefficients struct{ c0, c1, c00, c10, c01, c11, c20, c21, c30 float64 }

// Full scale of the converter (datasheet, "Compensation Scale Factors").
const (
	scale1 = 524288  // oversampling ×1, the temperature
	scale8 = 7864320 // oversampling ×8, the pressure
)

// parse reads the coefficient registers: numbers of 12, 20 and 16 bits in
// two's complement, packed.
func parse(b [18]byte) (coefficients, error) {
	same := true
	for _, x := range b {
		same = same && x == b[0]
	}
	if same {
		return coefficients{}, fmt.Errorf("coefficients % x: %w", b, drivers.ErrNoReading)
	}
	bit := 0
	next := func(width int) float64 {
		var v int32
		for range width {
			v = v<<1 | int32(b[bit/8]>>(7-bit%8)&1)
			bit++
		}
		return float64(v << (32 - width) >> (32 - width))
	}
	return coefficients{
		c0: next(12), c1: next(12), c00: next(20), c10: next(20),
		c01: next(16), c11: next(16), c20: next(16), c21: next(16), c30: next(16),
	}, nil
}

// convert turns the data registers into °C and hPa: both or none.
func (c coefficients) convert(b [6]byte) (temperature, pressure float64, err error) {
	p, t := raw(b[0:3]), raw(b[3:6])
	if p == -1<<23 || t == -1<<23 { // as after power-on
		return 0, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	ts := float64(t) / scale1
	temperature = c.temperature(ts)
	pressure = c.pressure(float64(p)/scale8, ts) / 100
	if err := drivers.Within(temperature, -40, 85); err != nil {
		return 0, 0, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(pressure, 300, 1200); err != nil {
		return 0, 0, fmt.Errorf("pressure of % x: %w", b, err)
	}
	return temperature, pressure, nil
}

// raw is a number of 24 bits in two's complement.
func raw(b []byte) int32 { return int32(b[0])<<24>>8 | int32(b[1])<<8 | int32(b[2]) }

// The formulas of the datasheet, section 4.9, with scaled results.

// temperature is in °C.
func (c coefficients) temperature(ts float64) float64 { return c.c0/2 + c.c1*ts }

// pressure is in Pa.
func (c coefficients) pressure(ps, ts float64) float64 {
	return c.c00 + ps*(c.c10+ps*(c.c20+ps*c.c30)) + ts*c.c01 + ts*ps*(c.c11+ps*c.c21)
}
