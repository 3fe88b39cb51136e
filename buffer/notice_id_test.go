package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Books too large for the journal are written before their commit, with notices
// that its state does not count yet. After a crash in between, no other notice
// has the id of one of them: one of the two would be dropped.
func TestNoticeIDsAfterACrashBetweenBooks(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 3)
	require.NoError(t, b.Commit())
	c := b.Cursor("a")
	batch := c.Backlog(3)
	c.Settle(batch, map[uint64]string{2: "no such property"})
	b.mu.Lock()
	next, _ := b.prepare(false)
	b.store.notices = next.all
	require.NoError(t, b.store.save(next, next.before))
	b.mu.Unlock()

	dir = crash(t, dir)
	b = open(t, options(dir, "a"))
	require.Len(t, b.Ledger(), 2, "the refused one, and the window")
	after := open(t, options(crash(t, dir), "a")).Ledger()
	assert.Len(t, after, 3, "and the next window")
}
