package buffer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// inDoubt does a commit that takes place, reports an error, and leaves a file
// that cannot be opened again.
func inDoubt(t *testing.T, b *Buffer) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	c, undo := b.prepare(false)
	require.NoError(t, b.disk.write(c))
	undo()
	b.retryAt = time.Now().Add(time.Hour)
	require.NoError(t, b.disk.db.Close())
	b.disk.db = nil
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

// What was kept of a damaged block stays when the commit that moved it aside is
// done again.
func TestDamagedBlockIsKeptWhenTheCommitIsDoneAgain(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Commit())
	b.mu.Lock()
	ref := b.blocks[0]
	b.damaged = append(b.damaged, ref)
	b.forgetBlock(ref)
	b.lose(ranges{{From: ref.first, To: ref.last}}, "damaged: for the test", nil)
	b.mu.Unlock()
	inDoubt(t, b)
	_ = b.Commit()
	require.NoError(t, b.Commit())
	var kept []byte
	require.NoError(t, b.disk.db.View(func(tx *bbolt.Tx) error {
		kept = append(kept, tx.Bucket(bucketDamaged).Get(ref.key())...)
		return nil
	}))
	assert.Len(t, kept, ref.size, "nothing unreadable is deleted")
}

// What a failed flush left in the page cache is not on flash: it counts only
// after another transaction.
func TestCommitInDoubtIsWrittenOnceMore(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	record(t, b, temperature, 10)
	b.mu.Lock()
	c, _ := b.prepare(false)
	b.mu.Unlock()
	require.NoError(t, b.disk.write(c))
	before := transaction(t, b)
	require.NoError(t, b.look(c, assert.AnError))
	assert.Greater(t, transaction(t, b), before)
}

func transaction(t *testing.T, b *Buffer) (id int) {
	t.Helper()
	require.NoError(t, b.disk.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }))
	return id
}
