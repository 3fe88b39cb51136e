package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// A row is an observation in the log.
type row struct {
	agent.Observation
	at    time.Time // when it was recorded; not on flash
	joins bool      // of the same instant as the row before: never split from it
}

// Flags of a row on flash: what follows it and what it is.
const (
	flagJoins = 1 << iota
	flagBoot
	flagSpan
	flagQuality
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamaged = errors.New("damaged block")

// appendBlock encodes rows, which have rising Seqs; see FORMAT.md.
func appendBlock(b []byte, rows []row) []byte {
	start := len(b)
	b = binary.AppendUvarint(b, uint64(len(rows)))
	var seq uint64
	var ms int64
	for i := range rows {
		o := &rows[i]
		var flags byte
		if o.joins {
			flags |= flagJoins
		}
		if o.Boot != 0 {
			flags |= flagBoot
		}
		if o.Span != 0 {
			flags |= flagSpan
		}
		if o.Quality != 0 {
			flags |= flagQuality
		}
		b = append(b, flags)
		b = binary.AppendUvarint(b, o.Seq-seq)
		b = binary.AppendUvarint(b, uint64(o.Datastream.ID))
		now := o.Time.UnixMilli()
		b = binary.AppendVarint(b, now-ms)
		seq, ms = o.Seq, now
		if o.Boot != 0 {
			b = binary.AppendUvarint(b, uint64(o.Boot))
			b = binary.AppendVarint(b, int64(o.Mono))
		}
		if o.Span != 0 {
			b = binary.AppendVarint(b, int64(o.Span))
		}
		if o.Quality != 0 {
			b = binary.BigEndian.AppendUint16(b, uint16(o.Quality))
		}
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(o.Value))
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// decodeBlock decodes what appendBlock wrote. Rows of a datastream that streams
// does not have are an error, as is every wrong bit.
func decodeBlock(b []byte, streams map[uint32]*agent.Datastream) ([]row, error) {
	if len(b) < 5 {
		return nil, fmt.Errorf("%w: %d bytes", errDamaged, len(b))
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: checksum mismatch", errDamaged)
	}
	d := decoder{b: body}
	n := d.uvarint()
	if n > uint64(len(body)) {
		return nil, fmt.Errorf("%w: %d rows in %d bytes", errDamaged, n, len(body))
	}
	rows := make([]row, 0, n)
	var seq uint64
	var ms int64
	for range n {
		flags := d.byte()
		seq += d.uvarint()
		id := uint32(d.uvarint())
		ms += d.varint()
		r := row{joins: flags&flagJoins != 0}
		r.Seq, r.Time = seq, time.UnixMilli(ms).UTC()
		if flags&flagBoot != 0 {
			r.Boot, r.Mono = uint32(d.uvarint()), time.Duration(d.varint())
		}
		if flags&flagSpan != 0 {
			r.Span = time.Duration(d.varint())
		}
		if flags&flagQuality != 0 {
			r.Quality = agent.Quality(d.fixed(2))
		}
		r.Value = math.Float64frombits(d.fixed(8))
		if d.bad {
			return nil, fmt.Errorf("%w: ends early", errDamaged)
		}
		if r.Datastream = streams[id]; r.Datastream == nil {
			return nil, fmt.Errorf("%w: unknown datastream %d", errDamaged, id)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// decoder takes values from the front of b until there is none left.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	return d.skip(v, n)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	return int64(d.skip(uint64(v), n))
}

func (d *decoder) skip(v uint64, n int) uint64 {
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte { return byte(d.fixed(1)) }

// fixed takes a big-endian number of n bytes.
func (d *decoder) fixed(n int) uint64 {
	if len(d.b) < n {
		d.bad = true
		return 0
	}
	var v uint64
	for _, x := range d.b[:n] {
		v = v<<8 | uint64(x)
	}
	d.b = d.b[n:]
	return v
}
