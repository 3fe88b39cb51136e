package buffer

import (
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// notice adds a notice to what is told, and to what the next commit writes.
func (b *Buffer) notice(n agent.Notice) {
	b.state.Notice++
	n.ID = b.state.Notice
	n.Time = time.Now().UTC().Truncate(time.Millisecond)
	n.Epoch, _ = b.epochOf(n.From)
	b.notices = append(b.notices, n)
	b.moved = time.Now().Add(-checkpointEvery) // told soon, and only when it is on flash
	b.touch()
	b.grown()
}

// lose ledgers Seqs for the cities that lack them, or for one of them, and tells.
// It leaves out what is in flight: the city may have it. If it comes back it is
// looked for again. Names are of the datastreams, as far as they are known.
func (b *Buffer) lose(set ranges, cause string, only *Cursor, names ...string) {
	var lost ranges
	var cities []string
	for _, c := range b.cities {
		if only != nil && c != only {
			continue
		}
		var missing ranges
		for _, r := range set {
			missing.union(c.waiting(r.From, r.To))
		}
		if missing = missing.minus(c.taken); len(missing) == 0 {
			continue
		}
		c.s.Ledgered.union(missing)
		lost.union(missing)
		if c.s.Name != nobody {
			cities = append(cities, c.s.Name)
		}
	}
	if len(lost) == 0 {
		return
	}
	if len(names) == 0 {
		names = b.streamsOf(lost)
	}
	for _, part := range b.byEpoch(lost) {
		n := agent.Notice{
			Kind: agent.NoticeLoss, From: part[0].From, To: part[len(part)-1].To,
			Count: part.count(), Cause: cause, Cities: cities, Datastreams: names,
		}
		if len(part) > 1 {
			n.Ranges = part
		}
		if only != nil {
			b.absorb(&n)
		}
		b.notice(n)
	}
	b.settle(lost)
}

// byEpoch returns the parts of a set that are of one epoch each: a notice is of
// one.
func (b *Buffer) byEpoch(set ranges) (parts []ranges) {
	for len(set) > 0 {
		_, last := b.epochOf(set[0].From)
		parts = append(parts, set.between(set[0].From, last))
		if last == forever {
			break
		}
		set = set.between(last+1, forever)
	}
	return parts
}

// What one entry says together.
const (
	absorbFor    = 24 * time.Hour
	absorbRanges = 500
)

// absorb takes the last entry that says the same of the same city into a new one:
// a city that refuses one datastream for ever makes an entry a day or so, not one
// a batch.
func (b *Buffer) absorb(n *agent.Notice) {
	epoch, _ := b.epochOf(n.From)
	for i, old := range slices.Backward(b.notices) {
		if time.Since(old.Time) > absorbFor {
			return
		}
		if old.Kind != n.Kind || old.Cause != n.Cause || old.Epoch != epoch || !slices.Equal(old.Cities, n.Cities) {
			continue
		}
		all := lossOf(old)
		if len(all) >= absorbRanges {
			return
		}
		all.union(lossOf(*n))
		n.From, n.To, n.Ranges, n.Count = all[0].From, all[len(all)-1].To, all, all.count()
		n.Datastreams = slices.Sorted(slices.Values(slices.Concat(n.Datastreams, old.Datastreams)))
		n.Datastreams = slices.Compact(n.Datastreams)
		b.notices = slices.Delete(slices.Clone(b.notices), i, i+1) // a commit under way has the old ones
		return
	}
}

// streamsOf names the datastreams of Seqs, as far as they are in memory.
func (b *Buffer) streamsOf(set ranges) []string {
	var names []string
	for _, r := range set {
		for _, x := range b.inTail(r.From, r.To) {
			names = append(names, x.Datastream.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fresh returns the notices that are not on flash yet.
func (b *Buffer) fresh() []agent.Notice {
	i := len(b.notices)
	for i > 0 && b.notices[i-1].ID > b.committed.Notice {
		i--
	}
	return b.notices[i:]
}

// Notices returns up to limit of the notices the city has not got, oldest
// first: only what is on flash is told.
func (c *Cursor) Notices(limit int) []agent.Notice {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	durable := c.b.notices[:len(c.b.notices)-len(c.b.fresh())]
	if len(durable) == 0 || durable[len(durable)-1].ID <= c.s.Notified {
		return nil
	}
	var out []agent.Notice
	for _, n := range durable {
		if n.ID > c.s.Notified && concerns(n, c.s.Name) && len(out) < limit {
			out = append(out, n)
		}
	}
	return out
}

func concerns(n agent.Notice, city string) bool {
	return len(n.Cities) == 0 || slices.Contains(n.Cities, city)
}

// Notified says that the city has all notices up to one.
func (c *Cursor) Notified(id uint64) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if id > c.s.Notified {
		c.s.Notified = id
		c.b.touch()
	}
}

// told returns the notices that all have and that are no ledger entries.
func (b *Buffer) told() []uint64 {
	var ids []uint64
	for _, n := range b.notices {
		if n.Kind == agent.NoticeLoss || n.Kind == agent.NoticeWindow {
			continue // the ledger
		}
		if !slices.ContainsFunc(b.cities, func(c *Cursor) bool { return c.s.Notified < n.ID && concerns(n, c.s.Name) }) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// Ledger returns all losses and windows, oldest first.
func (b *Buffer) Ledger() []agent.Notice {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]agent.Notice{}, b.notices...)
}

// Forget releases the cursor of a city that is not configured any more: what it
// lacked is ledgered as forgotten. It says how much that was.
func (b *Buffer) Forget(name string) (uint64, error) {
	b.mu.Lock()
	c := b.cursor(name)
	if c == nil {
		b.mu.Unlock()
		return 0, &ForgetError{name, "is not known"}
	}
	if !c.parked {
		b.mu.Unlock()
		return 0, &ForgetError{name, "is still configured; take it out of the configuration first"}
	}
	lack := c.waiting(1, b.next-1)
	b.lose(lack, "forgotten", c)
	b.cities = slices.DeleteFunc(b.cities, func(x *Cursor) bool { return x == c })
	b.settle(lack)
	b.mu.Unlock()
	return lack.count(), b.Commit()
}

// A ForgetError says why a city cannot be forgotten.
type ForgetError struct{ City, Reason string }

// Error names the city.
func (e *ForgetError) Error() string { return "city " + e.City + " " + e.Reason }
