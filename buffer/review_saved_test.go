package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// state.db is written at a start and at each roll: it knows of all that is sealed
// when the journal is gone.
func TestSealedIsKnownWithoutTheJournal(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "a")
	o.half, o.sparse = 64<<10, 1
	b := open(t, o)
	hold(b)
	for range 30 {
		recordNoise(t, b, 500)
		require.NoError(t, b.Commit())
	}
	last := uint64(0)
	for _, ref := range b.blocks {
		if ref.segment != "" {
			last = max(last, ref.last)
		}
	}
	require.Greater(t, last, uint64(5000))
	dir = crash(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, journalName)))
	b = open(t, options(dir, "a"))
	assert.Equal(t, int(last), drain(b.Cursor("a")))
	closes(t, b)
}

// Before frames are written over, state.db says what they told.
func TestStartSavesWhatTheJournalTold(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Commit())
	dir = crash(t, dir)
	b, err := load(options(dir, "a"), false)
	require.NoError(t, err)
	c, _ := b.prepare(false)
	require.NoError(t, b.store.start(c))
	require.NoError(t, b.store.close())
	newest, _, err := readDisk(dir)
	require.NoError(t, err)
	assert.EqualValues(t, 10, newest.State.Through)
}

// Copies that stand in free pages of state.db are no refusals of their own.
func TestRefusedIsToldOnce(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	record(t, b, temperature, 5)
	c := b.Cursor("a")
	for seq := range uint64(5) {
		c.Settle(c.Backlog(1), map[uint64]string{seq + 1: "no"})
		b.writing.Lock()
		b.store.saved = time.Time{} // it is due
		b.writing.Unlock()
		require.NoError(t, b.Commit())
	}
	all, err := b.Refused()
	require.NoError(t, err)
	var told []string
	for _, r := range all {
		told = append(told, fmt.Sprint(r.Seq))
	}
	assert.ElementsMatch(t, []string{"1", "2", "3", "4", "5"}, told)
}

// An instant that no half of a journal has room for is not one.
func TestHugeInstant(t *testing.T) {
	o := options(t.TempDir(), "a")
	o.half = 64 << 10
	b := open(t, o)
	want := temperature
	want.Resolution = -1
	ds, err := b.Datastream(want)
	require.NoError(t, err)
	obs := make([]agent.Observation, 20_000)
	for i := range obs {
		obs[i] = agent.Observation{Datastream: ds, Time: time.Now(), Value: float64(i) / 7}
	}
	require.NoError(t, b.Record(obs))
	require.NoError(t, b.Commit())
	assert.Equal(t, len(obs), drain(b.Cursor("a")))
}

// Each half of the journal has all books at its front: without state.db it is
// still known what was delivered.
func TestDeliveredIsKnownWithoutStateDB(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "a")
	o.half, o.sparse = 64<<10, 1
	b := open(t, o)
	hold(b)
	c := b.Cursor("a")
	for generation := b.store.journal.generation; b.store.journal.generation < generation+4; {
		recordNoise(t, b, 500)
		c.Settle(c.Backlog(100), nil)
		require.NoError(t, b.Commit())
	}
	delivered := closes(t, b).Cities[0].Delivered
	dir = crash(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, fileName)))
	assert.Equal(t, delivered, closes(t, open(t, options(dir, "a"))).Cities[0].Delivered)
}
