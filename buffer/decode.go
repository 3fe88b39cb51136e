package buffer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// decode decodes what append wrote. Every wrong bit is an error, and so is a row
// of a datastream that streams does not have.
func (c *codec) decode(b []byte, streams map[uint32]*agent.Datastream) ([]row, error) {
	if len(b) < 5 {
		return nil, fmt.Errorf("%w: %d bytes", errDamaged, len(b))
	}
	data, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(data, castagnoli) != sum {
		return nil, fmt.Errorf("%w: checksum mismatch", errDamaged)
	}
	body := data[1:]
	if data[0]&blockZstd != 0 {
		var err error
		if body, err = c.decompress(body); err != nil {
			return nil, fmt.Errorf("%w: %v", errDamaged, err)
		}
	}
	d := &decoder{b: body}
	n := d.uvarint()
	if n > maxBlockRows {
		return nil, fmt.Errorf("%w: %d rows", errDamaged, n)
	}
	rows := make([]row, n)
	if n > 0 {
		d.columns(rows, streams)
	}
	if d.bad || len(d.b) > 0 {
		return nil, fmt.Errorf("%w: the columns do not fit", errDamaged)
	}
	return rows, nil
}

// columns fills rows.
func (d *decoder) columns(rows []row, streams map[uint32]*agent.Datastream) {
	set := d.ranges(uint64(len(rows)))
	if set.count() != uint64(len(rows)) {
		d.bad = true
		return
	}
	k := d.uvarint()
	if d.bad || k == 0 || k > uint64(len(rows)) {
		d.bad = true
		return
	}
	columns := make([][]row, k)
	var before []row
	total := 0
	for i := range columns {
		c := d.column(streams, before, len(rows)-total)
		if d.bad {
			return
		}
		columns[i], before = c, c
		total += len(c)
	}
	if total != len(rows) {
		d.bad = true
		return
	}
	d.order(rows, columns)
	i := 0
	for _, r := range set {
		for seq := r.From; seq <= r.To && i < len(rows); seq++ {
			rows[i].Seq = seq
			i++
		}
	}
	d.rest(rows)
}

// column reads the rows of one datastream, at most limit.
func (d *decoder) column(streams map[uint32]*agent.Datastream, before []row, limit int) []row {
	ds := streams[uint32(d.uvarint())]
	n := d.uvarint()
	if ds == nil || d.bad || n == 0 || n > uint64(limit) {
		d.bad = true
		return nil
	}
	c := make([]row, n)
	if d.byte() == 1 {
		if len(before) != len(c) {
			d.bad = true
			return nil
		}
		for i := range c {
			c[i].Time = before[i].Time
		}
	} else {
		var last, step int64
		for i := range c {
			step += unzigzag(d.uvarint())
			last += step
			c[i].Time = time.UnixMilli(last).UTC()
		}
	}
	raw := d.byte() == 1
	var last int64
	for i := range c {
		c[i].Datastream = ds
		if raw {
			c[i].Value = math.Float64frombits(d.little64())
			continue
		}
		last += unzigzag(d.uvarint())
		c[i].Value = agent.FromSteps(last, ds.Resolution)
	}
	return c
}

// order merges the columns into the order of their Seqs.
func (d *decoder) order(rows []row, columns [][]row) {
	if d.byte() == 0 {
		at := rows[:0]
		for _, c := range columns {
			at = append(at, c...)
		}
		slices.SortStableFunc(rows, func(x, y row) int { return x.Time.Compare(y.Time) })
		return
	}
	next, n := uint64(0), uint64(len(columns))
	for i := range rows {
		r := (next + d.uvarint()) % n
		if d.bad || len(columns[r]) == 0 {
			d.bad = true
			return
		}
		rows[i] = columns[r][0]
		columns[r] = columns[r][1:]
		next = (r + 1) % n
	}
}

// rest reads what appendRest wrote.
func (d *decoder) rest(rows []row) {
	next := -1
	if step := d.uvarint(); step > 0 {
		next = int(min(step-1, maxBlockRows))
	}
	var before row
	for i := range rows {
		r := &rows[i]
		r.joins = i > 0 && r.Time.Equal(rows[i-1].Time)
		if i != next {
			r.Quality, r.Boot, r.Span = before.Quality, before.Boot, before.Span
			r.Mono = follow(before, *r)
			before = *r
			continue
		}
		r.joins = r.joins != (d.byte() == 1)
		r.Quality = agent.Quality(d.uvarint())
		r.Boot = uint32(d.uvarint())
		r.Mono, r.Span = time.Duration(d.varint()), time.Duration(d.varint())
		before = *r
		next = -1
		if step := d.uvarint(); step > 0 {
			next = i + int(min(step-1, maxBlockRows))
		}
	}
	if next != -1 {
		d.bad = true
	}
}
