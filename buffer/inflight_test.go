package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spoil makes the block that has a Seq unreadable for all but those who have
// read it.
func spoil(b *Buffer, seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, _ := b.blockAt(seq)
	b.dropped = append(b.dropped, ref)
	b.forgetBlocks([]blockRef{ref})
	b.lose(ranges{{From: ref.first, To: ref.last}}, "damaged: for the test", nil)
}

// A block that turns out to be damaged while a city is getting it is counted
// once: as delivered, or as lost.
func TestDamagedWhileInFlight(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a", "b"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())
	b = open(t, options(dir, "a", "b"))
	a := b.Cursor("a")
	arrives, comesBack := a.Backlog(4), a.Backlog(3)
	spoil(b, 1)

	s := closes(t, b)
	assert.EqualValues(t, 3, s.Cities[0].Ledgered)
	assert.EqualValues(t, 10, s.Cities[1].Ledgered)
	a.Settle(arrives, nil)
	a.Release(comesBack)
	s = closes(t, b)
	assert.EqualValues(t, 4, s.Cities[0].Delivered)
	assert.Empty(t, a.Backlog(10).Observations)
	s = closes(t, b)
	assert.EqualValues(t, 6, s.Cities[0].Ledgered)
}
