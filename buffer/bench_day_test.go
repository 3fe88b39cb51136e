package buffer

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A day online, at 50 observations a second that the city acknowledges after
// 100 ms, costs the card what the checkpoints cost. What a file system adds to
// each for the file's time is not seen here: no time passes for it.
func TestADayOnlineWritesLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("86,400 seconds")
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir, "platform")
		b := open(t, o)
		l := newFeed(fifty(5000), time.Second)
		l.bind(t, b)
		require.NoError(t, b.Commit())
		c := b.Cursor("platform")
		c.Connected(true)
		commits, before := b.Stats().Commits, writtenHere(t)
		for range 24 * 60 * 60 {
			obs := l.next(50)[0]
			now := time.Now()
			for i := range obs {
				obs[i].Time = now
			}
			require.NoError(t, b.Record(obs))
			batch := c.Live(1000)
			time.Sleep(100 * time.Millisecond)
			c.Settle(agent.Batch{Epoch: batch.Epoch, Observations: batch.Observations}, nil)
			time.Sleep(900 * time.Millisecond)
		}
		written := writtenHere(t) - before
		t.Logf("%d bytes, %d commits", written, b.Stats().Commits-commits)
		assert.LessOrEqual(t, b.Stats().Commits-commits, uint64(2*288), "one in five minutes, and one for what was under way then")
		assert.Less(t, written, int64(2e6))
		assert.EqualValues(t, 24*60*60*50, closes(t, b).Cities[0].Delivered)
		require.NoError(t, b.Close())
	})
}

// writtenHere returns what this process has caused to be written, as far as the
// kernel tells.
func writtenHere(t *testing.T) int64 {
	unix.Sync()
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skip(err)
	}
	n, err := writtenByProcess("/proc/self")
	require.NoError(t, err)
	return n
}
