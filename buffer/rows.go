package buffer

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// A row is an observation in the log.
type row struct {
	agent.Observation
	at    time.Time // when it was recorded; not on flash
	joins bool      // of the same instant as the row before: never split from it
}

// scaleOf returns 10^resolution of a datastream, or 0 if there is none: then
// values are no steps.
func scaleOf(ds *agent.Datastream) float64 {
	n, ok := agent.Steps(1, ds.Resolution)
	if !ok {
		return 0
	}
	return float64(n)
}

// steps returns how many steps of 1/scale v is, and whether float64(n)/scale is
// exactly v again. Asking for the bits makes any way to round do: what is no
// such multiple, too large, −0 or no number is not exact.
func steps(v, scale float64) (n int64, exact bool) {
	n = int64(v*scale + math.Copysign(0.5, v))
	return n, math.Float64bits(float64(n)/scale) == math.Float64bits(v) && scale != 0
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// What few rows have is written only where it is not as expected: quality and
// span as in the last row of the datastream, boot as in the row before, mono
// gone on as the time did, and a row of the same time as the one before joins
// it. These flags say what follows.
const (
	rareJoins   = 1 << iota // the row joins or does not, against its time
	rareQuality             // the quality
	rareBoot                // the boot, and how far mono is from what is expected
	rareSpan                // the span
)

// rarely is what is expected of the next row.
type rarely struct {
	quality agent.Quality
	span    time.Duration
	boot    uint32
	mono    time.Duration
	joins   bool
}

// expect sets what follows from the row before and how far in ms it is. The first
// row of all has none before it.
func (x *rarely) expect(before *row, ms int64) {
	x.boot, x.mono, x.joins = 0, 0, false
	if before == nil {
		return
	}
	x.joins = ms == 0
	if x.boot = before.Boot; x.boot != 0 {
		x.mono = before.Mono + time.Duration(ms)*time.Millisecond
	}
}

// expectAt is expect of a row among others.
func (x *rarely) expectAt(rows []row, i int) {
	if i == 0 {
		x.expect(nil, 0)
		return
	}
	x.expect(&rows[i-1], rows[i].Time.UnixMilli()-rows[i-1].Time.UnixMilli())
}

// flags says in what r is not as expected.
func (x *rarely) flags(r *row) byte {
	var flags byte
	if r.joins != x.joins {
		flags |= rareJoins
	}
	if r.Quality != x.quality {
		flags |= rareQuality
	}
	if r.Boot != x.boot || r.Mono != x.mono {
		flags |= rareBoot
	}
	if r.Span != x.span {
		flags |= rareSpan
	}
	return flags
}

// append writes what flags says.
func (x *rarely) append(b []byte, flags byte, r *row) []byte {
	b = append(b, flags)
	if flags&rareQuality != 0 {
		b = binary.AppendUvarint(b, uint64(r.Quality))
	}
	if flags&rareBoot != 0 {
		b = binary.AppendUvarint(b, uint64(r.Boot))
		b = binary.AppendVarint(b, int64(r.Mono-x.mono))
	}
	if flags&rareSpan != 0 {
		b = binary.AppendVarint(b, int64(r.Span))
	}
	return b
}

// read reads what append wrote: then x is what the row has.
func (x *rarely) read(d *decoder) {
	flags := d.byte()
	x.joins = x.joins != (flags&rareJoins != 0)
	if flags&rareQuality != 0 {
		x.quality = agent.Quality(d.uvarint())
	}
	if flags&rareBoot != 0 {
		x.boot = uint32(d.uvarint())
		x.mono += time.Duration(d.varint())
	}
	if flags&rareSpan != 0 {
		x.span = time.Duration(d.varint())
	}
}

// fill puts what x has into a row.
func (x *rarely) fill(r *row) {
	r.Quality, r.Span, r.Boot, r.Mono, r.joins = x.quality, x.span, x.boot, x.mono, x.joins
}

// appendRuns writes the Seqs of rows, which rise, as runs without a gap: how
// many runs, and of each the distance from the end of the one before and its
// length less one.
func appendRuns(b []byte, rows []row) []byte {
	if n := len(rows); n > 0 && rows[n-1].Seq-rows[0].Seq == uint64(n-1) { // as they rise: one run
		b = binary.AppendUvarint(append(b, 1), rows[0].Seq)
		return binary.AppendUvarint(b, uint64(n-1))
	}
	runs := 0
	for i := range rows {
		if i == 0 || rows[i].Seq != rows[i-1].Seq+1 {
			runs++
		}
	}
	b = binary.AppendUvarint(b, uint64(runs))
	var end uint64
	for i := 0; i < len(rows); {
		from := rows[i].Seq
		n := uint64(1)
		for i++; i < len(rows) && rows[i].Seq == from+n; i++ {
			n++
		}
		b = binary.AppendUvarint(b, from-end)
		b = binary.AppendUvarint(b, n-1)
		end = from + n - 1
	}
	return b
}

// runs reads what appendRuns wrote, of at most limit Seqs, and appends to into a
// row for each.
func (d *decoder) runs(limit int, into []row) []row {
	var end uint64
	first := len(into)
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		from, length := end+d.uvarint(), d.uvarint()
		if length >= uint64(limit-(len(into)-first)) || from <= end || from+length < from {
			d.bad = true
			break
		}
		end = from + length
		at := len(into)
		into = slices.Grow(into, int(length)+1)[:at+int(length)+1]
		for i := range into[at:] {
			into[at+i].Seq = from + uint64(i)
		}
	}
	return into
}
