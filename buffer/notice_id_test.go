package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Books of one commit may be there twice, once with a notice of the next, which
// did not take place. It was never told, and what it names is not ledgered: it is
// gone, and no other is dropped for its id.
func TestNoticeIDsAfterACrashBetweenBooks(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 3)
	require.NoError(t, b.Commit())
	b.writing.Lock() // nothing is committed meanwhile
	defer b.writing.Unlock()
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
	require.Len(t, b.Ledger(), 1, "the window")
	after := open(t, options(crash(t, dir), "a")).Ledger()
	assert.Len(t, after, 2, "and the next window")
	verified(t, b)
}
