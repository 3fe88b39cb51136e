package buffer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
)

// TestRangesAgainstMap compares every operation with a map of single Seqs.
func TestRangesAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const size = 60
	var r ranges
	set := make(map[uint64]bool)
	for range 5000 {
		from := 1 + random.Uint64N(size)
		to := from + random.Uint64N(8)
		var other ranges
		other.add(from, to)
		switch random.IntN(4) {
		case 0, 1:
			r.add(from, to)
			for s := from; s <= to; s++ {
				set[s] = true
			}
		case 2:
			r.remove(from, to)
			for s := from; s <= to; s++ {
				delete(set, s)
			}
		case 3:
			other.add(to+3, to+9)
			both, only := r.and(other), r.minus(other)
			for s := range uint64(size + 30) {
				require.Equal(t, set[s] && other.contains(s), both.contains(s))
				require.Equal(t, set[s] && !other.contains(s), only.contains(s))
			}
		}
		require.EqualValues(t, len(set), r.count())
		require.True(t, slices.IsSortedFunc(r, func(a, b agent.Range) int { return int(a.From) - int(b.From) }))
		for i := 1; i < len(r); i++ {
			require.Greater(t, r[i].From, r[i-1].To+1, "ranges that touch are one")
		}
		for s := range uint64(size + 20) {
			require.Equal(t, set[s], r.contains(s))
			checkNext(t, r, set, s, size+40)
		}
	}
}

func checkNext(t *testing.T, r ranges, set map[uint64]bool, s, end uint64) {
	t.Helper()
	from, _ := r.next(s)
	want := uint64(0)
	for x := s; x < end; x++ {
		if set[x] {
			want = x
			break
		}
	}
	require.Equal(t, want, from)
	gap, to := r.gap(s)
	for x := s; x < gap; x++ {
		require.True(t, set[x])
	}
	for x := gap; x <= min(to, end); x++ {
		require.False(t, set[x])
	}
}

func TestRangesForever(t *testing.T) {
	var r ranges
	r.add(10, forever)
	r.add(5, 9)
	require.Equal(t, ranges{{From: 5, To: forever}}, r)
	from, to := r.gap(7)
	require.Zero(t, from)
	require.Zero(t, to)
	r.remove(100, forever)
	require.Equal(t, ranges{{From: 5, To: 99}}, r)
}
