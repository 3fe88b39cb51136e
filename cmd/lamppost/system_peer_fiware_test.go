//go:build system

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/sync/fiware"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSystemPeerFIWARE drains a buffer to an IoT Agent that nobody here wrote,
// with read-back, while the context broker behind it breaks down.
func TestSystemPeerFIWARE(t *testing.T) {
	const backlog = 10_000
	f, dir := startFIWARE(t), t.TempDir()
	epoch := fill(t, filepath.Join(dir, "buffer"), backlog)
	b := drainFIWARE(t, f, dir)

	distinct := func() int { return len(f.keys(t, epoch)) }
	for i, status := range []int{http.StatusServiceUnavailable, http.StatusInternalServerError} {
		want := (i + 1) * backlog / 4
		eventually(t, func() bool { return distinct() >= want }, fmt.Sprintf("%d observations arrive", want))
		f.context.breakDown(status)
		time.Sleep(time.Second) // what comes now is lost behind the broker
		f.context.breakDown(0)
	}
	eventually(t, func() bool { return b.Stats().Cities[0].Waiting == 0 }, "all is acknowledged")

	assert.Equal(t, backlog, distinct(), "what was read back is there")
	assert.Zero(t, b.Stats().Cities[0].Ledgered)
	notice := f.context.states("urn:ngsi-ld:Device:lamp-042")
	require.NotEmpty(t, notice, "the gateway is a device too")
}

// drainFIWARE runs an uplink with protocol fiware over a buffer.
func drainFIWARE(t *testing.T, f fiwarePlatform, dir string) *buffer.Buffer {
	t.Helper()
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte("k3y\n"), 0o600))
	p, err := fiware.Protocol.Configure(func(s any) error {
		set := s.(*fiware.Settings)
		set.URL, set.NorthURL, set.APIKeyFile = "mqtt://"+f.mqtt, "http://"+f.north, key
		set.Service, set.ServicePath = "city", "/lamps"
		set.ReadBackWait = 500 * time.Millisecond
		return nil
	})
	require.NoError(t, err)
	b, err := buffer.Open(buffer.Options{
		Dir: filepath.Join(dir, "buffer"), Thing: "lamp-042", Cities: []buffer.City{{Name: "platform"}}, MinFree: 1, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	u := &uplink.Uplink{Queue: b.Cursor("platform"), Dial: p.Dial, MaxDelay: time.Second, Target: uplink.Target{
		Thing: agent.Thing{ID: "lamp-042", Name: "Lamp post 42"}, City: "platform", Ack: agent.AckReadBack, Log: slog.New(slog.DiscardHandler),
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { u.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait(); b.Close() })
	return b
}

// keys returns the Seqs of an epoch that the history of all entities shows: a
// state is about the count of Seqs that end at its seq.
func (f fiwarePlatform) keys(t *testing.T, epoch string) map[int]bool {
	t.Helper()
	f.context.mu.Lock()
	defer f.context.mu.Unlock()
	seqs := map[int]bool{}
	for id, states := range f.context.history {
		if !strings.Contains(id, ":lamp-042:") {
			continue
		}
		for _, s := range states {
			last, ok := s["seq"].(float64)
			count, counted := s["count"].(float64)
			if !ok || !counted || s["epoch"] != epoch {
				continue
			}
			for seq := int(last - count + 1); seq <= int(last); seq++ {
				seqs[seq] = true
			}
		}
	}
	return seqs
}
