package buffer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	require.NoError(t, err)
	return all
}

// A seal that fails leaves no file behind: it is tried again every second.
func TestFailedSealLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	for range 3 {
		b.writing.Lock()
		_, err := b.store.segments.seal(1, 1, b.store.books(b.committed), func(*sealer) error { return assert.AnError })
		b.writing.Unlock()
		require.ErrorIs(t, err, assert.AnError)
	}
	assert.Empty(t, segmentFiles(t, dir))
}

// What a power cut left of a seal, and a segment of which every block is elsewhere
// too, go when no city lacks anything in them.
func TestSegmentsThatHoldNothingGo(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())
	b = open(t, options(dir, "a")) // seals
	require.NoError(t, b.Close())
	sealed := segmentFiles(t, dir)
	require.Len(t, sealed, 1)
	data, err := readAround(sealed[0])
	require.NoError(t, err)
	twice := filepath.Join(dir, segmentName(1, 1, 7))
	require.NoError(t, os.WriteFile(twice, data, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, segmentName(1, 1, 8)), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, segmentName(1, 1, 9)), make([]byte, 4*pageSize), 0o600))

	b = open(t, options(dir, "a"))
	hold(b)
	assert.Subset(t, segmentFiles(t, dir), sealed)
	assert.NotContains(t, segmentFiles(t, dir), filepath.Join(dir, segmentName(1, 1, 8)))
	assert.NotContains(t, segmentFiles(t, dir), filepath.Join(dir, segmentName(1, 1, 9)))
	assert.Equal(t, 10, drain(b.Cursor("a")))
	require.NoError(t, b.Commit())
	assert.Empty(t, segmentFiles(t, dir))
}
