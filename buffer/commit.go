package buffer

import (
	"fmt"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Commit writes all that some city lacks and all cursors, and returns when it
// is on flash.
func (b *Buffer) Commit() error {
	answer := make(chan error, 1)
	select {
	case b.requests <- answer:
		return <-answer
	case <-b.done:
		return ErrClosed
	}
}

// run is the committer: the one goroutine that writes.
func (b *Buffer) run() {
	defer close(b.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-b.quit:
			return
		case answer := <-b.requests:
			answer <- b.commit(false)
		case <-b.kick:
		case <-timer.C:
		}
		wait := b.untilDue()
		if wait <= 0 {
			_ = b.commit(false) // logged and tried again
			wait = b.untilDue()
		}
		timer.Reset(max(wait, time.Millisecond))
	}
}

// untilDue returns how long the next commit can wait.
func (b *Buffer) untilDue() time.Duration {
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
	earlier(b.pendingSince(), b.o.CommitEvery)
	if b.settled > 0 {
		earlier(b.settleAt, settleEvery)
		if b.settled >= settleRows {
			due = now
		}
	}
	if due.Before(b.retryAt) {
		due = b.retryAt
	}
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

// commit writes one transaction of all that changed. Memory changes only when
// it is known to be on flash. Only one goroutine calls it.
func (b *Buffer) commit(clean bool) error {
	b.mu.Lock()
	c, undo := b.prepare(clean)
	b.busy = time.Now()
	b.mu.Unlock()

	err := b.room(c)
	if err == nil && !(mutant == skipFlush && len(c.blocks) > 0) {
		if err = b.disk.write(c); err != nil {
			err = b.look(c, err)
		}
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = time.Time{}
	if err != nil {
		undo()
		b.fail(err)
		return err
	}
	if b.failing != nil {
		b.o.Log.Info("the disk takes observations again")
		b.failing = nil
	}
	b.apply(c)
	return nil
}

// prepare collects what changed. undo puts back what was taken out of the
// books for it.
func (b *Buffer) prepare(clean bool) (c *commit, undo func()) {
	b.retain()
	last := b.next - 1
	lack := b.lacking(1, last)
	c = &commit{state: b.state}
	// A number is never given twice: one that failed may have taken place.
	b.attempt = max(b.attempt, b.state.Commit) + 1
	c.state.Commit = b.attempt
	c.state.Clean = clean
	c.state.Through = last
	c.state.Reserved = last
	if !clean {
		c.state.Reserved += seqReserve
	}
	c.state.Assigned = slices.Clone(b.assigned)
	c.state.Totals = make(map[uint32]float64, len(b.totals))
	for id, v := range b.totals {
		c.state.Totals[id] = v
	}
	c.state.Cities = nil
	for _, x := range b.cities {
		s := x.s
		s.Owed, s.Delivered, s.Ledgered = slices.Clone(s.Owed), slices.Clone(s.Delivered), slices.Clone(s.Ledgered)
		c.state.Cities = append(c.state.Cities, s)
	}
	c.streams = b.newStream
	c.notices = b.notices[len(b.notices)-b.fresh:]
	c.told = b.told()
	c.refused, c.damaged = b.refused, b.damaged
	c.gone = slices.Clone(b.dropped)
	for _, ref := range b.blocks {
		if from, _ := lack.next(ref.first); from == 0 || from > ref.last {
			c.gone = append(c.gone, ref)
		}
	}
	b.encode(c, lack.between(b.flushed+1, last))
	counted, settled, settleAt, moved := b.counted, b.settled, b.settleAt, b.moved
	b.counted, b.settled, b.moved = time.Time{}, 0, time.Time{}
	return c, func() {
		b.counted, b.moved = earliest(counted, b.counted), earliest(moved, b.moved)
		if settled > 0 {
			b.settled, b.settleAt = b.settled+settled, settleAt
		}
	}
}

// earliest returns the earlier of two times, of which zero is none.
func earliest(x, y time.Time) time.Time {
	if x.IsZero() || !y.IsZero() && y.Before(x) {
		return y
	}
	return x
}

// encode makes blocks of the rows in memory that are in set.
func (b *Buffer) encode(c *commit, set ranges) {
	var rows []row
	flush := func() {
		if len(rows) == 0 {
			return
		}
		data := b.codec.append(nil, rows)
		c.blocks = append(c.blocks, blockRef{rows[0].Seq, rows[len(rows)-1].Seq, len(data)})
		c.data = append(c.data, data)
		rows = rows[:0]
	}
	for _, r := range set {
		for _, x := range b.inTail(r.From, r.To) {
			if len(rows) >= blockRows && !x.joins {
				flush()
			}
			rows = append(rows, x)
		}
	}
	flush()
}

// room says no when the file system has less free than is to be left.
func (b *Buffer) room(c *commit) error {
	if len(c.blocks) == 0 {
		return nil
	}
	free, err := b.free()
	if err != nil {
		return err
	}
	if free < uint64(b.o.MinFree) {
		return fmt.Errorf("%s: %d MB free, %d MB are to be left: disk full", b.o.Dir, free>>20, b.o.MinFree>>20)
	}
	return nil
}

// look closes and opens the file after a commit error, to see whether the
// commit took place all the same.
func (b *Buffer) look(c *commit, failed error) error {
	b.mu.Lock() // those who read the file hold it too
	defer b.mu.Unlock()
	if err := b.disk.reopen(); err != nil {
		return fmt.Errorf("commit: %w (and then: %v)", failed, err)
	}
	if found, err := b.disk.load(); err == nil && found.found && found.state.Commit == c.state.Commit {
		// This was read from the page cache, which keeps what a failed flush did
		// not write. Another transaction writes the other meta page and flushes.
		if err := b.disk.confirm(); err != nil {
			return fmt.Errorf("commit: %w (and then: %v)", failed, err)
		}
		return nil
	}
	return fmt.Errorf("commit: %w", failed)
}

// apply makes a commit that is on flash part of the books in memory.
func (b *Buffer) apply(c *commit) {
	last := c.state.Through
	accepted := b.assigned.between(b.flushed+1, last).minus(b.early)
	b.witness("accepted", accepted)
	b.flushed = max(b.flushed, last)
	b.early.remove(1, b.flushed)
	notice, epochs, reserved := b.state.Notice, b.state.Epochs, b.state.Reserved
	b.state = c.state
	b.state.Notice = notice // may have gone on since
	if len(epochs) > len(c.state.Epochs) {
		b.state.Epochs, b.state.Reserved = epochs, reserved
	}
	b.newStream = b.newStream[len(c.streams):]
	b.fresh -= len(c.notices)
	b.refused = b.refused[len(c.refused):]
	b.damaged = b.damaged[len(c.damaged):]
	b.dropped = slices.DeleteFunc(b.dropped, func(r blockRef) bool { return slices.Contains(c.gone, r) })
	b.notices = slices.DeleteFunc(b.notices, func(n agent.Notice) bool { return slices.Contains(c.told, n.ID) })
	for _, ref := range c.gone {
		b.forgetBlock(ref)
	}
	for _, ref := range c.blocks {
		b.blocks = append(b.blocks, ref)
		b.logBytes += ref.cost()
	}
	b.commits++
	b.trim()
	if len(c.notices) > 0 || b.o.Strict {
		b.grown()
	}
}

// forgetBlock takes a block out of the list.
func (b *Buffer) forgetBlock(ref blockRef) {
	if i := slices.Index(b.blocks, ref); i >= 0 {
		b.blocks = slices.Delete(b.blocks, i, i+1)
		b.logBytes -= ref.cost()
	}
}

// fail notes that the disk takes nothing, and says so once.
func (b *Buffer) fail(err error) {
	if b.failing == nil {
		b.o.Log.Error("the disk takes nothing; observations are in memory only", "err", err)
	}
	b.failing = err
	b.retryAt = time.Now().Add(retryAfter)
}
