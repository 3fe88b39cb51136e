package desk

import (
	"slices"
	"sort"
)

// A Range is the Seqs From to To, both included.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// A rangeSet is a set of Seqs, as ranges in rising order with gaps between
// them. A million observations without a gap are one range.
type rangeSet []Range

// add puts r into the set and returns how many of its Seqs are new. Seqs begin
// at 1.
func (s *rangeSet) add(r Range) uint64 {
	if r.From == 0 || r.From > r.To {
		return 0
	}
	set := *s
	if n := len(set); n > 0 && r.From == set[n-1].To+1 { // the usual case
		set[n-1].To = r.To
		return r.To - r.From + 1
	}
	// set[i:j] are the ranges that r touches, neighbours included.
	i := sort.Search(len(set), func(i int) bool { return set[i].To >= r.From-1 })
	j := i
	merged, held := r, uint64(0)
	for ; j < len(set) && (r.To == ^uint64(0) || set[j].From <= r.To+1); j++ {
		held += overlap(set[j], r)
		merged.From = min(merged.From, set[j].From)
		merged.To = max(merged.To, set[j].To)
	}
	*s = slices.Replace(set, i, j, merged)
	return r.To - r.From + 1 - held
}

func overlap(a, b Range) uint64 {
	from, to := max(a.From, b.From), min(a.To, b.To)
	if from > to {
		return 0
	}
	return to - from + 1
}

// size returns how many Seqs are in the set.
func (s rangeSet) size() (n uint64) {
	for _, r := range s {
		n += r.To - r.From + 1
	}
	return n
}

// without returns the Seqs of s that are not in other.
func (s rangeSet) without(other rangeSet) rangeSet {
	var left rangeSet
	for _, r := range s {
		i := sort.Search(len(other), func(i int) bool { return other[i].To >= r.From })
		from, done := r.From, false
		for ; i < len(other) && other[i].From <= r.To; i++ {
			if other[i].From > from {
				left = append(left, Range{from, other[i].From - 1})
			}
			if other[i].To >= r.To {
				done = true
				break
			}
			from = other[i].To + 1
		}
		if !done {
			left = append(left, Range{from, r.To})
		}
	}
	return left
}
