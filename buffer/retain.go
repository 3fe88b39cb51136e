package buffer

import (
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// retain drops the oldest blocks when the log is larger than it may be: a 32nd
// at a time, so that the ledger does not grow with every commit.
func (b *Buffer) retain() {
	if b.logBytes <= b.o.MaxSize {
		return
	}
	var lost ranges
	for b.logBytes > b.o.MaxSize-b.o.MaxSize/32 {
		i := slices.IndexFunc(b.blocks, func(r blockRef) bool { return !b.inFlight(r.first, r.last) })
		if i < 0 {
			break
		}
		ref := b.blocks[i]
		b.dropped = append(b.dropped, ref)
		b.forgetBlock(ref)
		lost.add(ref.first, ref.last)
	}
	b.lose(lost, "max_size: the buffer is full", nil)
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

// cost is about what a block takes of the file: with its key and its place in a
// page, or the pages it has for itself.
func (r blockRef) cost() int64 {
	n := int64(r.size) + 32
	if n < pageSize/2 {
		return n * 10 / 9
	}
	return (n + pageSize - 1) / pageSize * pageSize
}
