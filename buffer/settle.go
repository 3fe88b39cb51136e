package buffer

import (
	"maps"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Settle says that the city has the batch, but for those observations it will
// never take: they are ledgered with their reasons and kept for people.
func (c *Cursor) Settle(batch agent.Batch, refused map[uint64]string) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	set := seqs(batch.Observations)
	c.taken = c.taken.minus(set)
	delivered := slices.Clone(set)
	byReason := make(map[string]ranges)
	for _, o := range batch.Observations {
		if reason, ok := refused[o.Seq]; ok {
			delivered.remove(o.Seq, o.Seq)
			byReason[reason] = append(byReason[reason], agent.Range{From: o.Seq, To: o.Seq})
			c.keepRefused(o, reason)
		}
	}
	c.s.Delivered.union(delivered)
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		var all ranges
		all.union(byReason[reason])
		c.b.lose(all, "refused: "+reason, c)
	}
	c.b.settle(set)
}

// keepRefused keeps one observation for people, if there is room: the ledger has
// all.
func (c *Cursor) keepRefused(o agent.Observation, reason string) {
	if len(c.b.refused) < refusedRows {
		c.b.refused = append(c.b.refused, Refusal{reason, c.s.Name, o.Datastream.Name, o.Seq, o.Time, o.Value})
	}
}

// settle draws the consequences of what some city has got or will never get.
func (b *Buffer) settle(set ranges) {
	if high := set.between(b.flushed+1, forever); len(high) > 0 {
		accepted := high.minus(b.lacking(high[0].From, high[len(high)-1].To)).minus(b.early)
		for _, c := range b.cities {
			accepted = accepted.minus(c.s.Ledgered) // its entry is not on flash yet
		}
		b.early.union(accepted)
		b.witness("accepted", accepted)
	}
	if low := set.between(1, b.flushed); len(low) > 0 {
		if b.settled == 0 {
			b.settleAt = time.Now()
		}
		b.settled += int(low.count())
	}
	b.trim()
	b.touch()
}

// lacking returns the assigned Seqs from from to to that some city is still to
// have.
func (b *Buffer) lacking(from, to uint64) ranges {
	var lack ranges
	for _, c := range b.cities {
		lack.union(c.waiting(from, to))
	}
	return lack
}

// waiting returns the assigned Seqs from from to to that the city is to have.
func (c *Cursor) waiting(from, to uint64) ranges {
	return c.s.Owed.between(from, to).and(c.b.assigned).minus(c.s.Delivered).minus(c.s.Ledgered)
}

// trim lets go of rows that need not be in memory: all but the newest that are
// accepted.
func (b *Buffer) trim() {
	n := len(b.tail) - keepRows
	if n <= keepRows/4 {
		return // not yet worth the copy
	}
	if pending := b.pending(); len(pending) > 0 {
		n = min(n, len(b.inTail(1, pending[0].From-1)))
	}
	if n > 0 {
		b.tail = slices.Delete(b.tail, 0, n)
	}
}

// Release gives a batch back that was handed out: it is backlog again.
func (c *Cursor) Release(batch agent.Batch) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.taken = c.taken.minus(seqs(batch.Observations))
	c.wake()
}

// Streams returns the datastreams that the city may hear of.
func (c *Cursor) Streams() []*agent.Datastream {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	all := make([]*agent.Datastream, 0, len(c.b.streams))
	for _, ds := range c.b.streams {
		all = append(all, ds)
	}
	slices.SortFunc(all, func(x, y *agent.Datastream) int { return int(x.ID) - int(y.ID) })
	return all
}
