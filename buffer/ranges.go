package buffer

import (
	"math"
	"slices"
	"sort"

	"github.com/lamppost-city/lamppost/agent"
)

// forever is the end of a range that has none yet.
const forever = math.MaxUint64

// ranges is a set of Seqs: sorted, disjoint, with gaps between its ranges.
type ranges []agent.Range

// index returns the first range that ends at or after seq.
func (r ranges) index(seq uint64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].To >= seq })
}

// contains tells whether seq is in the set.
func (r ranges) contains(seq uint64) bool {
	i := r.index(seq)
	return i < len(r) && r[i].From <= seq
}

// next returns the first Seq from seq on that is in the set and the end of its
// range, or 0, 0.
func (r ranges) next(seq uint64) (from, to uint64) {
	i := r.index(seq)
	if i == len(r) {
		return 0, 0
	}
	return max(seq, r[i].From), r[i].To
}

// gap returns the first Seq from seq on that is not in the set, and the last
// before the set goes on.
func (r ranges) gap(seq uint64) (from, to uint64) {
	i := r.index(seq)
	if i < len(r) && r[i].From <= seq {
		if r[i].To == forever {
			return 0, 0
		}
		seq = r[i].To + 1
		i++
	}
	if i < len(r) {
		return seq, r[i].From - 1
	}
	return seq, forever
}

// add puts the Seqs from to to into the set.
func (r *ranges) add(from, to uint64) {
	if from > to {
		return
	}
	s := *r
	// The ranges that touch or overlap the new one become one with it.
	i := sort.Search(len(s), func(i int) bool { return s[i].To == forever || s[i].To+1 >= from })
	j := i
	for j < len(s) && (to == forever || s[j].From <= to+1) {
		from, to = min(from, s[j].From), max(to, s[j].To)
		j++
	}
	*r = slices.Replace(s, i, j, agent.Range{From: from, To: to})
}

// remove takes the Seqs from to to out of the set.
func (r *ranges) remove(from, to uint64) {
	if from > to {
		return
	}
	s := *r
	i := s.index(from)
	j := i
	var rest []agent.Range
	for j < len(s) && s[j].From <= to {
		if s[j].From < from {
			rest = append(rest, agent.Range{From: s[j].From, To: from - 1})
		}
		if s[j].To > to {
			rest = append(rest, agent.Range{From: to + 1, To: s[j].To})
		}
		j++
	}
	*r = slices.Replace(s, i, j, rest...)
}

// union puts all of o into the set.
func (r *ranges) union(o ranges) {
	for _, x := range o {
		r.add(x.From, x.To)
	}
}

// minus returns the Seqs that are not in o.
func (r ranges) minus(o ranges) ranges {
	var out ranges
	j := 0
	if len(r) > 0 {
		j = o.index(r[0].From)
	}
	for _, x := range r {
		rest := true
		for ; rest && j < len(o) && o[j].From <= x.To; j++ {
			if x.From < o[j].From {
				out = append(out, agent.Range{From: x.From, To: o[j].From - 1})
			}
			if rest = o[j].To < x.To; !rest {
				break // it may go on in the next
			}
			x.From = max(x.From, o[j].To+1)
		}
		if rest {
			out = append(out, x)
		}
	}
	return out
}

// and returns the Seqs that are in both sets.
func (r ranges) and(o ranges) ranges {
	if len(r) == 0 || len(o) == 0 {
		return nil
	}
	var out ranges
	for i, j := r.index(o[0].From), o.index(r[0].From); i < len(r) && j < len(o); {
		from, to := max(r[i].From, o[j].From), min(r[i].To, o[j].To)
		if from <= to {
			out = append(out, agent.Range{From: from, To: to})
		}
		if r[i].To < o[j].To {
			i++
		} else {
			j++
		}
	}
	return out
}

// between returns the part of the set from from to to.
func (r ranges) between(from, to uint64) ranges {
	if from > to {
		return nil
	}
	return r.and(ranges{{From: from, To: to}})
}

// count returns how many Seqs are in the set, which must have an end.
func (r ranges) count() uint64 {
	var n uint64
	for _, x := range r {
		n += x.To - x.From + 1
	}
	return n
}

// seqs returns the set of the Seqs of a batch.
func seqs(obs []agent.Observation) ranges {
	var r ranges
	for i := range obs {
		seq := obs[i].Seq
		if n := len(r); n > 0 && r[n-1].To+1 == seq {
			r[n-1].To = seq // mostly they rise
			continue
		}
		r.add(seq, seq)
	}
	return r
}
