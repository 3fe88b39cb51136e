package hts221

import (
	"encoding/binary"
	"fmt"

	"github.com/lamppost-city/lamppost/drivers"
)

// A line goes through two points that the maker measured on the one part: what
// the converter said, and what was true.
type line struct{ raw0, raw1, true0, true1 float64 }

func (l line) at(raw float64) float64 {
	return l.true0 + (raw-l.raw0)*(l.true1-l.true0)/(l.raw1-l.raw0)
}

// calibration is of the one part (datasheet, section 8).
type calibration struct{ temperature, humidity line }

// parse reads the calibration registers, from 0x30 on. Each line has to have two
// points.
func parse(b [16]byte) (calibration, error) {
	word := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(b[i:]))) }
	c := calibration{
		temperature: line{
			raw0: word(12), true0: float64(uint16(b[5]&0x03)<<8|uint16(b[2])) / 8,
			raw1: word(14), true1: float64(uint16(b[5]&0x0c)<<6|uint16(b[3])) / 8,
		},
		humidity: line{raw0: word(6), true0: float64(b[0]) / 2, raw1: word(10), true1: float64(b[1]) / 2},
	}
	for _, l := range []line{c.temperature, c.humidity} {
		if l.raw0 == l.raw1 || l.true0 >= l.true1 {
			return calibration{}, fmt.Errorf("calibration % x: %w", b, drivers.ErrNoReading)
		}
	}
	return c, nil
}

// convert turns the data registers into °C and %: both or none. An end of the
// converter's range says no more than "at least". Near 0 and 100 % noise carries
// the line outside; there it is cropped.
func (c calibration) convert(b [4]byte) (temperature, humidity float64, err error) {
	h, t := int16(binary.LittleEndian.Uint16(b[0:])), int16(binary.LittleEndian.Uint16(b[2:]))
	for _, raw := range []int16{h, t} {
		if raw == -1<<15 || raw == 1<<15-1 {
			return 0, 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
		}
	}
	temperature, humidity = c.temperature.at(float64(t)), c.humidity.at(float64(h))
	if err := drivers.Within(temperature, -40, 120); err != nil {
		return 0, 0, fmt.Errorf("temperature of % x: %w", b, err)
	}
	if err := drivers.Within(humidity, -5, 105); err != nil {
		return 0, 0, fmt.Errorf("humidity of % x: %w", b, err)
	}
	return temperature, min(max(humidity, 0), 100), nil
}
