package buffer

import (
	"errors"
	"slices"
	"sort"

	"github.com/lamppost-city/lamppost/agent"
)

// A Cursor is what one city has of the log. Its methods may be called from
// several goroutines. It is the queue that the city's uplink empties.
type Cursor struct {
	b *Buffer
	s cityState

	parked bool
	taken  ranges // handed out, and neither settled nor released
	live   uint64 // the next Seq of the live lane; what is before is backlog; forever until Connected
	signal chan struct{}

	cached blockRef // the block last read
	rows   []row
	oldest agent.Observation // that waits, as last asked for
}

func newCursor(b *Buffer, s cityState) *Cursor {
	return &Cursor{b: b, s: s, live: forever, signal: make(chan struct{}, 1)}
}

// Cursor returns the cursor of a configured city, or nil.
func (b *Buffer) Cursor(name string) *Cursor {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.cursor(name); c != nil && !c.parked {
		return c
	}
	return nil
}

func (b *Buffer) cursor(name string) *Cursor {
	for _, c := range b.cities {
		if c.s.Name == name {
			return c
		}
	}
	return nil
}

// Grown receives a value after observations or notices have come.
func (c *Cursor) Grown() <-chan struct{} { return c.signal }

func (c *Cursor) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// Connected says that a session begins: what is recorded from now on is live,
// what was before is backlog. Without lanes all is backlog.
func (c *Cursor) Connected(lanes bool) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.live = c.b.next
	if !lanes {
		c.live = forever
	}
}

// Live returns up to limit observations that were recorded since Connected and
// were not handed out yet, in Seq order, or none. They are the caller's until
// Settle or Release. An instant is never split, and may exceed limit.
func (c *Cursor) Live(limit int) agent.Batch {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	batch := c.lane(c.live, c.sendable(), limit)
	if n := len(batch.Observations); n > 0 {
		c.live = batch.Observations[n-1].Seq + 1
	}
	return batch
}

// Backlog returns up to limit of the oldest observations that the city lacks,
// that were recorded before Connected or were released since, and that are not
// handed out; else it is as Live.
func (c *Cursor) Backlog(limit int) agent.Batch {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	batch := c.lane(1, min(c.live-1, c.sendable()), limit)
	if len(batch.Observations) == 0 {
		c.cached, c.rows = blockRef{}, nil // a block takes megabytes
	}
	return batch
}

// lane hands out what is wanted first from from to end.
func (c *Cursor) lane(from, end uint64, limit int) agent.Batch {
	for {
		first, to := c.wanted(from, end)
		if first == 0 {
			return agent.Batch{}
		}
		batch, next := c.take(first, to, end, limit)
		if len(batch.Observations) > 0 || next == 0 {
			return batch
		}
		from = next // what stood here cannot be read
	}
}

// sendable returns the last Seq that may be sent.
func (c *Cursor) sendable() uint64 {
	b := c.b
	last := b.next - 1
	if b.o.Strict {
		last = b.flushed
	}
	if b.heldFrom > 0 && c.s.Name != nobody {
		last = min(last, b.heldFrom-1)
	}
	return last
}

// wanted returns the first Seqs from from to to that the city lacks and that
// are not handed out: without a gap, or 0, 0.
func (c *Cursor) wanted(from, to uint64) (first, last uint64) {
	for from <= to {
		first, last := c.s.Owed.next(from)
		if first == 0 || first > to {
			return 0, 0
		}
		last = min(last, to)
		again := false
		for _, set := range []ranges{c.s.Delivered, c.s.Ledgered, c.taken} {
			start, end := set.gap(first)
			if start != first {
				from, again = start, true
				break
			}
			last = min(last, end)
		}
		if again {
			continue
		}
		a, end := c.b.assigned.next(first)
		if a == 0 {
			return 0, 0
		}
		if a != first {
			from = a
			continue
		}
		return first, min(last, end)
	}
	return 0, 0
}

// take hands out the Seqs from to to and those wanted after them up to end, up
// to limit observations of one epoch. next is where to go on if there are none,
// or 0 if the file cannot be asked now.
func (c *Cursor) take(from, to, end uint64, limit int) (batch agent.Batch, next uint64) {
	epoch, last := c.b.epochOf(from)
	end = min(end, last)
	for from != 0 {
		rows, err := c.read(from, min(to, last))
		if err != nil {
			break
		}
		if len(rows) == 0 {
			if len(batch.Observations) == 0 {
				return batch, c.unreadable(from, min(to, last))
			}
			break
		}
		rows = whole(rows, limit-len(batch.Observations), len(batch.Observations) == 0)
		batch.Observations = slices.Grow(batch.Observations, len(rows))
		for _, r := range rows {
			batch.Observations = append(batch.Observations, c.b.corrected(r.Observation))
		}
		if len(rows) == 0 || len(batch.Observations) >= limit {
			break
		}
		from, to = c.wanted(rows[len(rows)-1].Seq+1, end)
	}
	batch.Epoch = epoch
	c.taken.union(seqs(batch.Observations))
	return batch, 0
}

// whole cuts rows to limit, and there to the end of an instant: the last one
// that ends within the limit or, if they are the first of a batch and it is
// longer, the first.
func whole(rows []row, limit int, first bool) []row {
	if len(rows) <= limit {
		return rows
	}
	cut := limit
	for cut > 0 && rows[cut].joins {
		cut--
	}
	if cut == 0 && first {
		for cut = limit; cut < len(rows) && rows[cut].joins; {
			cut++
		}
	}
	return rows[:cut]
}

// read returns rows from from on, up to to, as many as lie together in memory
// or in one block; none if from is nowhere. An error says that the file cannot
// be asked now, and nothing about what is in it.
func (c *Cursor) read(from, to uint64) ([]row, error) {
	if rows := c.b.inTail(from, to); len(rows) > 0 && rows[0].Seq == from {
		return rows[:run(rows)], nil
	}
	if i := sortedSeq(c.b.carry, from); i < len(c.b.carry) && c.b.carry[i].Seq == from {
		return c.b.carry[i : i+1], nil
	}
	ref, ok := c.b.blockAt(from)
	if !ok {
		return nil, nil
	}
	if ref != c.cached || c.rows == nil {
		c.cached = blockRef{}
		rows, err := c.b.readBlock(ref, c.rows)
		if err != nil {
			return nil, err
		}
		c.cached, c.rows = ref, rows
	}
	i := sortedSeq(c.rows, from)
	j := sort.Search(len(c.rows), func(i int) bool { return c.rows[i].Seq > to })
	if i == len(c.rows) || c.rows[i].Seq != from {
		return nil, nil
	}
	// Rows that were settled before the block was written are not in it.
	return c.rows[i : i+run(c.rows[i:j])], nil
}

// run returns how many rows from the first on have consecutive Seqs.
func run(rows []row) int {
	if last := len(rows) - 1; rows[last].Seq-rows[0].Seq == uint64(last) { // as they rise: all
		return last + 1
	}
	n := 1
	for n < len(rows) && rows[n].Seq == rows[n-1].Seq+1 {
		n++
	}
	return n
}

// blockAt returns the block in which a Seq would be.
func (b *Buffer) blockAt(seq uint64) (blockRef, bool) {
	i := sort.Search(len(b.blocks), func(i int) bool { return b.blocks[i].last >= seq })
	if i == len(b.blocks) || b.blocks[i].first > seq {
		return blockRef{}, false
	}
	return b.blocks[i], true
}

// readBlock reads and decodes a block. One that is damaged is taken out of the
// log, kept aside and ledgered: then there are no rows. One that could not be
// asked for is an error. What into holds is written over.
func (b *Buffer) readBlock(ref blockRef, into []row) ([]row, error) {
	rows, err := b.store.rows(ref, &b.reader, b.streams, into[:0])
	if err == nil {
		return rows, nil
	}
	if !errors.Is(err, errDamaged) {
		return nil, err
	}
	b.o.Log.Error("a block cannot be read", "err", err)
	b.store.spoil(ref)
	b.dropped = append(b.dropped, ref)
	b.forgetBlocks([]blockRef{ref})
	b.lose(ranges{{From: ref.first, To: ref.last}}, "damaged: "+err.Error(), nil)
	return nil, nil
}

// unreadable ledgers Seqs that should be in the log and are not, and returns
// where to go on.
func (c *Cursor) unreadable(from, to uint64) (next uint64) {
	b := c.b
	if ref, ok := b.blockAt(from); ok && ref == c.cached {
		// The block was read, and lacks it: as far as its next row.
		if i := sortedSeq(c.rows, from); i < len(c.rows) {
			to = min(to, c.rows[i].Seq-1)
		}
	}
	if i := sort.Search(len(b.blocks), func(i int) bool { return b.blocks[i].first > from }); i < len(b.blocks) {
		to = min(to, b.blocks[i].first-1)
	}
	if rows := b.inTail(from, to); len(rows) > 0 {
		to = rows[0].Seq - 1
	}
	b.lose(ranges{{From: from, To: to}}, "damaged: not in the log", nil)
	return to + 1
}
