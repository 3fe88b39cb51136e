package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two cities of different protocols, one of which is down all the time: the other
// has everything as soon as it is observed, and the books of both close.
func TestTwoCities(t *testing.T) {
	city, err := desk.Open(desk.Options{Platform: ngsild.Platform})
	require.NoError(t, err)
	defer city.Close()
	dir := t.TempDir()
	reach, err := city.Configuration(dir)
	require.NoError(t, err)
	text := "board = \"sim\"\n[thing]\nid = \"lamp-042\"\nlocation = [6.6, 46.5]\n[buffer]\ndir = \"buffer\"\nmin_free = 1\ncommit_every = \"100ms\"\n" +
		"[[city]]\nname = \"down\"\nprotocol = \"thingsboard\"\nurl = \"mqtt://127.0.0.1:1\"\n[[city]]\nname = \"up\"\n" + reach
	for i := range 5 {
		text += fmt.Sprintf("[[sensor]]\nname = \"air-%d\"\ndriver = \"sht4x\"\nbus = \"%d\"\nevery = \"1s\"\nphase = \"%dms\"\n", i, i, 200*i)
	}
	path := filepath.Join(dir, "lamppost.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	cfg, err := config.Load(path, catalog)
	require.NoError(t, err)
	g, err := newGateway(cfg, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var most uint64 // that waited for the city that is up
	wg.Go(func() {
		wait(ctx, 500*time.Millisecond) // the first connection
		for wait(ctx, 20*time.Millisecond) {
			most = max(most, g.books()["up"].Waiting)
		}
	})
	require.NoError(t, g.run(ctx))
	wg.Wait()

	b, err := buffer.Inspect(filepath.Join(dir, "buffer"))
	require.NoError(t, err)
	defer b.Close()
	down, up := b.Stats().Cities[0], b.Stats().Cities[1]
	accepted := b.Stats().Accepted
	assert.Greater(t, accepted, uint64(30))
	assert.Less(t, most, accepted/2, "the other is never late")
	assert.Zero(t, down.Delivered)
	assert.Equal(t, accepted, down.Waiting+down.Ledgered)
	assert.Equal(t, accepted, up.Delivered)
	assert.Equal(t, accepted, city.Received("lamp-042").Distinct, "as it counted itself")
	assert.True(t, city.Books("lamp-042").Closed, "%+v", city.Books("lamp-042"))
}
