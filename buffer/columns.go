package buffer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"time"

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

// A codec encodes and decodes blocks. What compresses them is made when it is
// first used: it takes memory. A codec is used by one goroutine at a time.
type codec struct {
	writer *zstd.Encoder
	reader *zstd.Decoder
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

func (c *codec) decompress(data []byte) ([]byte, error) {
	if c.reader == nil {
		var err error
		c.reader, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic("bug: " + err.Error())
		}
	}
	return c.reader.DecodeAll(data, nil)
}

// column is the rows of one datastream in a block.
type column struct {
	ds   *agent.Datastream
	rows []int // their places in the block
}

// columnsOf returns the columns of rows, by datastream id.
func columnsOf(rows []row) []column {
	index := make(map[uint32]int)
	var all []column
	for i := range rows {
		ds := rows[i].Datastream
		at, ok := index[ds.ID]
		if !ok {
			at = len(all)
			index[ds.ID] = at
			all = append(all, column{ds: ds})
		}
		all[at].rows = append(all[at].rows, i)
	}
	slices.SortFunc(all, func(x, y column) int { return int(x.ds.ID) - int(y.ds.ID) })
	return all
}

// append encodes rows, which have rising Seqs.
func (c *codec) append(b []byte, rows []row) []byte {
	var body []byte
	body = binary.AppendUvarint(body, uint64(len(rows)))
	if len(rows) > 0 {
		body = appendColumns(appendRuns(body, rows), rows)
	}
	start := len(b)
	b = append(b, blockZstd)
	if b = c.compress(b, body); len(b)-start > 1+len(body)*97/100 { // it does not pay
		b = append(append(b[:start], 0), body...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func appendColumns(b []byte, rows []row) []byte {
	columns := columnsOf(rows)
	b = binary.AppendUvarint(b, uint64(len(columns)))
	var before []int64 // the times of the column before
	for _, c := range columns {
		b = binary.AppendUvarint(b, uint64(c.ds.ID))
		b = binary.AppendUvarint(b, uint64(len(c.rows)))
		times := make([]int64, len(c.rows))
		for i, at := range c.rows {
			times[i] = rows[at].Time.UnixMilli()
		}
		if slices.Equal(times, before) {
			b = append(b, 1) // parts that are read together have their times in common
		} else {
			b = appendTimes(append(b, 0), times)
		}
		before = times
		b = appendValues(b, rows, c)
	}
	b = appendOrder(b, rows, columns)
	return appendRest(b, rows)
}

// appendTimes writes differences of differences.
func appendTimes(b []byte, times []int64) []byte {
	var last, step int64
	for _, t := range times {
		b = binary.AppendUvarint(b, zigzag(t-last-step))
		step, last = t-last, t
	}
	return b
}

// appendValues writes steps of the resolution as differences or, if a value is
// none, the bits of all.
func appendValues(b []byte, rows []row, c column) []byte {
	start := len(b)
	b = append(b, 0)
	var last int64
	for _, at := range c.rows {
		n, exact := steps(rows[at].Value, c.ds)
		if !exact {
			b = append(b[:start], 1)
			for _, at := range c.rows {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(rows[at].Value))
			}
			return b
		}
		b = binary.AppendUvarint(b, zigzag(n-last))
		last = n
	}
	return b
}

// appendOrder writes in which order the columns' rows have their Seqs: nothing
// when that is the order of their times and, within one, of their datastreams.
func appendOrder(b []byte, rows []row, columns []column) []byte {
	natural := slices.IsSortedFunc(rows, func(x, y row) int {
		if c := x.Time.Compare(y.Time); c != 0 {
			return c
		}
		return int(x.Datastream.ID) - int(y.Datastream.ID)
	})
	if natural {
		return append(b, 0)
	}
	b = append(b, 1)
	rank := make(map[uint32]uint64, len(columns))
	for i, c := range columns {
		rank[c.ds.ID] = uint64(i)
	}
	// The column after the last is the likely next.
	next, n := uint64(0), uint64(len(columns))
	for i := range rows {
		r := rank[rows[i].Datastream.ID]
		b = binary.AppendUvarint(b, (r+n-next)%n)
		next = (r + 1) % n
	}
	return b
}

// appendRest writes what few rows have: a list of the rows whose rest is not
// that of the row before.
func appendRest(b []byte, rows []row) []byte {
	last := 0
	var before row
	for i := range rows {
		r := rows[i]
		joins := i > 0 && r.Time.Equal(rows[i-1].Time)
		odd := joins != r.joins
		if !odd && r.Quality == before.Quality && r.Boot == before.Boot && r.Span == before.Span && r.Mono == follow(before, r) {
			before = r
			continue
		}
		b = binary.AppendUvarint(b, uint64(i-last)+1)
		last = i
		var flag byte
		if odd {
			flag = 1
		}
		b = append(b, flag)
		b = binary.AppendUvarint(b, uint64(r.Quality))
		b = binary.AppendUvarint(b, uint64(r.Boot))
		b = binary.AppendVarint(b, int64(r.Mono))
		b = binary.AppendVarint(b, int64(r.Span))
		before = r
	}
	return append(b, 0)
}

// follow returns the monotonic time of y, if it went on after x as the wall clock
// did.
func follow(x, y row) time.Duration {
	if y.Boot == 0 {
		return 0
	}
	return x.Mono + y.Time.Sub(x.Time)
}
