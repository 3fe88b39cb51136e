package buffer

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// All that a card has is found without its file system, each once, whatever lies
// between; what is broken is left out.
func TestSalvage(t *testing.T) {
	dir := t.TempDir()
	b := backlog(t, dir)
	want := make(map[uint64]agent.Observation)
	for w := range b.Export() {
		want[w.Seq] = w.Observation
	}
	require.NoError(t, b.Close())
	image := bytes.Repeat([]byte("LPB1LPJ1noise"), 10_000)
	image = image[:len(image)/sector*sector]
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		require.NoError(t, err)
		image = append(image, data...)
		image = append(image, make([]byte, roundUp(len(image), sector)-len(image))...)
	}
	path := filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(path, image, 0o600))

	salvaged := func(path string) map[uint64]agent.Observation {
		got := make(map[uint64]agent.Observation)
		r, err := Salvage([]string{path}, func(_ agent.Epoch, o agent.Observation) error {
			if _, ok := got[o.Seq]; ok {
				t.Errorf("%d comes twice", o.Seq)
			}
			got[o.Seq] = o
			return nil
		})
		require.NoError(t, err)
		assert.EqualValues(t, len(got), r.Observations)
		assert.Zero(t, r.Unknown)
		return got
	}
	for _, path := range []string{path, dir} {
		got := salvaged(path)
		require.Len(t, got, len(want))
		for seq, o := range want {
			assert.Equal(t, o.Value, got[seq].Value)
			assert.True(t, o.Time.Equal(got[seq].Time))
			assert.Equal(t, o.Datastream.Name, got[seq].Datastream.Name)
			assert.Equal(t, o.Quality|agent.Salvaged, got[seq].Quality)
		}
	}

	at := bytes.Index(image, []byte(blobMagic+"B"))
	require.Positive(t, at)
	image[at+1000] ^= 1
	require.NoError(t, os.WriteFile(path, image, 0o600))
	assert.Len(t, salvaged(path), len(want)-3000, "a block that is not whole")

	_, err = Salvage([]string{path}, func(agent.Epoch, agent.Observation) error { return assert.AnError })
	assert.ErrorIs(t, err, assert.AnError)
	_, err = Salvage([]string{dir + "/none"}, nil)
	assert.Error(t, err)
}
