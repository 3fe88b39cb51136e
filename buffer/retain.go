package buffer

import (
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// retain drops the oldest segments while the log is larger than it may be.
func (b *Buffer) retain() {
	for b.store.segments.size() > b.o.MaxSize && len(b.dropped) == 0 {
		if !b.dropOldest("max_size: the buffer is full") {
			return
		}
	}
}

// makeRoom drops the oldest segment when the disk is full, if there is one.
func (b *Buffer) makeRoom() bool {
	return len(b.dropped) == 0 && b.dropOldest("min_free: the disk is full")
}

// dropOldest drops the segment with the oldest block, so that space is really
// given back. What is in flight stays.
func (b *Buffer) dropOldest(cause string) bool {
	i := slices.IndexFunc(b.blocks, func(r blockRef) bool { return r.segment != "" })
	if i < 0 {
		return false
	}
	var refs []blockRef
	var lost ranges
	for _, ref := range b.blocks {
		if ref.segment == b.blocks[i].segment {
			if b.inFlight(ref.first, ref.last) {
				return false
			}
			refs = append(refs, ref)
			lost.add(ref.first, ref.last)
		}
	}
	b.dropped = append(b.dropped, refs...)
	b.forgetBlocks(refs)
	b.lose(lost, cause, nil)
	return true
}

// inFlight tells whether some city may be getting one of the Seqs just now.
func (b *Buffer) inFlight(from, to uint64) bool {
	for _, c := range b.cities {
		if first, _ := c.taken.next(from); first != 0 && first <= to {
			return true
		}
	}
	return false
}

// shed lets go of the oldest pending rows when there are too many: the disk has
// taken nothing for long. They were never accepted. What is in flight stays: a
// city that is away may have it.
func (b *Buffer) shed() {
	n := len(b.tail) - maxPendingRows
	if n <= 0 {
		return
	}
	n += maxPendingRows / 100 // not one by one
	var gone ranges
	b.tail = slices.DeleteFunc(b.tail, func(r row) bool {
		if n == 0 || b.inFlight(r.Seq, r.Seq) {
			return false
		}
		n--
		gone.add(r.Seq, r.Seq)
		return true
	})
	lost := b.pending().and(gone)
	for _, r := range lost {
		b.assigned.remove(r.From, r.To)
	}
	if len(lost) == 0 {
		return
	}
	b.notice(agent.Notice{
		Kind: agent.NoticeLoss, From: lost[0].From, To: lost[len(lost)-1].To, Ranges: lost,
		Count: lost.count(), Cause: "ram: the disk took nothing; never accepted",
	})
}
