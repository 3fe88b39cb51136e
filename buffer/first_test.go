package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFirstRunStaysTheFirst(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	assert.Equal(t, "first", b.Stats().LastStop)
	record(t, b, temperature, 1)
	require.NoError(t, b.Commit())
	assert.Equal(t, "first", b.Stats().LastStop)
	require.NoError(t, b.Close())
	assert.Equal(t, "clean", open(t, options(dir, "a")).Stats().LastStop)
}
