package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// backlog writes a file of many blocks.
func backlog(t *testing.T, dir string) *Buffer {
	b := open(t, options(dir, "a"))
	for range 60 {
		recordNoise(t, b, 300)
		require.NoError(t, b.Commit())
	}
	return b
}

// A file that ends early never stops the agent: it is set aside.
func TestFileThatEndsEarly(t *testing.T) {
	whole := t.TempDir()
	require.NoError(t, backlog(t, whole).Close())
	data, err := os.ReadFile(filepath.Join(whole, fileName))
	require.NoError(t, err)
	for _, size := range []int{1, 4095, 4096, 5000, 8191, 8192, 8200, 12288, 40960, 65536, 100000, 131072, 200000, 262144, len(data) - 4096} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), data[:size], 0o600))
			b := open(t, options(dir, "a"))
			record(t, b, temperature, 10)
			c := b.Cursor("a")
			n := 0
			for batch := c.Backlog(1000); len(batch.Observations) > 0; batch = c.Backlog(1000) {
				n += len(batch.Observations)
			}
			assert.GreaterOrEqual(t, n, 10)
			closes(t, b)
			require.NoError(t, b.Close())
		})
	}
}

// A sector that cannot be read is a block that cannot: the others are delivered.
func TestBlockThatCannotBeRead(t *testing.T) {
	b := backlog(t, t.TempDir())
	b.mu.Lock()
	b.retryAt = time.Now().Add(time.Hour) // nothing writes meanwhile
	b.mu.Unlock()
	whole, err := os.ReadFile(b.disk.path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(b.disk.path, int64(len(whole)/5)))
	c := b.Cursor("a")
	n := 0
	for batch := c.Backlog(1000); len(batch.Observations) > 0; batch = c.Backlog(1000) {
		n += len(batch.Observations)
	}
	assert.NotZero(t, n, "what is in memory or can be read")
	s := closes(t, b)
	assert.NotZero(t, s.Cities[0].Ledgered)
	require.NoError(t, os.WriteFile(b.disk.path, whole, 0o600)) // for Close
}
