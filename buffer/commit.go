package buffer

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"golang.org/x/sys/unix"
)

// Commit writes all that some city lacks and all cursors, and returns when it
// is on flash.
func (b *Buffer) Commit() error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	closed := b.closed || b.store.readOnly
	b.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return b.commit(false)
}

// run is the committer: it writes when the time has come.
func (b *Buffer) run() {
	defer close(b.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-b.quit:
			return
		case <-b.kick:
		case <-timer.C:
		}
		wait := b.untilDue()
		if wait <= 0 {
			_ = b.Commit() // logged and tried again
			wait = b.untilDue()
		}
		timer.Reset(max(wait, time.Millisecond))
	}
}

// untilDue returns how long the next commit can wait.
func (b *Buffer) untilDue() time.Duration {
	every := b.interval()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	due := now.Add(checkpointEvery)
	earlier := func(since time.Time, after time.Duration) {
		if !since.IsZero() && since.Add(after).Before(due) {
			due = since.Add(after)
		}
	}
	earlier(b.moved, checkpointEvery)
	earlier(b.counted, countEvery)
	earlier(b.pendingSince(), every)
	if b.settled > 0 {
		earlier(b.settleAt, settleEvery)
		if b.settled >= settleRows {
			due = now
		}
	}
	if due.Before(b.retryAt) {
		due = b.retryAt
	}
	b.wakes, b.every = due, every
	return due.Sub(now)
}

// pendingSince returns when the oldest pending observation was recorded, or zero.
func (b *Buffer) pendingSince() time.Time {
	for _, r := range b.pending() {
		if rows := b.inTail(r.From, r.To); len(rows) > 0 {
			return rows[0].at
		}
	}
	return time.Time{}
}

// pending returns the Seqs that are recorded and not accepted.
func (b *Buffer) pending() ranges {
	return b.assigned.between(b.flushed+1, b.next-1).minus(b.early)
}

// commit writes all that changed, in parts if it is much. Who calls it holds
// b.writing.
func (b *Buffer) commit(clean bool) error {
	for {
		b.retain()
		done, err := b.commitPart(clean)
		switch {
		case full(err) && b.reduce("min_free: the disk is full"):
		case err != nil:
			b.fail(err)
			return err
		case done:
			return nil
		}
	}
}

// commitPart writes the next part, and tells whether it was the last. Memory
// changes only when it is known to be on flash.
func (b *Buffer) commitPart(clean bool) (done bool, err error) {
	b.mu.Lock()
	c, undo := b.prepare(clean)
	b.busy = time.Now()
	b.mu.Unlock()

	if !(mutant == skipFlush && len(c.rows) > 0) {
		err = b.write(c)
		if moved := len(c.added)+len(c.removed) > 0; err != nil && (moved || !errors.Is(err, errNoRoom)) {
			err = b.look(c, err)
		}
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = time.Time{}
	if err != nil {
		undo()
		return false, err
	}
	if b.failing != nil {
		b.o.Log.Info("the disk takes observations again")
		b.failing = nil
	}
	b.apply(c)
	return !c.partial, nil
}

// write makes a commit durable. Frames are written over only when those who read
// know where else their rows are.
func (b *Buffer) write(c *commit) error {
	if err := b.store.start(c); err != nil {
		return err
	}
	b.mu.Lock()
	b.place(&commit{added: c.added, removed: c.removed})
	b.mu.Unlock()
	c.added, c.removed = nil, nil
	return b.store.write(c)
}

// full tells whether an error says that there is no space.
func full(err error) bool {
	return errors.Is(err, errNoRoom) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// partEnd returns the last Seq that the next part of a commit covers: all, but
// for what would not fit the journal at once. What makes room goes first.
func (b *Buffer) partEnd() uint64 {
	if len(b.dropped) > 0 {
		return b.flushed
	}
	rows := b.inTail(b.flushed+1, b.next-1)
	if len(rows) <= b.store.commitRows() {
		return b.next - 1
	}
	rows = whole(rows, b.store.commitRows(), true)
	return rows[len(rows)-1].Seq
}

// prepare collects what changed. undo puts back what was taken out of the
// books for it.
func (b *Buffer) prepare(clean bool) (c *commit, undo func()) {
	last := b.partEnd()
	partial := last < b.next-1
	lack := b.lacking(1, b.next-1)
	c = &commit{partial: partial, before: b.committed, state: b.stateAt(last, clean && !partial), lack: lack, first: b.commits == 0}
	c.streams = b.newStream
	c.notices = b.fresh()
	c.told = b.told()
	c.all = slices.DeleteFunc(slices.Clone(b.notices), func(n agent.Notice) bool { return slices.Contains(c.told, n.ID) })
	c.refused = b.refused
	c.gone, c.drops = slices.Clone(b.dropped), len(b.dropped) > 0
	fresh := lack.between(b.flushed+1, last)
	for _, ref := range b.blocks {
		if from, _ := lack.next(ref.first); from == 0 || from > ref.last {
			c.gone = append(c.gone, ref)
		}
		if ref.last > b.flushed {
			fresh.remove(ref.first, ref.last) // by a commit that seemed to fail
		}
	}
	c.rows = append(b.scratch[:0], b.carry...)
	for _, r := range fresh {
		c.rows = append(c.rows, b.inTail(r.From, r.To)...)
	}
	if b.scratch = c.rows; cap(c.rows) > keepRows {
		b.scratch = nil // so many are rare
	}
	counted, settled, settleAt, moved := b.counted, b.settled, b.settleAt, b.moved
	b.counted, b.settled, b.moved = time.Time{}, 0, time.Time{}
	return c, func() {
		b.counted, b.moved = earliest(counted, b.counted), earliest(moved, b.moved)
		if settled > 0 {
			b.settled, b.settleAt = b.settled+settled, settleAt
		}
	}
}

// stateAt returns what the books say of all up to a Seq.
func (b *Buffer) stateAt(last uint64, clean bool) state {
	s := b.state
	// A number is never given twice: one that failed may have taken place.
	b.attempt = max(b.attempt, b.state.Commit) + 1
	s.Commit = b.attempt
	s.Clean = clean
	s.Through = last
	s.Reserved = b.next - 1
	if !clean {
		s.Reserved += seqReserve
	}
	s.Assigned = b.assigned.between(1, last)
	s.Totals, s.Clocks = maps.Clone(b.totals), slices.Clone(b.clocks)
	s.Cities = nil
	for _, x := range b.cities {
		// Of what comes after, the commit knows nothing yet.
		x := x.s
		x.Owed, x.Delivered, x.Ledgered = slices.Clone(x.Owed), x.Delivered.between(1, last), x.Ledgered.between(1, last)
		s.Cities = append(s.Cities, x)
	}
	return s
}

// earliest returns the earlier of two times, of which zero is none.
func earliest(x, y time.Time) time.Time {
	if x.IsZero() || !y.IsZero() && y.Before(x) {
		return y
	}
	return x
}

// apply makes a commit that is on flash part of the books in memory.
func (b *Buffer) apply(c *commit) {
	last := c.state.Through
	accepted := b.assigned.between(b.flushed+1, last).minus(b.early)
	b.witness("accepted", accepted)
	b.flushed = max(b.flushed, last)
	b.early.remove(1, b.flushed)
	notice, epochs, reserved := b.state.Notice, b.state.Epochs, b.state.Reserved
	b.state, b.committed = c.state, c.state
	b.state.Notice = notice // may have gone on since
	if len(epochs) > len(c.state.Epochs) {
		b.state.Epochs, b.state.Reserved = epochs, reserved
	}
	b.newStream = b.newStream[len(c.streams):]
	if c.saved {
		b.refused = b.refused[len(c.refused):]
	}
	b.dropped = slices.DeleteFunc(b.dropped, func(r blockRef) bool { return slices.Contains(c.gone, r) })
	b.notices = slices.DeleteFunc(b.notices, func(n agent.Notice) bool { return slices.Contains(c.told, n.ID) })
	b.place(c)
	if c.drops {
		b.carry = nil
	}
	b.commits++
	b.trim()
	if len(c.notices) > 0 || b.o.Strict {
		b.grown()
	}
}

// fail notes that the disk takes nothing, and says so once.
func (b *Buffer) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing == nil {
		b.o.Log.Error("the disk takes nothing; observations are in memory only", "err", err)
	}
	b.failing = err
	b.retryAt = time.Now().Add(retryAfter)
}
