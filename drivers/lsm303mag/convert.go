package lsm303mag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// part is what differs.
type part struct {
	config          byte          // CRA; 0x10 after power-on, both
	stepsXY, stepsZ float64       // in steps a µT, at ±130 µT
	nominal         time.Duration // of one measurement
	late            bool          // a gain is for the measurement after the next
}

// parts are the chips by what is printed on them (ST DocID018771, table 3 and
// 7.2; Honeywell HMC5883L Rev. E, tables 3 to 9).
var parts = map[string]part{
	"lsm303dlhc": {config: 0x1c, stepsXY: 11.00, stepsZ: 9.80, nominal: 6 * time.Millisecond},                  // 220 Hz
	"hmc5883l":   {config: 0x70, stepsXY: 10.90, stepsZ: 10.90, nominal: 8 * 6 * time.Millisecond, late: true}, // mean of 8
}

// overflow is the code of a field beyond the range.
const overflow = -4096

var errOverflow = errors.New("field too strong for the part")

// convert turns the data registers, 12-bit numbers of x, z and y, into µT.
func (p part) convert(data [6]byte) ([]agent.Result, error) {
	var results []agent.Result
	var failed error
	for _, axis := range []struct {
		property agent.Property
		at       int
		steps    float64
	}{{agent.MagneticX, 0, p.stepsXY}, {agent.MagneticY, 4, p.stepsXY}, {agent.MagneticZ, 2, p.stepsZ}} {
		code := int16(binary.BigEndian.Uint16(data[axis.at:]))
		if code == overflow {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", axis.property.Name, errOverflow))
			continue
		}
		if err := drivers.Within(float64(code), -2048, 2047); err != nil {
			return nil, fmt.Errorf("code in % x: %w", data, err)
		}
		results = append(results, agent.Result{Property: axis.property, Value: float64(code) / axis.steps})
	}
	return results, failed
}
