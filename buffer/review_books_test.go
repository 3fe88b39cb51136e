package buffer

import (
	"fmt"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ids returns the ids of notices.
func ids(all []agent.Notice) (out []uint64) {
	for _, n := range all {
		out = append(out, n.ID)
	}
	return out
}

// The books of the last commit say nothing of the next: a power cut after them
// leaves no entry that did not happen, and no id is given twice.
func TestBooksBeforeACommitHaveNotItsNotices(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Commit())
	dir = crash(t, dir)

	b, err := load(options(dir, "a"), false) // unclean: there is a window to tell
	require.NoError(t, err)
	c, _ := b.prepare(false)
	unwritable(c)
	require.ErrorContains(t, b.write(c), "NaN")
	require.NoError(t, b.store.close())

	b = open(t, options(crash(t, dir), "a"))
	assert.Equal(t, []uint64{1}, ids(b.Ledger()))
}

// large makes a buffer whose books do not fit the journal.
func large(t *testing.T, dir string) *Buffer {
	o := options(dir, "a", "b")
	o.half = 64 << 10
	b := open(t, o)
	for i := range 40 {
		want := temperature
		want.Name = fmt.Sprintf("sensor-%d/airTemperature", i)
		_, err := b.Datastream(want)
		require.NoError(t, err)
	}
	require.NoError(t, b.Commit())
	return b
}

// Books that do not fit the journal are whole or not there too: the frame alone
// does not make half a commit of it.
func TestLargeBooksAreWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	b := large(t, dir)
	record(t, b, temperature, 100)
	require.NoError(t, b.Commit())
	c := b.Cursor("a")
	c.Settle(c.Backlog(100), map[uint64]string{7: "no"})
	b.writing.Lock() // nothing is committed meanwhile
	defer b.writing.Unlock()
	b.mu.Lock()
	b.startEpoch()
	epoch := b.state.Epochs[len(b.state.Epochs)-1].Epoch
	b.mu.Unlock()
	record(t, b, temperature, 10)
	b.mu.Lock()
	x, _ := b.prepare(false)
	b.store.table, b.store.notices = b.streams, x.all
	b.store.out.reset()
	large, err := b.store.encode(x, true)
	require.NoError(t, err)
	require.True(t, large)
	_, err = b.store.journal.write(&b.store.out)
	require.NoError(t, err)
	after := crash(t, dir) // before state.db is written
	b.mu.Unlock()

	o := options(after, "a", "b")
	b = open(t, o)
	closes(t, b)
	assert.Empty(t, verified(t, b).Findings)
	for batch := b.Cursor("b").Backlog(50); len(batch.Observations) > 0; batch = b.Cursor("b").Backlog(50) {
		for _, s := range numbers(batch) {
			assert.Equal(t, s > 100, batch.Epoch.String() == epoch, "%d has another epoch", s)
		}
	}
}

// What cities were delivered since the last commit may be more than the journal
// has room for, such as after a long time in which the disk took nothing.
func TestDeltaLargerThanTheJournal(t *testing.T) {
	dir := t.TempDir()
	b := large(t, dir)
	record(t, b, temperature, 90_000)
	require.NoError(t, b.Commit())
	b.mu.Lock()
	for i := range uint64(45_000) {
		b.cursor("a").s.Delivered.add(2*i+1, 2*i+1)
	}
	b.mu.Unlock()
	require.NoError(t, b.Commit())
	b = open(t, func() Options { o := options(crash(t, dir), "a", "b"); return o }())
	assert.EqualValues(t, 45_000, closes(t, b).Cities[0].Delivered)
}

// What was never accepted is not accepted after a power cut, in whatever part of
// a commit it would be.
func TestShedStaysShedOverParts(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "a")
	o.half = 64 << 10
	b := open(t, o)
	fill(t, b)
	hold(b)
	c := b.Cursor("a")
	c.Connected(true)
	record(t, b, temperature, 3000)
	held := c.Live(3000)
	record(t, b, temperature, maxPendingRows)
	empty(b)
	c.Release(held)
	for range 20 {
		_, err := b.commitPart(false)
		require.NoError(t, err)
		accepted := closes(t, b).Accepted
		x := open(t, options(crash(t, dir), "a"))
		s := closes(t, x)
		require.Equal(t, accepted, s.Accepted)
		require.Zero(t, s.Cities[0].Ledgered)
		require.NoError(t, x.Close())
	}
}
