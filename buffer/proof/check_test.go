package proof

import (
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const epoch = "00000000000000aa"

// claimed are the claims of a run that recorded 1 to 100, of which 1 to 90 were
// accepted; town has 1 to 40 and refused 41.
func claimed() *Claims {
	c := NewClaims()
	for _, line := range []string{
		"recorded 00000000000000aa 1-60\n",
		"delivered town 00000000000000aa 1-40\n",
		"refused town 00000000000000aa 41-41\n",
		"accepted 00000000000000aa 1-60\n",
		"recorded 00000000000000aa 61-100\n",
		"accepted 00000000000000aa 61-90\n",
		"recorded 00000000000000aa 500-500\n",
		"accepted 00000000000000aa 500-500\n",
	} {
		c.Line(line)
	}
	return c
}

// found is what a verifier finds after it, when the promise was kept.
func found() Report {
	return Report{
		Epoch: epoch, Seq: 500,
		Waiting: map[string]Keys{"town": {epoch: {{From: 42, To: 90}, {From: 500, To: 500}}}},
		Ledger: []agent.Notice{
			{Kind: agent.NoticeLoss, Epoch: 0xaa, From: 41, To: 41, Cause: "refused: too old", Cities: []string{"town"}},
			{Kind: agent.NoticeWindow, Epoch: 0xaa, From: 91, To: 499},
		},
		Stats: buffer.Stats{Cities: []buffer.CityStats{{Name: "town", Accepted: 91, Delivered: 40, Waiting: 50, Ledgered: 1}}},
	}
}

func TestCheckPassesWhatWasKept(t *testing.T) {
	require.NoError(t, Check(claimed(), found(), []string{"town"}))
	assert.Equal(t, Books{Accepted: 91, Delivered: 40, Waiting: 50, Ledgered: 1, Lost: Keys{}}, Audit(claimed(), found(), "town"))
}

func TestCheckFindsWhatIsBroken(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *Claims, r *Report)
		want   string
	}{
		{"an accepted one is gone", func(_ *Claims, r *Report) {
			r.Waiting["town"][epoch][0].From = 43
			r.Stats.Cities[0].Waiting, r.Stats.Cities[0].Accepted = 49, 90
		}, "town: 1 observations were accepted and are nowhere, 0 of them refused: 00000000000000aa 42-42"},
		{
			"a refused one is not in the ledger", func(_ *Claims, r *Report) { r.Ledger = r.Ledger[1:] },
			"1 of them refused",
		},
		{
			"no window", func(_ *Claims, r *Report) { r.Ledger = r.Ledger[:1] },
			"town: 10 observations were recorded and nothing names them: 00000000000000aa 91-100",
		},
		{"invented", func(_ *Claims, r *Report) {
			k := r.Waiting["town"]
			k.Add(epoch, 501, 501)
			r.Stats.Cities[0].Waiting, r.Stats.Cities[0].Accepted = 51, 92
		}, "made up: 1 observations wait for town: 00000000000000aa 501-501"},
		{
			"a wrong value", func(_ *Claims, r *Report) { r.Wrong = []string{"7: 1, want 2"} },
			"made up: 1 values: 7: 1, want 2",
		},
		{
			"a Seq twice", func(c *Claims, _ *Report) { c.Line("recorded 00000000000000aa 100-101\n") },
			"used twice: Seq 00000000000000aa 100 after 500",
		},
		{
			"books that do not add up", func(_ *Claims, r *Report) { r.Stats.Cities[0].Delivered = 39 },
			"town: accepted 91 is not delivered 39 + waiting 50 + ledgered 1",
		},
		{"books that say more waits", func(_ *Claims, r *Report) {
			r.Stats.Cities[0].Waiting, r.Stats.Cities[0].Accepted = 51, 92
		}, "town: 50 observations wait, the books say 51"},
		{
			"refused by nobody", func(c *Claims, _ *Report) { c.Refused = map[string]Keys{} },
			"town: ledgered as refused, and it did not",
		},
		{"ledgered on a disk that did what it said", func(_ *Claims, r *Report) {
			r.Ledger = append(r.Ledger, agent.Notice{Kind: agent.NoticeLoss, Epoch: 0xaa, From: 50, To: 51, Cause: "damaged: not in the log"})
		}, "town: 2 accepted observations were lost: damaged: not in the log"},
		{"a disk that takes nothing", func(_ *Claims, r *Report) { r.Failing = "page 7 already freed" }, "nothing can be written any more: page 7"},
		{"nothing new", func(_ *Claims, r *Report) { r.Seq = 0 }, "nothing new was recorded"},
		{"a city that is not known", func(_ *Claims, r *Report) { r.Stats.Cities = nil }, "town: not in the books"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, r := claimed(), found()
			tt.change(c, &r)
			assert.ErrorContains(t, Check(c, r, []string{"town"}), tt.want)
		})
	}
}

func TestCloneIsNoView(t *testing.T) {
	c := claimed()
	o := c.Clone()
	for _, line := range []string{"recorded 00000000000000aa 501-501", "accepted 00000000000000aa 92-92", "delivered town 00000000000000aa 42-42", "refused town 00000000000000aa 43-43", "recorded 00000000000000aa 1-1"} {
		o.Line(line)
	}
	assert.Equal(t, claimed(), c)
	assert.NotEmpty(t, o.Reused)
}

func TestLineLeavesOutNonsense(t *testing.T) {
	c := NewClaims()
	for _, line := range []string{"", "recorded", "recorded 00aa 1-2", "accepted 00000000000000aa 2-1", "accepted 00000000000000aa 0-1", "accepted 00000000000000aa 1", "delivered 00000000000000aa 1-2", "said 00000000000000aa 1-2"} {
		c.Line(line)
	}
	assert.Equal(t, NewClaims(), c)
}

// A set is as a map that holds each Seq.
func TestSet(t *testing.T) {
	random := uint64(1)
	next := func(n uint64) uint64 {
		random = random*6364136223846793005 + 1442695040888963407
		return random >> 33 % n
	}
	for range 300 {
		var a, b Set
		in, out := map[uint64]bool{}, map[uint64]bool{}
		for range next(12) {
			from := 1 + next(60)
			to := from + next(8)
			a.Add(from, to)
			for s := from; s <= to; s++ {
				in[s] = true
			}
			from = 1 + next(60)
			b.Add(from, from+2)
			out[from], out[from+1], out[from+2] = true, true, true
		}
		left := a.Minus(b)
		n := uint64(0)
		for s := uint64(0); s < 80; s++ {
			require.Equal(t, in[s], a.Has(s))
			require.Equalf(t, in[s] && !out[s], left.Has(s), "%d: %v minus %v is %v", s, a, b, left)
			if in[s] {
				n++
			}
		}
		require.Equal(t, n, a.Count())
		for i := 1; i < len(a); i++ {
			require.Greater(t, a[i].From, a[i-1].To+1, "ranges neither touch nor overlap")
		}
	}
}
