package buffer

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// A blockRef is where rows are on flash: in a sealed block of a segment or in a
// frame of the journal.
type blockRef struct {
	first, last uint64 // Seqs that count
	segment     string // its file's name, or "": the journal
	key         blockKey
	at          place // of a block, where it was seen last
}

// A place is where a frame or a block is in its file.
type place struct{ offset, length int }

// A blockKey names a sealed block in its segment: its first and last Seq.
type blockKey struct{ first, last uint64 }

// bytes is the key as the segment has it.
func (k blockKey) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, k.first), k.last)
}

// blockHead returns what a sealed block says of itself, and the rest.
func blockHead(content []byte) (epoch agent.Epoch, seqs ranges, rest []byte, err error) {
	d := &decoder{b: content}
	epoch = agent.Epoch(d.little64())
	seqs = d.ranges(maxBlockRows)
	if d.bad || len(seqs) == 0 {
		return 0, nil, nil, fmt.Errorf("%w: head of a block", errDamaged)
	}
	return epoch, seqs, d.b, nil
}

func keyOf(seqs ranges) blockKey { return blockKey{seqs[0].From, seqs[len(seqs)-1].To} }

// sortRefs puts refs in the order of their Seqs and makes blocks that are there
// twice one: after a seal that seemed to fail.
func sortRefs(refs []blockRef) []blockRef {
	slices.SortFunc(refs, func(x, y blockRef) int {
		if x.first != y.first {
			return cmp.Compare(x.first, y.first)
		}
		return cmp.Compare(y.last, x.last)
	})
	kept, end := refs[:0], uint64(0)
	for _, r := range refs {
		if r.last <= end {
			continue
		}
		r.first = max(r.first, end+1)
		kept, end = append(kept, r), r.last
	}
	return kept
}

// The end of a segment that is closed: its index, that blob's length and a mark.
const (
	indexMark = "LPI1"
	indexTail = 8
)

// appendIndex writes where the blocks of a segment are.
func appendIndex(b []byte, refs []blockRef) []byte {
	start := len(b)
	b = beginBlob(b, blobIndex)
	for _, r := range refs {
		b = binary.AppendUvarint(b, r.key.first)
		b = binary.AppendUvarint(b, r.key.last-r.key.first)
		b = binary.AppendUvarint(b, uint64(r.at.offset))
		b = binary.AppendUvarint(b, uint64(r.at.length))
	}
	b = endBlob(b, start)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-start))
	return append(b, indexMark...)
}

// indexLength returns the length of the index that b, the end of a file, ends
// with, or 0.
func indexLength(b []byte) int {
	if len(b) < indexTail || string(b[len(b)-len(indexMark):]) != indexMark {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b[len(b)-indexTail:])) + indexTail
}

// parseIndex reads an index and its tail.
func parseIndex(name string, b []byte) (refs []blockRef, ok bool) {
	kind, content, ok := firstBlob(b)
	if !ok || kind != blobIndex {
		return nil, false
	}
	d := &decoder{b: content}
	for len(d.b) > 0 && !d.bad {
		first := d.uvarint()
		last := first + d.uvarint()
		at := place{int(d.uvarint()), int(d.uvarint())}
		refs = append(refs, blockRef{first: first, last: last, segment: name, key: blockKey{first, last}, at: at})
	}
	return refs, !d.bad
}

// place brings the list of blocks up to what a commit has done.
func (b *Buffer) place(c *commit) {
	b.forgetBlocks(slices.Concat(c.gone, c.removed))
	b.blocks = append(b.blocks, c.added...)
	if c.drops || len(c.removed) > 0 {
		b.blocks = sortRefs(b.blocks)
	}
}

// forgetBlocks takes blocks out of the list.
func (b *Buffer) forgetBlocks(refs []blockRef) {
	if len(refs) == 0 {
		return
	}
	gone := make(map[blockRef]bool, len(refs))
	for _, ref := range refs {
		gone[ref] = true
	}
	b.blocks = slices.DeleteFunc(b.blocks, func(r blockRef) bool { return gone[r] })
}
