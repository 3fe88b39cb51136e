package buffer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// A frame is a part of the journal that is whole or not there: rows, and what a
// commit changed in the books. FORMAT.md has its bytes.
type frame struct {
	generation uint64
	epoch      agent.Epoch // of its rows or, without any, of the next Seq
	commit     uint64
	kind       byte
	before     uint64            // through, before the commit
	through    uint64            // after it
	reserved   uint64            // likewise
	delivered  map[string]ranges // since the commit before, by city
	totals     map[uint32]float64
	books      []byte // all books after the commit, as JSON, or none: the delta is enough
	rows       []row
}

// Kinds of frame.
const (
	frameCommit = iota // rows and what a commit changed
	frameRows          // rows of a commit whose frameCommit follows, or that were moved
)

// Of a frame's bytes.
const (
	frameMagic  = 0x314a504c // "LPJ1"
	frameHeader = 37         // magic, checksum, generation, epoch, commit, length, kind
)

// appendFrame encodes a frame, without its generation.
func appendFrame(b []byte, f *frame, c *rowCodec) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHeader)...)
	b = binary.AppendUvarint(b, f.before)
	b = binary.AppendUvarint(b, f.through)
	b = binary.AppendUvarint(b, f.reserved)
	b = binary.AppendUvarint(b, uint64(len(f.delivered)))
	for _, name := range slices.Sorted(maps.Keys(f.delivered)) {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
		b = appendRanges(b, f.delivered[name])
	}
	b = binary.AppendUvarint(b, uint64(len(f.totals)))
	for _, id := range slices.Sorted(maps.Keys(f.totals)) {
		b = binary.AppendUvarint(b, uint64(id))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f.totals[id]))
	}
	b = binary.AppendUvarint(b, uint64(len(f.books)))
	b = append(b, f.books...)
	b = c.appendRows(b, f.rows)
	h := b[start:]
	binary.LittleEndian.PutUint32(h, frameMagic)
	binary.LittleEndian.PutUint64(h[16:], uint64(f.epoch))
	binary.LittleEndian.PutUint64(h[24:], f.commit)
	binary.LittleEndian.PutUint32(h[32:], uint32(len(h)))
	h[36] = f.kind
	return b
}

// sealFrame fills in what is known when a frame is written.
func sealFrame(h []byte, generation uint64) {
	binary.LittleEndian.PutUint64(h[8:], generation)
	binary.LittleEndian.PutUint32(h[4:], crc32.Checksum(h[8:], castagnoli))
}

// frameLength returns the length of the frame that b begins with, or 0 if it
// begins with none.
func frameLength(b []byte) int {
	if len(b) < frameHeader || binary.LittleEndian.Uint32(b) != frameMagic {
		return 0
	}
	n := binary.LittleEndian.Uint32(b[32:])
	if n < frameHeader || uint64(n) > uint64(len(b)) {
		return 0
	}
	if mutant != noCRC && crc32.Checksum(b[8:n], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return 0
	}
	return int(n)
}

// decodeFrame decodes the frame that b begins with, but for its rows: of those it
// returns the Seqs, and what decodes them.
func decodeFrame(b []byte) (f *frame, set ranges, rest []byte, err error) {
	n := frameLength(b)
	if n == 0 {
		return nil, nil, nil, fmt.Errorf("%w: no frame", errDamaged)
	}
	f = &frame{
		generation: binary.LittleEndian.Uint64(b[8:]), epoch: agent.Epoch(binary.LittleEndian.Uint64(b[16:])),
		commit: binary.LittleEndian.Uint64(b[24:]), kind: b[36],
	}
	d := &decoder{b: b[frameHeader:n]}
	f.before, f.through, f.reserved = d.uvarint(), d.uvarint(), d.uvarint()
	for k := d.uvarint(); k > 0 && !d.bad; k-- {
		if f.delivered == nil {
			f.delivered = make(map[string]ranges)
		}
		name := string(d.bytes(d.uvarint()))
		f.delivered[name] = d.ranges(math.MaxUint64)
	}
	for k := d.uvarint(); k > 0 && !d.bad; k-- {
		if f.totals == nil {
			f.totals = make(map[uint32]float64)
		}
		id := uint32(d.uvarint())
		f.totals[id] = math.Float64frombits(d.little64())
	}
	f.books = slices.Clone(d.bytes(d.uvarint()))
	rest = d.b
	set = d.ranges(uint64(n))
	if d.bad {
		return nil, nil, nil, fmt.Errorf("%w: frame of commit %d", errDamaged, f.commit)
	}
	return f, set, rest, nil
}

// readFrame returns the rows of the frame that b begins with.
func (c *rowCodec) readFrame(b []byte, streams map[uint32]*agent.Datastream, into []row) ([]row, error) {
	f, _, rest, err := decodeFrame(b)
	if err != nil {
		return into, err
	}
	d := &decoder{b: rest}
	into = c.readRows(d, streams, into)
	if d.bad || len(d.b) > 0 {
		return into, fmt.Errorf("%w: rows of commit %d", errDamaged, f.commit)
	}
	return into, nil
}
