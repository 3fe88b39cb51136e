package buffer

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A batch that was under way when the city went away stays handed out for as
// long as that lasts. It must not keep memory from being bounded.
func TestMemoryIsBoundedWhileABatchIsHeld(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	fill(t, b)
	c := b.Cursor("a")
	c.Connected(true)
	record(t, b, temperature, 20)
	record(t, b, temperature, 10)
	held := c.Live(20)
	record(t, b, temperature, maxPendingRows+5000)
	b.mu.Lock()
	assert.LessOrEqual(t, len(b.tail), maxPendingRows)
	b.mu.Unlock()
	closes(t, b)

	empty(b)
	require.NoError(t, b.Commit())
	c.Settle(held, nil)
	s := closes(t, b)
	var never uint64
	for _, n := range b.Ledger() {
		never += n.Count
		for _, r := range n.Ranges {
			assert.False(t, slices.ContainsFunc(numbers(held), func(s uint64) bool { return r.From <= s && s <= r.To }), "in flight")
		}
	}
	assert.EqualValues(t, maxPendingRows+5031, s.Accepted+never)
	assert.EqualValues(t, 20, s.Cities[0].Delivered)
	var got []uint64
	c.Connected(true)
	for batch := c.Backlog(1000); len(batch.Observations) > 0; batch = c.Backlog(1000) {
		got = append(got, numbers(batch)...)
	}
	assert.EqualValues(t, s.Cities[0].Waiting, len(got), "all that waits is there")
	for _, n := range b.Ledger() {
		assert.Contains(t, n.Cause, "ram", "nothing is found missing")
	}
}
