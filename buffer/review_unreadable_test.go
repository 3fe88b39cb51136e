package buffer

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// badSector is a file of which the card cannot read one sector.
type badSector struct {
	io.ReaderAt
	at int64
}

func (f badSector) ReadAt(b []byte, from int64) (int, error) {
	if from <= f.at && f.at < from+int64(len(b)) {
		return int(f.at - from), unix.EIO
	}
	return f.ReaderAt.ReadAt(b, from)
}

// A sector that the card cannot read costs the page it is in, also in the journal:
// the agent starts.
func TestUnreadableSectorCostsItsPage(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 600<<10)
	b := bytes.Repeat([]byte("y"), len(data)-100) // what was there before is not believed
	missing, err := readPages(badSector{bytes.NewReader(data), 300 << 10}, b, 50)
	require.NoError(t, err)
	assert.True(t, missing)
	assert.Equal(t, pageSize, bytes.Count(b, []byte{0}))
	assert.Equal(t, len(b)-pageSize, bytes.Count(b, []byte("x")))
	missing, err = readPages(bytes.NewReader(data), b, 0)
	require.NoError(t, err)
	assert.False(t, missing)
	_, err = readPages(bytes.NewReader(data), b, 200)
	assert.ErrorIs(t, err, io.EOF)
}

// scan asks the card page by page, too.
func TestUnreadableSectorOfTheJournal(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	for range 3 {
		recordNoise(t, b, 1000)
		require.NoError(t, b.Commit())
	}
	require.NoError(t, b.Close())
	j, err := openJournal(dir, maxHalf, false)
	require.NoError(t, err)
	defer j.close()
	whole, err := j.scanOf(j.f)
	require.NoError(t, err)
	bad := whole[2].ref.offset / pageSize * pageSize
	frames, err := j.scanOf(badSector{j.f, int64(bad)})
	require.NoError(t, err)
	require.NotEmpty(t, frames)
	whole = slices.DeleteFunc(whole, func(x found) bool {
		return x.ref.offset < bad+pageSize && x.ref.offset+x.ref.length > bad
	})
	assert.Len(t, frames, len(whole), "all but what is in the page")
}

// A segment that is larger than any of ours never stops the agent.
func TestHugeSegmentIsSetAside(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, options(dir, "a")).Close())
	path := filepath.Join(dir, segmentName(1, 1, 1))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, maxFile+1))
	record(t, open(t, options(dir, "a")), temperature, 1)
	aside, _ := filepath.Glob(path + asideSuffix + "-*")
	assert.Len(t, aside, 1)
}
