package bme680

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lamppost-city/lamppost/drivers"
)

// image is the calibration as it stands in the registers.
type image struct {
	first  [25]byte // from 0x89
	more   [14]byte // from 0xe1
	heater [5]byte  // from 0x00
}

// calibration is what the maker measured on the one part (datasheet, sections
// 3.3 and 3.4).
type calibration struct {
	t1, t2, t3                              float64
	p1, p2, p3, p4, p5, p6, p7, p8, p9, p10 float64
	h1, h2, h3, h4, h5, h6, h7              float64
	gh1, gh2, gh3                           float64
	heatRange, heatValue, switchError       float64
}

// values are one reading, in °C, % and hPa.
type values struct{ temperature, humidity, pressure float64 }

// parse reads the calibration.
func parse(b image) (calibration, error) {
	word := func(b []byte) float64 { return float64(binary.LittleEndian.Uint16(b)) }
	signed := func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) }
	octet := func(b byte) float64 { return float64(int8(b)) }
	f, m := b.first[:], b.more[:]
	c := calibration{
		t1: word(m[8:]), t2: signed(f[1:]), t3: octet(f[3]),
		p1: word(f[5:]), p2: signed(f[7:]), p3: octet(f[9]), p4: signed(f[11:]), p5: signed(f[13:]),
		p6: octet(f[16]), p7: octet(f[15]), p8: signed(f[19:]), p9: signed(f[21:]), p10: float64(f[23]),
		h1: float64(int(m[2])<<4 | int(m[1]&0x0f)), h2: float64(int(m[0])<<4 | int(m[1]>>4)),
		h3: octet(m[3]), h4: octet(m[4]), h5: octet(m[5]), h6: float64(m[6]), h7: octet(m[7]),
		gh1: octet(m[12]), gh2: signed(m[10:]), gh3: octet(m[13]),
		heatValue: octet(b.heater[0]), heatRange: float64(b.heater[2] >> 4 & 3), switchError: float64(int8(b.heater[4]) >> 4),
	}
	if nothing(c.t1) || nothing(c.t2) || nothing(c.p1) || c.h2 == 0 || c.h2 == 0xfff {
		return c, fmt.Errorf("calibration % x, % x: %w", f, m, drivers.ErrNoReading)
	}
	return c, nil
}

// nothing tells whether a word of the calibration is 0 or 0xffff.
func nothing(word float64) bool { return word == 0 || word == -1 || word == 0xffff }

// convert turns pressure, temperature and humidity, as they stand in the field
// from 0x1f on, into values: all or none.
func (c calibration) convert(b [8]byte) (values, error) {
	p := uint32(b[0])<<12 | uint32(b[1])<<4 | uint32(b[2])>>4
	t := uint32(b[3])<<12 | uint32(b[4])<<4 | uint32(b[5])>>4
	h := binary.BigEndian.Uint16(b[6:])
	// What is in the registers after power-on and of what is switched off.
	if p == 0x80000 || t == 0x80000 || h == 0x8000 {
		return values{}, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	// The humidity is cropped, so its formula would hide these.
	if h == 0 || h == 0xffff {
		return values{}, fmt.Errorf("humidity code %#04x: %w", h, drivers.ErrNoReading)
	}
	fine := c.fine(t)
	v := values{fine / 5120, c.humidity(h, fine/5120), c.pressure(p, fine) / 100}
	if err := drivers.Within(v.temperature, -40, 85); err != nil {
		return values{}, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(v.pressure, 300, 1100); err != nil {
		return values{}, fmt.Errorf("pressure of % x: %w", b, err)
	}
	if err := drivers.Within(v.humidity, 0, 100); err != nil {
		return values{}, fmt.Errorf("humidity of % x: %w", b, err)
	}
	return v, nil
}

// The formulas of the datasheet, sections 3.3 and 3.4, in floating point.

// fine is the temperature in 1/5120 °C.
func (c calibration) fine(code uint32) float64 {
	x := float64(code)/16384 - c.t1/1024
	y := float64(code)/131072 - c.t1/8192
	return x*c.t2 + y*y*c.t3*16
}

// pressure is in Pa, or NaN where the formula has no answer.
func (c calibration) pressure(code uint32, fine float64) float64 {
	x := fine/2 - 64000
	y := x*x*c.p6/131072 + x*c.p5*2
	y = y/4 + c.p4*65536
	x = (c.p3*x*x/16384 + c.p2*x) / 524288
	x = (1 + x/32768) * c.p1
	if x == 0 {
		return math.NaN()
	}
	p := (1048576 - float64(code) - y/4096) * 6250 / x
	cube := p / 256 * (p / 256) * (p / 256)
	return p + (c.p9*p*p/2147483648+p*c.p8/32768+cube*c.p10/131072+c.p7*128)/16
}

// humidity is in % at a temperature in °C, cropped to 0 and 100.
func (c calibration) humidity(code uint16, t float64) float64 {
	x := float64(code) - (c.h1*16 + c.h3/2*t)
	x *= c.h2 / 262144 * (1 + c.h4/16384*t + c.h5/1048576*t*t)
	return min(max(x+(c.h6/16384+c.h7/2097152*t)*x*x, 0), 100)
}

// Corrections of the gas sensor's ranges, in % (datasheet, table 16).
var (
	gasOffset = [16]float64{5: -1, 7: -0.8, 10: -0.2, 11: -0.5, 13: -1}
	gasGain   = [16]float64{4: 0.1, 5: 0.7, 7: -0.8, 8: -0.1}
)

// resistance of a BME680's gas sensor is in ohm.
func (c calibration) resistance(code uint16, scale byte) float64 {
	x := (1340 + 5*c.switchError) * (1 + gasOffset[scale]/100)
	y := 1 + gasGain[scale]/100
	return 1 / (y * 0.125e-6 * float64(int(1)<<scale) * ((float64(code)-512)/x + 1))
}

// resistance688 is that of a BME688's, in ohm (its datasheet, section 3.4.1).
func resistance688(code uint16, scale byte) float64 {
	return 1e6 * float64(int(262144)>>scale) / (4096 + 3*(float64(code)-512))
}

// heater returns the code for a temperature of the heater, in °C, in air of
// another.
func (c calibration) heater(target, ambient float64) byte {
	x := (c.gh1/16 + 49) * (1 + (c.gh2/32768*0.0005+0.00235)*target)
	x += c.gh3 / 1024 * ambient
	x = 3.4 * (x*4/(4+c.heatRange)/(1+c.heatValue*0.002) - 25)
	return byte(min(max(x, 0), 255))
}
