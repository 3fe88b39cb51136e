package buffer

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// max_size is what observations take of the disk, also when a commit has few:
// else the disk is full before the oldest are dropped.
func TestFileIsAsLargeAsTheLogSays(t *testing.T) {
	for _, rows := range []int{1, 4, 50, 300} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			b := open(t, options(t.TempDir(), "a"))
			for range 1500 {
				recordNoise(t, b, rows)
				require.NoError(t, b.Commit())
			}
			info, err := os.Stat(b.disk.path)
			require.NoError(t, err)
			t.Log(info.Size(), b.Stats().LogBytes)
			assert.LessOrEqual(t, info.Size(), 2*b.Stats().LogBytes+128<<10+allocStep)
		})
	}
}
