package buffer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Record implements agent.Recorder.
func (b *Buffer) Record(obs []agent.Observation) error {
	if len(obs) == 0 {
		return nil
	}
	b.mu.Lock()
	urgent, err := b.record(obs)
	// While the disk takes nothing it is asked once a second, and not for each.
	urgent = urgent && time.Now().After(b.retryAt)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if urgent && mutant != ackBeforeFlush {
		_ = b.Commit() // said once, shown by Stats, and tried again
	}
	return nil
}

// record does the work of Record and tells whether to commit at once.
func (b *Buffer) record(obs []agent.Observation) (urgent bool, err error) {
	if b.closed {
		return false, ErrClosed
	}
	for i := range obs {
		if ds := obs[i].Datastream; ds == nil || b.last(ds).ds != ds {
			return false, fmt.Errorf("observation %d: its datastream is not of this buffer", i)
		}
		if v := obs[i].Value; math.IsNaN(v) || math.IsInf(v, 0) {
			return false, fmt.Errorf("observation %d of %s: %v is no value", i, obs[i].Datastream.Name, v)
		}
	}
	b.reserve(len(obs))
	byID := func(x, y agent.Observation) int { return int(x.Datastream.ID) - int(y.Datastream.ID) }
	if !slices.IsSortedFunc(obs, byID) {
		slices.SortStableFunc(obs, byID)
	}
	now := time.Now()
	for i := range obs {
		o := &obs[i]
		o.Value = agent.Round(o.Value, o.Datastream.Resolution)
		b.stamp(o)
		b.count(o, now)
		if o.Boot != 0 && o.Boot == b.state.Boot {
			b.clock().Unset = true
		}
		urgent = urgent || o.Datastream.Class == agent.Alarm
	}
	b.push(obs, now)
	if urgent {
		b.alarm(obs[0].Seq, obs[len(obs)-1].Seq)
	}
	for i := range obs {
		b.last(obs[i].Datastream).last = obs[i]
	}
	b.shed()
	b.recorded(now)
	b.grown()
	if b.state.Reserved-b.next < seqReserve/4*3 {
		b.moved = now.Add(-checkpointEvery) // a commit is due
		b.kickCommitter()
	}
	return urgent || b.o.Strict, nil
}

// reserve begins a new epoch if there are not n numbers left: the disk has taken
// nothing for long.
func (b *Buffer) reserve(n int) {
	if b.next+uint64(n) > b.state.Reserved {
		b.startEpoch()
	}
}

// push gives observations of one instant their Seqs and keeps them in memory.
func (b *Buffer) push(obs []agent.Observation, now time.Time) {
	first := b.next
	for i := range obs {
		obs[i].Seq = b.next
		b.tail = append(b.tail, row{obs[i], now, i%maxInstant > 0})
		b.next++
	}
	b.assigned.add(first, b.next-1)
	b.witness("recorded", ranges{{From: first, To: b.next - 1}})
	if mutant == ackBeforeFlush {
		b.witness("accepted", ranges{{From: first, To: b.next - 1}})
	}
}

// stamp makes the milliseconds of a datastream strictly increasing. A time that
// is far before the last one is kept: then the clock was set.
func (b *Buffer) stamp(o *agent.Observation) {
	x, ms := b.last(o.Datastream), o.Time.UnixMilli()
	if x.milli-time.Minute.Milliseconds() < ms && ms <= x.milli {
		ms = x.milli + 1
	}
	x.milli = ms
	o.Time = time.UnixMilli(ms).UTC()
}

// newest is what the last observation of a datastream leaves for the next.
type newest struct {
	ds    *agent.Datastream
	milli int64
	last  agent.Observation
}

// last returns that of a datastream.
func (b *Buffer) last(ds *agent.Datastream) *newest {
	n := b.numbers.of(ds.ID)
	if n == len(b.newest) {
		b.newest = append(b.newest, newest{})
	}
	x := &b.newest[n]
	if x.ds != ds {
		x.ds = b.streams[ds.ID]
	}
	return x
}

// count remembers the total of a Count.
func (b *Buffer) count(o *agent.Observation, now time.Time) {
	if o.Datastream.Property.Kind != agent.Count {
		return
	}
	id := o.Datastream.ID
	if !b.resumed[id] {
		b.resumed[id] = true
		if b.unclean {
			o.Quality |= agent.Restarted
		}
	}
	if total, ok := b.totals[id]; ok && total == o.Value {
		return
	}
	b.totals[id] = o.Value
	if b.counted.IsZero() {
		b.counted = now
	}
}

// recorded is touch for observations: of many, only the first is due before the
// committer wakes anyhow.
func (b *Buffer) recorded(now time.Time) {
	if b.moved.IsZero() {
		b.moved = now
	}
	if b.wakes.After(now.Add(min(b.every, countEvery))) {
		b.kickCommitter()
	}
}

// touch notes that something changed, and wakes the committer if it sleeps long.
func (b *Buffer) touch() {
	if b.moved.IsZero() {
		b.moved = time.Now()
	}
	b.kickCommitter()
}

func (b *Buffer) kickCommitter() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// grown tells all cursors that there is something new.
func (b *Buffer) grown() {
	for _, c := range b.cities {
		c.wake()
	}
}

// Latest returns the newest observation of each datastream that has one in this
// run, in the order of their ids, whether the city has it or not.
func (c *Cursor) Latest() []agent.Observation {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	all := make([]agent.Observation, 0, len(c.b.newest))
	for _, n := range c.b.newest {
		if n.last.Seq > 0 {
			all = append(all, c.b.corrected(n.last))
		}
	}
	slices.SortFunc(all, func(x, y agent.Observation) int { return cmp.Compare(x.Datastream.ID, y.Datastream.ID) })
	return all
}
