package buffer

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// A newer version may have given the state another form. It is left alone.
func TestNewerFormOfTheState(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, options(dir, "a")).Close())
	d := &disk{path: filepath.Join(dir, fileName)}
	require.NoError(t, d.open())
	require.NoError(t, d.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketState).Put(keyState, []byte(`{"version":2,"epochs":"elsewhere"}`))
	}))
	require.NoError(t, d.close())

	_, err := Open(options(dir, "a"))
	assert.ErrorIs(t, err, ErrNewer)
	aside, _ := filepath.Glob(d.path + ".damaged-*")
	assert.Empty(t, aside, "it is left untouched")
}
