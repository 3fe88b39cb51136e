package buffer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inDoubt does a commit that takes place, reports an error, and leaves a file
// that cannot be opened again.
func inDoubt(t *testing.T, b *Buffer) {
	t.Helper()
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	c, undo := b.prepare(false)
	require.NoError(t, b.store.write(c))
	undo()
	b.retryAt = time.Now().Add(time.Hour)
	require.NoError(t, b.store.close())
	b.store.broken = assert.AnError
}

// A commit that failed may have taken place. Its number must not make the next
// one look as if it had.
func TestCommitInDoubtDoesNotVouchForTheNext(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	inDoubt(t, b)
	record(t, b, temperature, 10)

	for range 2 { // the file is opened again; then it is written
		if b.Commit() == nil {
			break
		}
	}
	s := closes(t, b)
	require.EqualValues(t, 20, s.Accepted, "as it says")
	after := closes(t, open(t, options(crash(t, dir), "a")))
	assert.EqualValues(t, 20, after.Accepted, "and as it is")
	assert.EqualValues(t, 20, after.Cities[0].Waiting)
}

// What a failed flush left in the page cache is not on flash: it counts only
// when it was written once more.
func TestCommitInDoubtIsWrittenOnceMore(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	record(t, b, temperature, 10)
	b.writing.Lock()
	b.mu.Lock()
	c, _ := b.prepare(false)
	b.mu.Unlock()
	require.NoError(t, b.store.write(c))
	before := b.store.journal.generation
	require.NoError(t, b.look(c, assert.AnError))
	assert.Greater(t, b.store.journal.generation, before)
	assert.NotEmpty(t, b.blocks)
	assert.NotEmpty(t, b.blocks[0].segment, "rows are elsewhere before they are written over")
	b.writing.Unlock()
}
