package sparkplug_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBooksClose runs all of the way from a buffer to a host that goes away and
// comes back, whose books close at the end.
func TestBooksClose(t *testing.T) {
	r := newRig(t, sparkplug.Settings{PrimaryHost: "scada"})
	require.NoError(t, r.host.Online(true, time.Now()))
	b, err := buffer.Open(buffer.Options{
		Dir: t.TempDir(), Thing: "lamp-042", Cities: []buffer.City{{Name: "platform"}}, MinFree: 1, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ds, err := b.Datastream(*stream(0, "roof-air", agent.AirTemperature, agent.Telemetry))
	require.NoError(t, err)
	record := func(n int) {
		for range n {
			require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now().UTC(), Value: 20}}))
		}
	}
	record(3000)
	r.target.Log = slog.New(slog.DiscardHandler)
	u := &uplink.Uplink{Queue: b.Cursor("platform"), Dial: r.dial, Target: r.target, MinDelay: time.Millisecond, MaxDelay: 50 * time.Millisecond, Limit: 100}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { u.Run(ctx) })
	for range 5 {
		record(200)
		require.NoError(t, r.desk.Away())
		require.NoError(t, r.desk.Back())
		require.NoError(t, r.host.Online(false, time.Now()))
		require.NoError(t, r.host.Online(true, time.Now()))
		r.eventually(func() bool { return u.Status().Connected }, "it comes back")
	}
	r.eventually(func() bool { return b.Stats().Cities[0].Waiting == 0 && b.Stats().Pending == 0 }, "all is sent")
	cancel()
	run.Wait()
	require.NoError(t, b.Close())

	books := r.desk.Books("lamp-042")
	assert.Truef(t, books.Closed, "%+v", books)
	require.Len(t, books.Epochs, 1)
	assert.EqualValues(t, 4000, books.Epochs[0].Received)
	assert.Empty(t, books.Epochs[0].Missing)
	assert.False(t, r.state().Online)
	assert.Zero(t, r.state().Unknown)
}
