package buffer

import (
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// retain drops the oldest blocks while the log is larger than it may be.
func (b *Buffer) retain() {
	for b.logBytes > b.o.MaxSize {
		i := slices.IndexFunc(b.blocks, func(r blockRef) bool { return !b.inFlight(r.first, r.last) })
		if i < 0 {
			return
		}
		ref := b.blocks[i]
		b.dropped = append(b.dropped, ref)
		b.forgetBlock(ref)
		b.lose(ranges{{From: ref.first, To: ref.last}}, "max_size: the buffer is full", nil)
	}
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
// taken nothing for long. They were never accepted.
func (b *Buffer) shed() {
	n := len(b.tail) - maxPendingRows
	if n <= 0 {
		return
	}
	n += maxPendingRows / 100 // not one by one
	start := b.tailStart()
	if b.inFlight(start, start+uint64(n)-1) {
		return
	}
	lost := b.pending().between(start, start+uint64(n)-1)
	b.tail = slices.Delete(b.tail, 0, n)
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
