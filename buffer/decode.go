package buffer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// decode decodes what append wrote. Every wrong bit is an error, and so is a row
// of a datastream that streams does not have.
func (c *codec) decode(b []byte, streams map[uint32]*agent.Datastream) ([]row, error) {
	return c.decodeInto(nil, b, streams)
}

// decodeInto is decode into rows that are no longer needed.
func (c *codec) decodeInto(rows []row, b []byte, streams map[uint32]*agent.Datastream) ([]row, error) {
	if len(b) < 5 {
		return nil, fmt.Errorf("%w: %d bytes", errDamaged, len(b))
	}
	data, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if mutant != noCRC && crc32.Checksum(data, castagnoli) != sum {
		return nil, fmt.Errorf("%w: checksum mismatch", errDamaged)
	}
	d := &decoder{b: data[1:]}
	if data[0]&blockZstd != 0 {
		var err error
		if c.body, err = c.decompress(c.body[:0], d.b); err != nil {
			return nil, fmt.Errorf("%w: %v", errDamaged, err)
		}
		d.b = c.body
	}
	n := d.uvarint()
	if n > maxBlockRows || n > uint64(len(d.b)) {
		return nil, fmt.Errorf("%w: %d rows in %d bytes", errDamaged, n, len(d.b))
	}
	if rows = rows[:0]; n > 0 {
		rows = d.runs(int(n), slices.Grow(rows, int(n)))
		d.bad = d.bad || len(rows) != int(n)
		c.readColumns(d, rows, streams)
	}
	if d.bad || len(d.b) > 0 {
		return nil, fmt.Errorf("%w: the columns do not fit", errDamaged)
	}
	return rows, nil
}

// readColumns fills rows, which have their Seqs.
func (c *codec) readColumns(d *decoder, rows []row, streams map[uint32]*agent.Datastream) {
	k := d.uvarint()
	if d.bad || k == 0 || k > uint64(len(rows)) {
		d.bad = true
		return
	}
	c.of, c.times, c.values = grown(c.of, len(rows)), grown(c.times, len(rows)), grown(c.values, len(rows))
	c.columns = c.columns[:0]
	at := 0
	var id uint32
	for range k {
		id += uint32(d.uvarint())
		n := d.uvarint()
		if d.bad || streams[id] == nil || n == 0 || n > uint64(len(rows)-at) {
			d.bad = true
			return
		}
		c.columns = append(c.columns, column{ds: streams[id], rows: int(n), at: at, times: at})
		c.readColumn(d)
		at += int(n)
	}
	if d.bad || at != len(rows) || !c.readOrder(d) {
		d.bad = true
		return
	}
	c.fill(rows)
	c.readRare(d, rows)
}

// readColumn reads the times and values of the last of the columns.
func (c *codec) readColumn(d *decoder) {
	col := &c.columns[len(c.columns)-1]
	if form := d.byte(); form != timesShared {
		d.times(c.times[col.at:col.at+col.rows], form)
	} else if before := len(c.columns) - 2; before >= 0 && c.columns[before].rows == col.rows {
		col.times = c.columns[before].times
	} else {
		d.bad = true
	}
	d.values(c.values[col.at:col.at+col.rows], scaleOf(col.ds))
}

// readOrder finds of each row its column.
func (c *codec) readOrder(d *decoder) bool {
	if d.byte() == 0 {
		c.merge.begin(c.columns, c.times)
		c.merge.run(c.of)
		return !d.bad
	}
	next, n := uint64(0), uint64(len(c.columns))
	for i := range c.columns {
		c.columns[i].left = c.columns[i].rows
	}
	for i := range c.of {
		skipped, size := shortUvarint(d.b)
		if size <= 0 || skipped >= n {
			return false
		}
		d.b = d.b[size:]
		if next += skipped; next >= n {
			next -= n
		}
		c.of[i] = uint32(next)
		col := &c.columns[next]
		if col.left--; col.left < 0 {
			return false
		}
		if next++; next == n {
			next = 0
		}
	}
	return true
}

// fill puts together what the columns have.
func (c *codec) fill(rows []row) {
	var last int64
	var stamp time.Time
	for i := range rows {
		r := &rows[i]
		col := &c.columns[c.of[i]]
		ms := c.times[col.times]
		joins := ms == last && i > 0
		if ms != last || i == 0 {
			stamp = time.UnixMilli(ms).UTC()
		}
		last = ms
		r.Datastream, r.Time, r.Value, r.joins = col.ds, stamp, c.values[col.at], joins
		r.at, r.Boot, r.Mono, r.Span, r.Quality = time.Time{}, 0, 0, 0, 0
		col.times++
		col.at++
	}
}

// readRare reads what appendRare wrote.
func (c *codec) readRare(d *decoder, rows []row) {
	next := d.uvarint()
	if next == 0 {
		return
	}
	at := next - 1
	for i := range rows {
		x := &c.columns[c.of[i]].rarely
		x.expectAt(rows, i)
		if uint64(i) == at {
			x.read(d)
			at = d.uvarint()
			if at > 0 {
				at += uint64(i) - 1
			} else {
				at = 1<<64 - 1
			}
		}
		x.fill(&rows[i])
	}
	if at != 1<<64-1 {
		d.bad = true
	}
}
