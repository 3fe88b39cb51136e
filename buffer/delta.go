package buffer

import (
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// A commit is what is to be on flash together. write fills in what became of
// the blocks.
type commit struct {
	before  state // as the last commit left it
	state   state
	lack    ranges // all Seqs that some city lacks
	rows    []row  // new ones that some city lacks
	streams []*agent.Datastream
	gone    []blockRef // of which no city lacks anything
	first   bool       // of this run: the books may have changed in any way
	partial bool       // another follows
	notices []agent.Notice
	told    []uint64 // notices that every city has and nobody needs
	refused []Refusal
	all     []agent.Notice // with those, and without what was told

	drops bool // it is to make room

	added, removed []blockRef // by write
	saved          bool       // the refused ones are in state.db
}

// full tells whether a delta does not tell all.
func (c *commit) full() bool {
	return c.first || c.state.Clean || len(c.streams)+len(c.notices)+len(c.told) > 0 ||
		len(c.state.Epochs) != len(c.before.Epochs) || !c.sameCities() || c.holes()
}

// holes tells whether some of the Seqs since the last commit were not accepted:
// they left memory, in an earlier part of this commit.
func (c *commit) holes() bool {
	from, to := c.before.Through+1, c.state.Through
	return from <= to && c.state.Assigned.between(from, to).count() != to+1-from
}

// sameCities tells whether the cities differ in nothing but what was delivered.
func (c *commit) sameCities() bool {
	return slices.EqualFunc(c.before.Cities, c.state.Cities, func(x, y cityState) bool {
		return x.Name == y.Name && x.Notified == y.Notified && slices.Equal(x.Owed, y.Owed) && slices.Equal(x.Ledgered, y.Ledgered)
	})
}

// delta returns the frame that tells how the books changed.
func (c *commit) delta() *frame {
	f := &frame{
		kind: frameCommit, epoch: epochAt(c.state.Epochs, c.state.Through+1), commit: c.state.Commit,
		before: c.before.Through, through: c.state.Through, reserved: c.state.Reserved,
	}
	for i, x := range c.state.Cities {
		fresh := x.Delivered
		if i < len(c.before.Cities) && c.before.Cities[i].Name == x.Name {
			fresh = fresh.minus(c.before.Cities[i].Delivered)
		}
		if len(fresh) > 0 {
			if f.delivered == nil {
				f.delivered = make(map[string]ranges)
			}
			f.delivered[x.Name] = fresh
		}
	}
	for id, v := range c.state.Totals {
		if old, ok := c.before.Totals[id]; !ok || old != v {
			if f.totals == nil {
				f.totals = make(map[uint32]float64)
			}
			f.totals[id] = v
		}
	}
	return f
}

// size is about what a frame takes without its rows, and rather more.
func (f *frame) size() int {
	n := len(f.books) + 16*len(f.totals)
	for name, set := range f.delivered {
		n += len(name) + 10*len(set)
	}
	return n
}

// epochAt returns the epoch a Seq belongs to.
func epochAt(epochs []epochState, seq uint64) agent.Epoch {
	for i, e := range slices.Backward(epochs) {
		if e.From <= seq || i == 0 {
			epoch, _ := agent.ParseEpoch(e.Epoch) // checked when it was read
			return epoch
		}
	}
	return 0
}
