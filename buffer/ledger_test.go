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
	assert.LessOrEqual(t, len(b.refused), refusedRows)
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
