package buffer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A card that was remounted read-only cannot be opened again after a commit
// error. What is on it is not damaged: it waits.
func TestWhatCannotBeAskedForIsNotDamaged(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())
	b = open(t, options(dir, "a"))
	record(t, b, temperature, 3)
	b.writing.Lock()
	b.mu.Lock()
	require.NoError(t, b.store.close())
	b.store.broken = assert.AnError // as look leaves it when the files cannot be opened
	b.retryAt = time.Now().Add(time.Hour)
	b.mu.Unlock()
	b.writing.Unlock()

	c := b.Cursor("a")
	assert.Empty(t, c.Backlog(100).Observations)
	s := closes(t, b)
	assert.Zero(t, s.Cities[0].Ledgered)
	assert.EqualValues(t, 10, s.Cities[0].Waiting)
	assert.Empty(t, b.Ledger())
	_ = b.Commit() // opens it again
	require.NoError(t, b.Commit())
	assert.Equal(t, from(1, 13), append(numbers(c.Backlog(10)), numbers(c.Backlog(100))...))
}
