package buffer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// retain makes the log smaller when it is larger than it may be.
func (b *Buffer) retain() {
	if b.store.segments.size() > b.o.MaxSize {
		b.reduce("max_size: the buffer is full")
	}
}

// reduce gives the space of the oldest segment back that nobody is getting just
// now: of what some city lacks in it alarms are kept, measurements are thinned,
// and the rest is dropped, with a ledger entry. It tells whether there was one.
// Only the committer calls it.
func (b *Buffer) reduce(cause string) bool {
	b.mu.Lock()
	refs := b.reducible()
	lack := b.lacking(1, b.next-1)
	b.mu.Unlock()
	if len(refs) == 0 {
		return false
	}
	t := newThinner()
	var scratch []row
	for _, ref := range refs {
		rows, err := b.store.rows(ref, &b.store.reader, b.store.table, scratch[:0])
		if errors.Is(err, errDamaged) {
			b.o.Log.Error("a block cannot be read", "err", err)
			b.store.spoil(ref)
			continue // it is dropped
		}
		if err != nil {
			return false
		}
		scratch = rows
		for _, r := range lack.between(ref.first, ref.last) {
			t.add(rows[sortedSeq(rows, r.From):sortedSeq(rows, r.To+1)])
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(refs, func(r blockRef) bool { return b.inFlight(r.first, r.last) }) {
		return false // since just now
	}
	b.replace(refs, t, cause)
	return true
}

// reducible returns the blocks of the oldest segment of which nothing is in
// flight, unless one is being dropped. How old one is its last block tells: the
// first may have been carried over.
func (b *Buffer) reducible() (refs []blockRef) {
	if len(b.dropped) > 0 {
		return nil
	}
	newest, busy := make(map[string]uint64), make(map[string]bool)
	for _, ref := range b.blocks {
		if ref.segment != "" {
			newest[ref.segment] = max(newest[ref.segment], ref.last)
			busy[ref.segment] = busy[ref.segment] || b.inFlight(ref.first, ref.last)
		}
	}
	oldest := ""
	for name, last := range newest {
		if !busy[name] && (oldest == "" || last < newest[oldest]) {
			oldest = name
		}
	}
	for _, ref := range b.blocks {
		if oldest != "" && ref.segment == oldest {
			refs = append(refs, ref)
		}
	}
	return refs
}

// replace takes blocks out of the log, and puts in what they were thinned to.
func (b *Buffer) replace(refs []blockRef, t *thinner, cause string) {
	var lost ranges
	for _, ref := range refs {
		lost.add(ref.first, ref.last)
	}
	b.carry = b.store.fitting(t.alarms)
	lost = lost.minus(runs(b.carry))
	for _, r := range t.alarms[:len(t.alarms)-len(b.carry)] {
		t.names[r.Datastream.Name] = true
	}
	behind := make(map[*Cursor]bool)
	for _, c := range b.cities {
		behind[c] = slices.ContainsFunc(lost, func(r agent.Range) bool { return len(c.waiting(r.From, r.To)) > 0 })
	}
	summaries := t.result(b.datastream)
	n := 0
	for _, obs := range summaries {
		n += len(obs)
	}
	if n > 0 {
		cause = fmt.Sprintf("%s; thinned to %d summaries of %v", cause, n, t.window)
	}
	b.dropped = append(b.dropped, refs...)
	b.forgetBlocks(refs)
	b.lose(lost, cause, nil, slices.Sorted(maps.Keys(t.names))...)
	first := b.next
	b.reserve(n)
	now := time.Now()
	for _, obs := range summaries {
		b.push(obs, now)
	}
	for c := range behind {
		if n > 0 && !behind[c] {
			c.s.Owed.remove(first, b.next-1) // it has what they sum up
		}
	}
	b.grown()
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
	for _, part := range b.byEpoch(lost) {
		b.notice(agent.Notice{
			Kind: agent.NoticeLoss, From: part[0].From, To: part[len(part)-1].To, Ranges: part,
			Count: part.count(), Cause: "ram: the disk took nothing; never accepted",
		})
	}
}
