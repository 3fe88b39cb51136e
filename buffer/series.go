package buffer

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// How the times of a column are written.
const (
	timesMillis  = iota // differences of differences
	timesShared         // they are those of the column before
	timesSeconds        // as timesMillis, but in seconds
)

// How the values of a column are written.
const (
	valuesChanges = iota // steps of the resolution, as differences
	valuesBits           // the 64 bits of each
	valuesLevels         // the least number of steps, and of each how far it is above
)

// appendTimes writes the times of a column, which are in ms.
func appendTimes(b []byte, times []int64) []byte {
	form, unit := byte(timesSeconds), int64(1000)
	for _, t := range times {
		if t%1000 != 0 {
			form, unit = timesMillis, 1
			break
		}
	}
	b = append(b, form)
	var last, step int64
	for _, t := range times {
		t /= unit
		b = binary.AppendUvarint(b, zigzag(t-last-step))
		step, last = t-last, t
	}
	return b
}

// times reads what appendTimes wrote.
func (d *decoder) times(into []int64, form byte) {
	unit := int64(1)
	if form == timesSeconds {
		unit = 1000
	}
	var last, step int64
	b := d.b
	for i := range into {
		v, n := shortUvarint(b)
		if n <= 0 {
			d.bad = true
			return
		}
		b = b[n:]
		step += unzigzag(v)
		last += step
		into[i] = last * unit
	}
	d.b = b
}

// appendValues writes steps of the resolution or, if a value is none, the bits of
// all. What walks has small changes; what jumps to and fro has small levels.
func (c *codec) appendValues(b []byte, values []float64, scale float64) []byte {
	c.steps = grown(c.steps, len(values))
	least, last := int64(math.MaxInt64), int64(0)
	changes, levels := 0, 0 // in bits
	for i, v := range values {
		n, exact := steps(v, scale)
		if !exact {
			b = append(b, valuesBits)
			for _, v := range values {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
			return b
		}
		c.steps[i] = n
		least = min(least, n)
		changes += bits.Len64(zigzag(n - last))
		last = n
	}
	for _, n := range c.steps {
		levels += bits.Len64(uint64(n - least))
	}
	if levels < changes {
		b = binary.AppendVarint(append(b, valuesLevels), least)
		for _, n := range c.steps {
			b = binary.AppendUvarint(b, uint64(n-least))
		}
		return b
	}
	b, last = append(b, valuesChanges), 0
	for _, n := range c.steps {
		b = binary.AppendUvarint(b, zigzag(n-last))
		last = n
	}
	return b
}

// values reads what appendValues wrote.
func (d *decoder) values(into []float64, scale float64) {
	form := d.byte()
	if form == valuesBits {
		data := d.bytes(8 * uint64(len(into)))
		for i := range len(data) / 8 {
			into[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
		return
	}
	var least, last int64
	if form == valuesLevels {
		least = d.varint()
	}
	b := d.b
	for i := range into {
		v, n := shortUvarint(b)
		if n <= 0 || scale == 0 {
			d.bad = true
			return
		}
		b = b[n:]
		if form == valuesLevels {
			last = least + int64(v)
		} else {
			last += unzigzag(v)
		}
		into[i] = float64(last) / scale
	}
	d.b = b
}

// shortUvarint is binary.Uvarint for numbers that are mostly below 128.
func shortUvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}
