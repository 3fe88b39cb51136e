package buffer

import (
	"os/signal"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// After an error all is opened again, and the next commit writes over frames that
// it sealed. Whoever reads meanwhile finds the rows where they are now: what is on
// flash twice is not damaged.
func TestReadingWhileTheJournalIsWrittenOver(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			b.mu.Lock()
			c := newCursor(b, cityState{Owed: b.cursor("a").waiting(1, b.flushed)})
			b.mu.Unlock()
			c.Backlog(1 << 20)
			time.Sleep(10 * time.Microsecond)
		}
	})
	for range 10 {
		record(t, b, temperature, 200)
		require.NoError(t, b.Commit())
		b.mu.Lock()
		b.tail = nil                   // in the log only
		found, err := b.store.reopen() // as after an error
		b.blocks = found.blocks
		b.mu.Unlock()
		require.NoError(t, err)
	}
	close(stop)
	wg.Wait()
	assert.Empty(t, b.Ledger())
	assert.EqualValues(t, 2000, closes(t, b).Cities[0].Waiting)
}

// A commit in doubt is written once more. When that fails after what it needed was
// moved, all is found where it is now.
func TestSecondFailureLosesNoPlace(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	b.mu.Lock()
	b.retryAt = time.Now().Add(time.Hour)
	b.mu.Unlock()
	record(t, b, temperature, 10)
	b.mu.Lock()
	c, undo := b.prepare(false)
	b.mu.Unlock()
	require.NoError(t, b.store.write(c)) // it takes place, and says that it did not
	err := withFilesUpTo(t, maxHalf, func() error { return b.look(c, assert.AnError) })
	require.ErrorIs(t, err, unix.EFBIG, "the journal cannot be written")
	b.mu.Lock()
	undo()
	b.mu.Unlock()
	for range 3 {
		record(t, b, temperature, 10)
		require.NoError(t, b.Commit())
	}
	b.mu.Lock()
	b.tail = nil // in the log only
	b.mu.Unlock()
	assert.Equal(t, 40, drain(b.Cursor("a")))
	assert.Empty(t, b.Ledger())
}

// withFilesUpTo calls f while nothing can be written beyond so many bytes.
func withFilesUpTo(t *testing.T, size uint64, f func() error) error {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var old unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: old.Max}))
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old)) }()
	return f()
}
