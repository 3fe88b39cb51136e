package buffer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// modes sets the modes of a directory and of its journal.
func modes(t *testing.T, dir string, folder, journal os.FileMode) {
	t.Helper()
	require.NoError(t, os.Chmod(dir, 0o700))
	if err := os.Chmod(filepath.Join(dir, journalName), journal); !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	require.NoError(t, os.Chmod(dir, folder))
}

func needNoRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root may write to any file; see TestSystemReadOnly")
	}
}

// An agent that starts on a disk that is read-only delivers what is there, keeps
// what is new in memory, and writes it as soon as it may.
func TestOpenWhatCanOnlyBeRead(t *testing.T) {
	needNoRoot(t)
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())

	modes(t, dir, 0o500, 0o400)
	b = open(t, options(dir, "a"))
	record(t, b, temperature, 5)
	assert.Error(t, b.Commit())
	assert.Equal(t, "ram", b.Stats().LossWindow)
	c := b.Cursor("a")
	assert.Equal(t, from(1, 10), numbers(c.Backlog(10)))
	modes(t, dir, 0o700, 0o600)
	_ = b.Commit() // opens it again
	require.NoError(t, b.Commit())
	s := closes(t, b)
	assert.EqualValues(t, 15, s.Accepted)
	assert.EqualValues(t, 15, closes(t, open(t, options(crash(t, dir), "a"))).Cities[0].Waiting)
}

// Where there is nothing yet and nothing can be made, it is as if the disk took
// nothing.
func TestOpenWhereNothingCanBeMade(t *testing.T) {
	needNoRoot(t)
	dir := t.TempDir()
	modes(t, dir, 0o500, 0)
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 5)
	assert.Error(t, b.Commit())
	modes(t, dir, 0o700, 0)
	_ = b.Commit() // opens it again
	require.NoError(t, b.Commit())
	assert.EqualValues(t, 5, closes(t, open(t, options(crash(t, dir), "a"))).Cities[0].Waiting)
}

// Books that could not even be read at the start are not touched when they are
// there again: they have numbers and cursors that this run does not know.
func TestOpenWhatCannotBeRead(t *testing.T) {
	needNoRoot(t)
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())
	epoch := b.Stats().Epoch

	modes(t, dir, 0o700, 0)
	b = open(t, options(dir, "a"))
	assert.NotEqual(t, epoch, b.Stats().Epoch, "its keys are others")
	record(t, b, temperature, 5)
	assert.Equal(t, from(1, 5), numbers(b.Cursor("a").Backlog(10)))
	modes(t, dir, 0o700, 0o600)
	_ = b.Commit() // finds them
	for range 3 {
		assert.ErrorIs(t, b.Commit(), errUnread)
	}
	assert.Error(t, b.Close())
	s := closes(t, open(t, options(dir, "a")))
	assert.EqualValues(t, 10, s.Cities[0].Waiting)
	assert.Equal(t, epoch, s.Epoch)
}
