package proof

import (
	"slices"
	"sort"

	"github.com/lamppost-city/lamppost/agent"
)

// A Set is a set of Seqs: sorted ranges that neither touch nor overlap. It is
// written anew here, so that a mistake in the buffer's own is noticed.
type Set []agent.Range

// Add puts the Seqs from to to into the set.
func (s *Set) Add(from, to uint64) {
	if from > to {
		return
	}
	i := sort.Search(len(*s), func(i int) bool { return (*s)[i].To+1 >= from || (*s)[i].To+1 == 0 })
	j := i
	for ; j < len(*s) && (to+1 == 0 || (*s)[j].From <= to+1); j++ {
		from, to = min(from, (*s)[j].From), max(to, (*s)[j].To)
	}
	*s = slices.Replace(*s, i, j, agent.Range{From: from, To: to})
}

// Has tells whether a Seq is in the set.
func (s Set) Has(seq uint64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].To >= seq })
	return i < len(s) && s[i].From <= seq
}

// Max returns the highest Seq, or 0.
func (s Set) Max() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].To
}

// Count returns how many Seqs are in the set.
func (s Set) Count() (n uint64) {
	for _, r := range s {
		n += r.To - r.From + 1
	}
	return n
}

// Minus returns the Seqs of s that are not in o.
func (s Set) Minus(o Set) (out Set) {
	j := 0
	for _, r := range s {
		from, left := r.From, true
		for j < len(o) && o[j].To < from {
			j++
		}
		for k := j; left && k < len(o) && o[k].From <= r.To; k++ {
			if o[k].From > from {
				out = append(out, agent.Range{From: from, To: o[k].From - 1})
			}
			left = o[k].To < r.To
			from = o[k].To + 1
		}
		if left {
			out = append(out, agent.Range{From: from, To: r.To})
		}
	}
	return out
}

// Keys are sets of Seqs by epoch.
type Keys map[string]Set

// Add puts the Seqs from to to of an epoch in.
func (k Keys) Add(epoch string, from, to uint64) {
	s := k[epoch]
	s.Add(from, to)
	k[epoch] = s
}

// Count returns how many keys there are.
func (k Keys) Count() (n uint64) {
	for _, s := range k {
		n += s.Count()
	}
	return n
}

// Minus returns the keys of k that are in none of others.
func (k Keys) Minus(others ...Keys) Keys {
	out := make(Keys)
	for epoch, s := range k {
		for _, o := range others {
			s = s.Minus(o[epoch])
		}
		if len(s) > 0 {
			out[epoch] = s
		}
	}
	return out
}

func (k Keys) clone() Keys {
	out := make(Keys, len(k))
	for epoch, s := range k {
		out[epoch] = slices.Clone(s)
	}
	return out
}
