package bme280

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lamppost-city/lamppost/drivers"
)

// calibration is what the maker measured on the one part (datasheet, table 16).
type calibration struct {
	t1                             uint16
	t2, t3                         int16
	p1                             uint16
	p2, p3, p4, p5, p6, p7, p8, p9 int16
	h1, h3                         uint8
	h2, h4, h5                     int16
	h6                             int8
}

// values are one reading, in °C, % and hPa.
type values struct{ temperature, humidity, pressure float64 }

// parse reads the 26 bytes from 0x88 and the 7 from 0xe1.
func parse(b [33]byte) (calibration, error) {
	c, err := parseAir([24]byte(b[:]))
	if err != nil {
		return c, err
	}
	h := b[26:]
	c.h1, c.h2, c.h3 = b[25], int16(binary.LittleEndian.Uint16(h)), h[2]
	// H4 and H5 share a byte. Their sign is that of the byte they have alone.
	c.h4 = int16(int8(h[3]))<<4 | int16(h[4]&0x0f)
	c.h5 = int16(int8(h[5]))<<4 | int16(h[4]>>4)
	c.h6 = int8(h[6])
	if c.h2 == 0 || c.h2 == -1 {
		return c, fmt.Errorf("calibration % x: %w", b, drivers.ErrNoReading)
	}
	return c, nil
}

// parseAir reads the 24 bytes from 0x88, which a BMP280 has, too.
func parseAir(b [24]byte) (calibration, error) {
	word := func(i int) uint16 { return binary.LittleEndian.Uint16(b[i:]) }
	signed := func(i int) int16 { return int16(word(i)) }
	c := calibration{
		t1: word(0), t2: signed(2), t3: signed(4),
		p1: word(6), p2: signed(8), p3: signed(10), p4: signed(12), p5: signed(14),
		p6: signed(16), p7: signed(18), p8: signed(20), p9: signed(22),
	}
	for _, v := range []uint16{c.t1, uint16(c.t2), c.p1} {
		if v == 0 || v == 0xffff {
			return c, fmt.Errorf("calibration % x: %w", b, drivers.ErrNoReading)
		}
	}
	return c, nil
}

// convert turns the data registers, 0xf7 to 0xfe, into values: all or none.
func (c calibration) convert(b [8]byte) (values, error) {
	v, fine, err := c.convertAir([6]byte(b[:]))
	if err != nil {
		return values{}, err
	}
	h := binary.BigEndian.Uint16(b[6:])
	// The first is there after power-on and of what is switched off. The
	// humidity is cropped, so its formula would hide the others.
	if h == 0x8000 || h == 0 || h == 0xffff {
		return values{}, fmt.Errorf("humidity: %w: % x", drivers.ErrNoReading, b)
	}
	v.humidity = c.humidity(h, fine)
	return v, nil
}

// convertAir turns the data registers 0xf7 to 0xfc into temperature and
// pressure. fine is for the humidity.
func (c calibration) convertAir(b [6]byte) (v values, fine float64, err error) {
	p := uint32(b[0])<<12 | uint32(b[1])<<4 | uint32(b[2])>>4
	t := uint32(b[3])<<12 | uint32(b[4])<<4 | uint32(b[5])>>4
	// What is in the registers after power-on and of what is switched off.
	if p == 0x80000 || t == 0x80000 {
		return values{}, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	fine = c.fine(t)
	v = values{temperature: fine / 5120, pressure: c.pressure(p, fine) / 100}
	if err := drivers.Within(v.temperature, -40, 85); err != nil {
		return values{}, 0, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(v.pressure, 300, 1100); err != nil {
		return values{}, 0, fmt.Errorf("pressure of % x: %w", b, err)
	}
	return v, fine, nil
}

// The formulas of the datasheet, section 8.1, in floating point.

// fine is the temperature in 1/5120 °C, which the other two need.
func (c calibration) fine(t uint32) float64 {
	x := float64(t)/16384 - float64(c.t1)/1024
	y := float64(t)/131072 - float64(c.t1)/8192
	return x*float64(c.t2) + y*y*float64(c.t3)
}

// pressure is in Pa, or NaN where the formula has no answer.
func (c calibration) pressure(code uint32, fine float64) float64 {
	x := fine/2 - 64000
	y := x*x*float64(c.p6)/32768 + x*float64(c.p5)*2
	y = y/4 + float64(c.p4)*65536
	x = (float64(c.p3)*x*x/524288 + float64(c.p2)*x) / 524288
	x = (1 + x/32768) * float64(c.p1)
	if x == 0 {
		return math.NaN()
	}
	p := (1048576 - float64(code) - y/4096) * 6250 / x
	return p + (float64(c.p9)*p*p/2147483648+p*float64(c.p8)/32768+float64(c.p7))/16
}

// humidity is in %, cropped to 0 and 100 as the datasheet says.
func (c calibration) humidity(code uint16, fine float64) float64 {
	x := fine - 76800
	y := float64(code) - (float64(c.h4)*64 + float64(c.h5)/16384*x)
	z := 1 + float64(c.h3)/67108864*x
	h := y * (float64(c.h2) / 65536) * z * (1 + float64(c.h6)/67108864*x*z)
	return min(max(h*(1-float64(c.h1)*h/524288), 0), 100)
}
