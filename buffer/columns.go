package buffer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/lamppost-city/lamppost/agent"
)

// A sealed block holds its rows column by column, which FORMAT.md describes:
// what is alike stands together, as differences, and zstd finds the rest.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxBlockRows bounds what a block may say it holds.
const maxBlockRows = 1 << 20

// blockZstd, in the first byte of a block: what follows is compressed.
const blockZstd = 1

// errDamaged says that something on flash is not as it was written.
var errDamaged = errors.New("damaged")

// A codec encodes and decodes blocks. What compresses them and what they are
// worked on in is made when it is first used and kept: it takes memory, about
// 1 MB at 30,000 rows. A codec is used by one goroutine at a time.
type codec struct {
	writer  *zstd.Encoder
	reader  *zstd.Decoder
	numbers numbering
	columns []column
	body    []byte
	of      []uint32  // of each row, its column
	ranks   []uint32  // of each column as it came, which it is by id
	times   []int64   // in ms, column by column
	values  []float64 // likewise
	steps   []int64   // the values of a column
	merge   merger
}

// column is the rows of one datastream in a block.
type column struct {
	ds     *agent.Datastream
	rows   int
	at     int    // where its values begin, later where the next row's is
	times  int    // likewise, of its times
	left   int    // how many rows are still to come
	rank   uint32 // which column it is in the order of their ids
	rarely rarely
}

// compress appends data, compressed, to b.
func (c *codec) compress(b, data []byte) []byte {
	if c.writer == nil {
		var err error
		c.writer, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<18), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			panic("bug: " + err.Error())
		}
	}
	return c.writer.EncodeAll(data, b)
}

func (c *codec) decompress(b, data []byte) ([]byte, error) {
	if c.reader == nil {
		var err error
		c.reader, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic("bug: " + err.Error())
		}
	}
	return c.reader.DecodeAll(data, b)
}

// append encodes rows, which have rising Seqs.
func (c *codec) append(b []byte, rows []row) []byte {
	c.body = binary.AppendUvarint(c.body[:0], uint64(len(rows)))
	if len(rows) > 0 {
		c.body = appendRuns(c.body, rows)
		c.appendColumns(rows)
	}
	start := len(b)
	b = append(b, blockZstd)
	if b = c.compress(b, c.body); len(b)-start > 1+len(c.body)*97/100 { // it does not pay
		b = append(append(b[:start], 0), c.body...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func (c *codec) appendColumns(rows []row) {
	natural, plain := c.assign(rows)
	c.sort(rows)
	c.body = binary.AppendUvarint(c.body, uint64(len(c.columns)))
	var before []int64 // the times of the column before
	var id uint32
	for i := range c.columns {
		col := &c.columns[i]
		c.body = binary.AppendUvarint(c.body, uint64(col.ds.ID-id))
		c.body = binary.AppendUvarint(c.body, uint64(col.rows))
		id = col.ds.ID
		times := c.times[col.at-col.rows : col.at]
		if slices.Equal(times, before) { // parts that are read together have their times in common
			c.body = append(c.body, timesShared)
		} else {
			c.body = appendTimes(c.body, times)
		}
		before = times
		c.body = c.appendValues(c.body, c.values[col.at-col.rows:col.at], scaleOf(col.ds))
	}
	if natural {
		c.body = append(c.body, 0)
	} else {
		c.body = c.appendOrder(append(c.body, 1))
	}
	if !plain {
		c.body = c.appendRare(c.body, rows)
	}
	c.body = append(c.body, 0)
}

// assign finds the columns of rows, as they come, and says whether rows are in
// their natural order, that of their times and, within one, of their datastreams,
// and plain: no row has anything rare.
func (c *codec) assign(rows []row) (natural, plain bool) {
	c.numbers.reset()
	c.columns = c.columns[:0]
	c.of = grown(c.of, len(rows))
	natural, plain = true, true
	first := rows[0].Time.UnixMilli()
	last, id := first-1, uint32(0)
	for i := range rows {
		r := &rows[i]
		number := c.numbers.of(r.Datastream.ID)
		if number == len(c.columns) {
			c.columns = append(c.columns, column{ds: r.Datastream})
		}
		c.columns[number].rows++
		c.of[i] = uint32(number)
		ms := r.Time.UnixMilli()
		if ms < last || ms == last && r.Datastream.ID < id {
			natural = false
		}
		if r.Quality != 0 || r.Boot != 0 || r.Mono != 0 || r.Span != 0 || r.joins != (ms == last) {
			plain = false
		}
		last, id = ms, r.Datastream.ID
	}
	return natural && uint64(last-first) < maxMerge, plain
}

// sort brings the columns in the order of their ids, and puts times and values
// together by column.
func (c *codec) sort(rows []row) {
	// Numbers go by who came first.
	for i := range c.columns {
		c.columns[i].rank = uint32(i)
	}
	slices.SortFunc(c.columns, func(x, y column) int {
		if x.ds.ID < y.ds.ID {
			return -1
		}
		return 1
	})
	c.ranks = grown(c.ranks, len(c.columns))
	at := 0
	for i := range c.columns {
		col := &c.columns[i]
		c.ranks[col.rank] = uint32(i)
		col.at = at
		at += col.rows
	}
	c.times, c.values = grown(c.times, len(rows)), grown(c.values, len(rows))
	for i := range rows {
		rank := c.ranks[c.of[i]]
		c.of[i] = rank
		col := &c.columns[rank]
		c.times[col.at], c.values[col.at] = rows[i].Time.UnixMilli(), rows[i].Value
		col.at++
	}
}

// grown returns s with n elements, whatever they are.
func grown[T any](s []T, n int) []T {
	return slices.Grow(s[:0], n)[:n]
}

// appendOrder writes of each row which column it is of.
func (c *codec) appendOrder(b []byte) []byte {
	// The column after the last is the likely next.
	next, n := uint32(0), uint32(len(c.columns))
	for _, rank := range c.of {
		skipped := rank - next
		if rank < next {
			skipped += n
		}
		b = binary.AppendUvarint(b, uint64(skipped))
		if next = rank + 1; next == n {
			next = 0
		}
	}
	return b
}

// appendRare writes what few rows have, and how far they are apart.
func (c *codec) appendRare(b []byte, rows []row) []byte {
	last := 0
	for i := range rows {
		r := &rows[i]
		x := &c.columns[c.of[i]].rarely
		x.expectAt(rows, i)
		if flags := x.flags(r); flags != 0 {
			b = binary.AppendUvarint(b, uint64(i-last)+1)
			b = x.append(b, flags, r)
			x.quality, x.span = r.Quality, r.Span
			last = i
		}
	}
	return b
}
