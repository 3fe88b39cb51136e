package buffer

import (
	"encoding/binary"
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

// steps returns v as a number of steps of the datastream's resolution, and
// whether that gives exactly v back.
func steps(v float64, ds *agent.Datastream) (int64, bool) {
	n, ok := agent.Steps(v, ds.Resolution)
	return n, ok && math.Float64bits(agent.FromSteps(n, ds.Resolution)) == math.Float64bits(v)
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// decoder takes values from the front of b until there is none left.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 { return unzigzag(d.uvarint()) }

// bytes takes the next n bytes.
func (d *decoder) bytes(n uint64) []byte {
	if uint64(len(d.b)) < n {
		d.bad = true
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) little64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// appendRuns writes the Seqs of rows as runs without a gap: how many runs, and
// of each the distance from the end of the one before and its length.
func appendRuns(b []byte, rows []row) []byte {
	var set ranges
	for i := range rows {
		set.add(rows[i].Seq, rows[i].Seq)
	}
	return appendRanges(b, set)
}

// appendRanges writes a set of Seqs that has an end.
func appendRanges(b []byte, set ranges) []byte {
	b = binary.AppendUvarint(b, uint64(len(set)))
	var end uint64
	for _, r := range set {
		b = binary.AppendUvarint(b, r.From-end)
		b = binary.AppendUvarint(b, r.To-r.From)
		end = r.To
	}
	return b
}

// ranges reads what appendRanges wrote, of at most limit Seqs.
func (d *decoder) ranges(limit uint64) ranges {
	var set ranges
	var end, total uint64
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		from := end + d.uvarint()
		length := d.uvarint()
		end = from + length
		if total += length + 1; from == 0 || end < from || length >= limit || total > limit {
			d.bad = true
			return nil
		}
		set.add(from, end)
	}
	return set
}
