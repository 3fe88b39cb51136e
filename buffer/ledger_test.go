package buffer

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A city that refuses all it gets makes an entry a batch and reason, not one an
// observation.
func TestLedgerIsBoundedWhenAllIsRefused(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	fill(t, b)
	record(t, b, temperature, 3*refusedRows)
	c := b.Cursor("a")
	c.Settle(c.Backlog(1), nil)
	for batch := c.Backlog(1000); len(batch.Observations) > 0; batch = c.Backlog(1000) {
		reasons := make(map[uint64]string)
		for i, s := range numbers(batch) {
			reasons[s] = fmt.Sprint("reason ", i%2)
		}
		c.Settle(batch, reasons)
	}
	assert.Len(t, b.Ledger(), 2*3*refusedRows/1000)
	b.mu.Lock()
	assert.LessOrEqual(t, len(b.refused), refusedRows)
	b.mu.Unlock()
	var n uint64
	for _, x := range b.Ledger() {
		n += x.Count
	}
	assert.EqualValues(t, 3*refusedRows, n)
	require.NoError(t, b.Commit()) // nothing is lacked: there is room
	assert.EqualValues(t, n, closes(t, b).Cities[0].Ledgered)
}

// Two cities that refuse the same observation are two refusals.
func TestRefusedByTwo(t *testing.T) {
	b := open(t, options(t.TempDir(), "a", "b"))
	record(t, b, temperature, 1)
	for _, name := range []string{"a", "b"} {
		c := b.Cursor(name)
		c.Settle(c.Backlog(1), map[uint64]string{1: "no, says " + name})
	}
	require.NoError(t, b.Commit())
	all, err := b.Refused()
	require.NoError(t, err)
	assert.Len(t, all, 2)
}

// A city that refuses one datastream for ever makes an entry a day, and is told
// of it each time; a power cut brings no old form of it back.
func TestLedgerIsBoundedWhenOneIsRefusedForEver(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a", "b"))
	const n = 300
	record(t, b, temperature, 2*n)
	require.NoError(t, b.Commit())
	c := b.Cursor("a")
	for i := range n {
		batch := c.Backlog(2)
		c.Settle(batch, map[uint64]string{batch.Observations[0].Seq: "no such property"})
		if i%10 == 0 {
			require.NoError(t, b.Commit())
			notices := c.Notices(10)
			require.Len(t, notices, 1)
			assert.EqualValues(t, i+1, notices[0].Count)
			c.Notified(notices[0].ID)
		}
	}
	require.NoError(t, b.Commit())
	for _, b := range []*Buffer{b, open(t, options(crash(t, dir), "a", "b"))} {
		all := b.Ledger()
		assert.EqualValues(t, n, all[0].Count)
		assert.Equal(t, uint64(1), all[0].From)
		assert.Len(t, all[0].Ranges, n)
		assert.Equal(t, []string{"a"}, all[0].Cities)
		assert.LessOrEqual(t, len(all), 2, "and perhaps a window")
		assert.EqualValues(t, n, closes(t, b).Cities[0].Ledgered)
		verified(t, b)
	}
}

// A loss over two epochs is two entries: what is named is an epoch and its Seqs.
func TestLossOverTwoEpochs(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	record(t, b, temperature, 5)
	first := b.Stats().Epoch
	b.mu.Lock()
	b.startEpoch()
	b.mu.Unlock()
	record(t, b, temperature, 5)
	require.NoError(t, b.Commit())
	b.mu.Lock()
	b.lose(ranges{{From: 2, To: 8}}, "for the test", nil)
	b.mu.Unlock()
	require.NoError(t, b.Commit())
	all := b.Ledger()
	require.Len(t, all, 2)
	assert.Equal(t, []any{first, uint64(2), uint64(5), uint64(4)}, []any{all[0].Epoch.String(), all[0].From, all[0].To, all[0].Count})
	assert.Equal(t, []any{b.Stats().Epoch, uint64(6), uint64(8), uint64(3)}, []any{all[1].Epoch.String(), all[1].From, all[1].To, all[1].Count})
	verified(t, b)
}
