package lsm303mag

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// Sensitivity at ±130 µT, in steps a µT (datasheet, "Gain setting"), and the
// code of a field beyond the range.
const (
	stepsXY  = 11.00
	stepsZ   = 9.80
	overflow = -4096
)

var errOverflow = errors.New("field too strong for the part")

// convert turns the data registers, 12-bit numbers of x, z and y, into µT.
func convert(data [6]byte) ([]agent.Result, error) {
	var results []agent.Result
	var failed error
	for _, axis := range []struct {
		property agent.Property
		at       int
		steps    float64
	}{{agent.MagneticX, 0, stepsXY}, {agent.MagneticY, 4, stepsXY}, {agent.MagneticZ, 2, stepsZ}} {
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
