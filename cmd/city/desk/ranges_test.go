package desk

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The set against a map, over random histories.
func TestRangeSetAgainstMap(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var set, other rangeSet
		want, without := map[uint64]bool{}, map[uint64]bool{}
		for range 60 {
			from := 1 + r.Uint64N(120)
			add := Range{from, from + r.Uint64N(12)}
			fresh := uint64(0)
			for n := add.From; n <= add.To; n++ {
				if !want[n] {
					fresh++
				}
				want[n] = true
			}
			require.Equal(t, fresh, set.add(add), "new ones")
			if r.IntN(3) == 0 {
				from := 1 + r.Uint64N(130)
				cut := Range{from, from + r.Uint64N(6)}
				other.add(cut)
				for n := cut.From; n <= cut.To; n++ {
					without[n] = true
				}
			}
			checkSet(t, set, func(n uint64) bool { return want[n] })
			checkSet(t, set.without(other), func(n uint64) bool { return want[n] && !without[n] })
		}
	}
}

func checkSet(t *testing.T, s rangeSet, in func(uint64) bool) {
	t.Helper()
	for i, r := range s {
		require.LessOrEqual(t, r.From, r.To)
		if i > 0 {
			require.Greater(t, r.From, s[i-1].To+1, "neighbours are one range")
		}
	}
	size := uint64(0)
	for n := uint64(0); n < 160; n++ {
		has := len(rangeSet{{n, n}}.without(s)) == 0
		require.Equal(t, in(n), has, "%d in %v", n, s)
		if has {
			size++
		}
	}
	require.Equal(t, size, s.size())
}

func TestRangeSetEnds(t *testing.T) {
	var s rangeSet
	assert.Zero(t, s.add(Range{0, 5}), "Seqs begin at 1")
	assert.Zero(t, s.add(Range{5, 4}))
	assert.EqualValues(t, 2, s.add(Range{^uint64(0) - 1, ^uint64(0)}))
	assert.Zero(t, s.add(Range{^uint64(0), ^uint64(0)}))
	assert.EqualValues(t, 1, s.add(Range{1, 1}))
	assert.Len(t, s, 2)
}
