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
	path := filepath.Join(dir, fileName)
	d, err := createDisk(dir, books{}, nil)
	require.NoError(t, err)
	require.NoError(t, d.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketBooks)
		require.NoError(t, err)
		return b.Put(keyBooks, appendBlob(nil, blobBooks, []byte(`{"version":2,"state":"elsewhere"}`)))
	}))
	require.NoError(t, d.close())

	_, err = Open(options(dir, "a"))
	assert.ErrorIs(t, err, ErrNewer)
	aside, _ := filepath.Glob(path + ".damaged-*")
	assert.Empty(t, aside, "it is left untouched")
}
