package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A disk that is full when the agent starts is no reason to keep nothing: the
// oldest segment makes room, as it does later.
func TestStartOnAFullDiskMakesRoom(t *testing.T) {
	dir := t.TempDir()
	for range 3 { // each start seals what the last run left
		b := open(t, options(dir, "a"))
		recordNoise(t, b, 1000)
		require.NoError(t, b.Close())
	}
	o := options(dir, "a")
	o.MinFree = 1 << 62
	b := open(t, o)
	record(t, b, temperature, 5)
	require.NoError(t, b.Commit())
	s := closes(t, b)
	assert.Zero(t, s.Pending)
	assert.EqualValues(t, 3009, s.Accepted, "with four summaries of what made room")
	assert.EqualValues(t, 1000, s.Cities[0].Ledgered)
	assert.Equal(t, 2009, drain(b.Cursor("a")))
}
