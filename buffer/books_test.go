package buffer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// While the file of the books cannot be made, commits fail after their frames
// are written. Nothing that was accepted is written over.
func TestBooksThatCannotBeMade(t *testing.T) {
	for rounds := range 6 {
		dir := t.TempDir()
		obstacle := filepath.Join(dir, fileName+".new", "x")
		require.NoError(t, os.MkdirAll(obstacle, 0o700))
		o := options(dir, "a")
		o.half = 64 << 10
		b := open(t, o)
		n := 0
		for range rounds {
			record(t, b, temperature, 10)
			n += 10
			_ = b.Commit()
		}
		require.NoError(t, os.RemoveAll(filepath.Dir(obstacle)))
		_ = b.Commit()  // those that were open are known to have failed
		for range 300 { // both halves are written over, and what memory keeps is newer
			record(t, b, temperature, 20)
			n += 20
			require.NoError(t, b.Commit())
		}
		assert.Equal(t, n, len(slices.Collect(b.Export())), rounds)
		s := closes(t, b)
		require.EqualValues(t, n, s.Accepted, rounds)
		b = open(t, options(crash(t, dir), "a"))
		assert.Equal(t, n, drain(b.Cursor("a")), rounds)
		assert.Zero(t, closes(t, b).Cities[0].Ledgered)
	}
}
