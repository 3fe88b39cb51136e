package lis3dh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// samples are how many the queue holds.
const samples = 32

// A burst is what was in the queue.
type burst [samples][6]byte

// A motion is what a burst says, in m/s² and degrees.
type motion struct {
	mean            [3]float64
	tilt, vibration float64
	saturated       bool // a sample was at an end of the range
}

// standardGravity is 1 g in m/s², by definition (CGPM 1901).
const standardGravity = 9.80665

// Limits of the mean, in g, between which it is gravity.
const (
	leastGravity = 0.7
	mostGravity  = 1.3
)

var errGravity = errors.New("no gravity is felt: the part falls or does not work")

// decode returns the mean, the angle between up and where gravity says that up
// is, and the vibration: the square root of the mean square of what differs from
// the mean, in all directions together.
func (b *burst) decode(c chip, up [3]float64) (m motion, err error) {
	var sum, squares [3]float64
	for _, sample := range b {
		for axis := range 3 {
			code := int16(binary.LittleEndian.Uint16(sample[2*axis:])) >> c.shift
			if code < -c.codes || code >= c.codes {
				return m, fmt.Errorf("sample % x: %w", sample, drivers.ErrRange)
			}
			m.saturated = m.saturated || code <= c.lowest || code >= c.highest
			g := float64(code) / c.perG
			sum[axis] += g
			squares[axis] += g * g
		}
	}
	var variance, length, along float64
	for axis := range 3 {
		mean := sum[axis] / samples
		variance += squares[axis]/samples - mean*mean
		length += mean * mean
		along += mean * up[axis]
		m.mean[axis] = mean * standardGravity
	}
	length = math.Sqrt(length)
	if length < leastGravity || length > mostGravity {
		return m, fmt.Errorf("%w (%.2f g)", errGravity, length)
	}
	across := math.Sqrt(max(length*length-along*along, 0))
	m.tilt = math.Atan2(across, along) * 180 / math.Pi
	m.vibration = math.Sqrt(max(variance, 0)) * standardGravity
	return m, nil
}

// results appends what the motion is.
func (m motion) results(into []agent.Result) []agent.Result {
	var q agent.Quality
	if m.saturated {
		q = agent.Saturated
	}
	return append(into,
		agent.Result{Property: agent.AccelerationX, Value: m.mean[0], Quality: q},
		agent.Result{Property: agent.AccelerationY, Value: m.mean[1], Quality: q},
		agent.Result{Property: agent.AccelerationZ, Value: m.mean[2], Quality: q},
		agent.Result{Property: agent.Tilt, Value: m.tilt, Quality: q},
		agent.Result{Property: agent.Vibration, Value: m.vibration, Quality: q})
}
