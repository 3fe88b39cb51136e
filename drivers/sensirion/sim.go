package sensirion

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// A part is a simulated part: it acknowledges nothing while it starts or is
// busy, and takes no argument whose checksum is wrong.
type part struct {
	sim.Commands
	boot    time.Duration
	awake   time.Time
	powerOn func()
}

// newPart returns a part that was switched on long ago. answer is called with
// the command and its arguments; powerOn makes the part forget.
func newPart(boot time.Duration, powerOn func(), answer func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool)) *part {
	powerOn()
	return &part{boot: boot, powerOn: powerOn, Commands: sim.Commands{Answer: func(w []byte, into []uint16) ([]uint16, time.Duration, bool) {
		if len(w)%3 != 2 {
			return nil, 0, false
		}
		args := make([]uint16, len(w)/3)
		if decode(w[2:], args) != nil {
			return nil, 0, false
		}
		return answer(binary.BigEndian.Uint16(w), args, into)
	}}}
}

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	if time.Now().Before(p.awake) {
		return sim.NoAck
	}
	return p.Commands.Write(w)
}

// Reset implements sim.Part.
func (p *part) Reset() {
	p.Commands.Reset()
	p.awake = time.Now().Add(p.boot)
	p.powerOn()
}

// airTemperature and relativeHumidity are the words for the simulated air.
func airTemperature() uint16 {
	return uint16(math.Round((sim.AirTemperature() + 45) / 175 * math.MaxUint16))
}

func relativeHumidity() uint16 {
	return uint16(math.Round(sim.RelativeHumidity() / 100 * math.MaxUint16))
}

// floats appends the words that hold the numbers.
func floats(words []uint16, values ...float64) []uint16 {
	for _, v := range values {
		bits := math.Float32bits(float32(v))
		words = append(words, uint16(bits>>16), uint16(bits))
	}
	return words
}
