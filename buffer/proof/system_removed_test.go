//go:build system

package proof

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSystemProofRemoved removes state.db now and then after a kill: what was
// accepted is rebuilt from the other files.
func TestSystemProofRemoved(t *testing.T) {
	begun := time.Now()
	n := number(t, "LAMPPOST_KILLS", kills) / 4
	b := newBench()
	writer := b.writer
	writer.Role, writer.NoRefusals = "write", true // the reasons are in state.db only
	for i := range n {
		dir := filepath.Join(t.TempDir(), "buffer")
		writer.Dir = dir
		c := NewClaims()
		for range 1 + i%3 {
			require.NoError(t, b.killOne(writer, c))
		}
		if err := os.Remove(filepath.Join(dir, "state.db")); err != nil {
			continue // it was killed before there was one
		}
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		if len(files) == 0 {
			t.Skip("everything is in state.db: there is nothing to rebuild it from")
		}
		r, err := b.verify(dir, c, true)
		require.NoErrorf(t, err, "round %d", i)
		require.NoErrorf(t, Sound(c, r, b.cities), "round %d", i)
		for _, city := range b.cities {
			require.Emptyf(t, Audit(c, r, city).Lost, "round %d: %s: accepted, and nowhere", i, city)
		}
	}
	summary(t, result{Name: "state.db removed", Size: n, Duration: time.Since(begun).Seconds()})
}
