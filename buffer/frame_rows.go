package buffer

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Bits of a row's first byte. Its upper half is the change of the value in steps
// plus one, zigzag, when that is small, else 0 and the change follows.
const (
	rowStream = 1 << iota // another datastream than the one after the last row's: its id follows
	rowMoves              // another time than the last row's: how far on, less how far the move before was
	rowRare               // what rarely.append writes follows
	rowBits               // the value's 64 bits follow: it is no multiple of the resolution
)

// smallChange is the largest change that fits the upper half of the first byte.
const smallChange = 14

// maxRow is more than the bytes that a row takes.
const maxRow = 64

// A rowCodec writes and reads the rows of journal frames one after the other.
// Every call begins anew: a frame says all that is needed to read it. It is used
// by one goroutine at a time.
type rowCodec struct {
	numbers numbering
	streams []rowState
}

// rowState is what the last row of a datastream leaves for its next.
type rowState struct {
	ds      *agent.Datastream
	scale   float64
	steps   int64
	quality agent.Quality
	span    time.Duration
}

// state returns the state of the datastream with a number, which is ds if it is
// a new one.
func (c *rowCodec) state(number int, ds *agent.Datastream) *rowState {
	if number == len(c.streams) {
		c.streams = append(c.streams, rowState{ds: ds, scale: scaleOf(ds)})
	}
	return &c.streams[number]
}

func (c *rowCodec) reset() {
	c.numbers.reset()
	c.streams = c.streams[:0]
}

// appendRows encodes rows, which have rising Seqs.
func (c *rowCodec) appendRows(b []byte, rows []row) []byte {
	c.reset()
	b = appendRuns(b, rows)
	var ms, move int64
	var before *row
	next := uint32(1) // the likely datastream
	for i := range rows {
		r := &rows[i]
		if cap(b)-len(b) < maxRow {
			b = slices.Grow(b, maxRow)
		}
		at := len(b)
		w := (*[maxRow]byte)(b[at : at+maxRow])
		n := 1
		var head byte
		id := r.Datastream.ID
		if id != next {
			head = rowStream
			n = putUvarint(w, n, uint64(id))
		}
		next = id + 1
		s := c.state(c.numbers.of(id), r.Datastream)
		moved := r.Time.UnixMilli() - ms
		if moved != 0 {
			head |= rowMoves
			n = putUvarint(w, n, zigzag(moved-move))
			ms, move = ms+moved, moved
		}
		x := rarely{quality: s.quality, span: s.span}
		x.expect(before, moved)
		if flags := x.flags(r); flags != 0 {
			head |= rowRare
			n = len(x.append(w[:n], flags, r))
			s.quality, s.span = r.Quality, r.Span
		}
		before = r
		value, exact := steps(r.Value, s.scale)
		if !exact {
			w[0] = head | rowBits
			binary.LittleEndian.PutUint64(w[n:], math.Float64bits(r.Value))
			b = b[:at+n+8]
			continue
		}
		change := zigzag(value - s.steps)
		s.steps = value
		if change <= smallChange {
			head |= byte(change+1) << 4
		} else {
			n = putUvarint(w, n, change)
		}
		w[0] = head
		b = b[:at+n]
	}
	return b
}

// putUvarint writes v at w[at:] as binary.PutUvarint does and returns where it
// ends.
func putUvarint(w *[maxRow]byte, at int, v uint64) int {
	for v >= 0x80 {
		w[at&(maxRow-1)] = byte(v) | 0x80
		v >>= 7
		at++
	}
	w[at&(maxRow-1)] = byte(v)
	return at + 1
}

// readRows decodes what appendRows wrote and appends it to into; d.bad says that
// it could not. A row takes a byte at least, so no more rows are made than d has
// bytes.
func (c *rowCodec) readRows(d *decoder, streams map[uint32]*agent.Datastream, into []row) []row {
	c.reset()
	first := len(into)
	into = d.runs(len(d.b), into)
	var ms, move int64
	var before *row
	var x rarely
	stamp := time.UnixMilli(0).UTC()
	stream := uint32(0)
	for i := first; i < len(into) && !d.bad; i++ {
		head := d.byte()
		stream++
		if head&rowStream != 0 {
			stream = uint32(d.uvarint())
		}
		number := c.numbers.of(stream)
		var ds *agent.Datastream
		if number == len(c.streams) {
			if ds = streams[stream]; ds == nil {
				d.bad = true
				break
			}
		}
		s := c.state(number, ds)
		moved := int64(0)
		if head&rowMoves != 0 {
			move += d.varint()
			moved = move
			ms += moved
			stamp = time.UnixMilli(ms).UTC()
		}
		x.quality, x.span = s.quality, s.span
		x.expect(before, moved)
		if head&rowRare != 0 {
			x.read(d)
			s.quality, s.span = x.quality, x.span
		}
		r := &into[i]
		r.Datastream, r.Time, r.at = s.ds, stamp, time.Time{}
		x.fill(r)
		s.value(d, head, r)
		before = r
	}
	if d.bad {
		return into[:first]
	}
	return into
}

// value reads the value of a row.
func (s *rowState) value(d *decoder, head byte, r *row) {
	if head&rowBits != 0 {
		r.Value = math.Float64frombits(d.little64())
		return
	}
	change := uint64(head>>4) - 1
	if head>>4 == 0 {
		change = d.uvarint()
	}
	d.bad = d.bad || s.scale == 0
	s.steps += unzigzag(change)
	r.Value = float64(s.steps) / s.scale
}
