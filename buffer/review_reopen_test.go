package buffer

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		b.writing.Lock()
		b.mu.Lock()
		b.tail = nil                   // in the log only
		found, err := b.store.reopen() // as after an error
		b.blocks = found.blocks
		b.mu.Unlock()
		b.writing.Unlock()
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
	hold(b)
	record(t, b, temperature, 10)
	b.mu.Lock()
	c, undo := b.prepare(false)
	b.mu.Unlock()
	require.NoError(t, b.store.write(c)) // it takes place, and says that it did not
	unwritable(c)
	require.ErrorContains(t, b.look(c, assert.AnError), "NaN")
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

// unwritable makes a commit fail after start: JSON has no such number.
func unwritable(c *commit) { c.state.Totals = map[uint32]float64{1: math.NaN()} }

// Rows that were moved to the other half are there only.
func TestMovedRowsHaveOnePlace(t *testing.T) {
	o := options(t.TempDir(), "a")
	o.half, o.sparse = 16<<10, 1<<30
	b := open(t, o)
	hold(b)
	c := b.Cursor("a")
	record(t, b, temperature, 10) // stay
	c.Backlog(10)
	j := b.store.journal
	half := uint64(j.half) + j.generation
	for generation := j.generation; j.generation < generation+4; {
		record(t, b, temperature, 50)
		c.Settle(c.Backlog(50), nil)
		record(t, b, temperature, 1)
		require.NoError(t, b.Commit())
		inJournal := slices.DeleteFunc(slices.Clone(b.blocks), func(r blockRef) bool { return r.segment != "" })
		require.Equal(t, (half+j.generation)%2, uint64(j.half), "the halves take turns")
		require.Subset(t, b.store.live, inJournal)
		var all ranges
		for _, ref := range b.store.live {
			require.Empty(t, all.between(ref.first, ref.last), "a second place")
			all.add(ref.first, ref.last)
		}
	}
	require.Empty(t, segmentFiles(t, o.Dir), "all was moved")
}
