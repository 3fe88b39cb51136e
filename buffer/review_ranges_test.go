package buffer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scattered returns n single Seqs, every second from one on.
func scattered(from uint64, n int) (r ranges) {
	for i := range uint64(n) {
		r.add(from+2*i, from+2*i)
	}
	return r
}

// A city that refuses every second observation makes many ranges. Books of 100,000
// are counted in no time, under the lock that all wait for.
func TestManyRangesAreNotSlow(t *testing.T) {
	const n = 100_000
	delivered, ledgered := scattered(1, n), scattered(2, n)
	all := ranges{{From: 1, To: 2*n + 500}}
	begun := time.Now()
	waiting := all.minus(delivered).minus(ledgered)
	assert.Equal(t, ranges{{From: 2*n + 1, To: 2*n + 500}}, waiting)
	assert.Less(t, time.Since(begun), time.Second)

	begun = time.Now()
	for i := range uint64(500) {
		require.Len(t, all.between(2*n+i, 2*n+i).and(all).minus(delivered).minus(ledgered), int(min(i, 1)))
	}
	assert.Less(t, time.Since(begun), 500*time.Millisecond)
}

// minus and and, against one Seq after the other.
func TestMinusAndAnd(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() (r ranges) {
		for range random.IntN(8) {
			from := 1 + random.Uint64N(40)
			r.add(from, from+random.Uint64N(6))
		}
		if random.IntN(4) == 0 {
			r.add(30+random.Uint64N(20), forever)
		}
		return r
	}
	for range 3000 {
		x, y := some(), some()
		before := x.minus(nil)
		less, both := x.minus(y), x.and(y)
		for s := range uint64(60) {
			require.Equal(t, x.contains(s) && !y.contains(s), less.contains(s), "%v - %v", x, y)
			require.Equal(t, x.contains(s) && y.contains(s), both.contains(s), "%v & %v", x, y)
		}
		for _, r := range []ranges{less, both} {
			var again ranges
			again.union(r)
			require.Equal(t, again, r, "sorted, disjoint, with gaps")
		}
		require.Equal(t, before, x)
	}
}
