package buffer

import (
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What changes while a commit is under way keeps its deadline when that fails.
func TestFailedCommitForgetsNoDeadline(t *testing.T) {
	o := options(t.TempDir(), "a")
	o.CommitEvery = time.Hour
	b := open(t, o)
	record(t, b, temperature, 10)
	require.NoError(t, b.Commit())
	ds, err := b.Datastream(rain)
	require.NoError(t, err)
	require.NoError(t, b.Commit())

	b.mu.Lock()
	b.retryAt = time.Now().Add(time.Hour) // the committer does nothing meanwhile
	_, undo := b.prepare(false)
	b.mu.Unlock()
	c := b.Cursor("a")
	c.Settle(c.Backlog(5), nil)
	require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now(), Value: 7}}))
	live := c.Backlog(1000)
	c.Settle(live, map[uint64]string{live.Observations[0].Seq: "too old"}) // a notice
	b.mu.Lock()
	undo()
	assert.WithinDuration(t, time.Now(), b.settleAt, time.Minute, "cursors that moved")
	assert.WithinDuration(t, time.Now(), b.counted, time.Minute, "a count that changed")
	assert.False(t, b.moved.IsZero(), "a notice")
	assert.Greater(t, time.Since(b.moved), checkpointEvery-time.Second, "which is told soon")
	b.mu.Unlock()
}
