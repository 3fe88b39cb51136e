package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFirstRunStaysTheFirst(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	assert.Equal(t, "first", b.Stats().LastStop)
	record(t, b, temperature, 1)
	require.NoError(t, b.Commit())
	assert.Equal(t, "first", b.Stats().LastStop)
	require.NoError(t, b.Close())
	assert.Equal(t, "clean", open(t, options(dir, "a")).Stats().LastStop)
}

// A directory that was copied, or restored from a backup, begins an epoch: the
// one it was copied from has used its numbers, or will.
func TestCopyOfADirectoryIsAnotherEpoch(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 3)
	require.NoError(t, b.Close())
	copied := crash(t, dir)

	b = open(t, options(dir, "a"))
	c := open(t, options(copied, "a"))
	record(t, b, temperature, 1)
	record(t, c, temperature, 1)
	assert.NotEqual(t, b.Stats().Epoch, c.Stats().Epoch)
	assert.EqualValues(t, 4, closes(t, c).Cities[0].Waiting+closes(t, c).Pending)
	epoch := b.Stats().Epoch
	require.NoError(t, b.Close())
	assert.Equal(t, epoch, open(t, options(dir, "a")).Stats().Epoch, "the first goes on")
}
