package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// backlog writes segments, a journal and books.
func backlog(t *testing.T, dir string) *Buffer {
	for range 5 {
		b := open(t, options(dir, "a"))
		recordNoise(t, b, 3000)
		require.NoError(t, b.Close())
	}
	b := open(t, options(dir, "a"))
	recordNoise(t, b, 3000)
	require.NoError(t, b.Commit())
	return b
}

// Any file that ends early, or is gone, never stops the agent; what is in the
// others is delivered.
func TestFilesThatEndEarly(t *testing.T) {
	whole := t.TempDir()
	require.NoError(t, backlog(t, whole).Close())
	files, err := os.ReadDir(whole)
	require.NoError(t, err)
	for i, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		for _, size := range []int64{-1, 0, 1, 4095, 4096, 5000, 8192, 12288, info.Size() / 2, info.Size() - 4096, info.Size() - 1} {
			t.Run(fmt.Sprint(i, " ", size), func(t *testing.T) {
				dir := crash(t, whole)
				path := filepath.Join(dir, file.Name())
				if size < 0 {
					require.NoError(t, os.Remove(path))
				} else {
					require.NoError(t, os.Truncate(path, size))
				}
				b := open(t, options(dir, "a"))
				s := closes(t, b)
				assert.EqualValues(t, 18_000, s.Cities[0].Waiting+s.Cities[0].Ledgered)
				record(t, b, temperature, 10)
				require.NoError(t, b.Commit())
				n := drain(b.Cursor("a"))
				assert.GreaterOrEqual(t, n, 15_010)
				s = closes(t, b)
				assert.Zero(t, s.Cities[0].Waiting)
				require.NoError(t, b.Close())
			})
		}
	}
}

// drain settles all that there is and returns how many that were.
func drain(c *Cursor) (n int) {
	for batch := c.Backlog(1000); len(batch.Observations) > 0; batch = c.Backlog(1000) {
		n += len(batch.Observations)
		c.Settle(batch, nil)
	}
	return n
}
