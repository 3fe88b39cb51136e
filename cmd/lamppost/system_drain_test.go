//go:build system

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSystemDrain measures how fast a million observations go from the buffer
// to mosquitto and are acknowledged, on the loopback and over a way of 60 ms.
// Times are asserted with slack.
func TestSystemDrain(t *testing.T) {
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nmax_queued_messages 0\n", port)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
	address := fmt.Sprintf("127.0.0.1:%d", port)
	startBroker(t, address, install(t, "mosquitto", "mosquitto"), "-c", config)
	for _, tt := range []struct {
		name  string
		trip  time.Duration
		n     int
		least float64
	}{
		{"loopback", 0, 1_000_000, 1_000_000},
		{"60 ms", 60 * time.Millisecond, 1_000_000, 100_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := address
			if tt.trip > 0 {
				to = delayed(t, address, tt.trip/2)
			}
			dir := filepath.Join(t.TempDir(), "buffer")
			fill(t, dir, tt.n)
			b, err := buffer.Open(buffer.Options{
				Dir: dir, Thing: "lamp-042", Cities: []buffer.City{{Name: "platform"}}, MinFree: 1, Log: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)
			defer b.Close()
			took := drainOnce(t, b, to)
			rate := float64(tt.n) / took.Seconds()
			t.Logf("%d observations in %v: %.0f a second", tt.n, took.Round(time.Millisecond), rate)
			assert.Greater(t, rate, tt.least/slack)
		})
	}
	t.Run("memory", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, filepath.Join(dir, "buffer"), 1_000_000)
		config := gatewayConfig(t, dir, delayed(t, address, 30*time.Millisecond), 5)
		binary := program(t, "cmd/lamppost")
		p := start(t, binary, config, newWitness())
		var most float64
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(100 * time.Millisecond) {
			most = max(most, vmRSS(t, p.cmd.Process.Pid))
			if waiting(binary, config) < 100 {
				break
			}
		}
		assert.Less(t, waiting(binary, config), 100)
		p.end(os.Interrupt)
		t.Logf("RSS while draining: %.1f MiB at most", most)
		assert.Less(t, most, 40.0)
	})
}

// drainOnce lets an uplink deliver all that waits, and says how long that took.
func drainOnce(t *testing.T, b *buffer.Buffer, address string) time.Duration {
	t.Helper()
	p, err := senml.Protocol.Configure(func(s any) error {
		s.(*senml.Settings).URL = "mqtt://" + address
		return nil
	})
	require.NoError(t, err)
	u := &uplink.Uplink{
		Queue: b.Cursor("platform"), Dial: p.Dial,
		Target: uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: agent.AckBroker, Log: slog.New(slog.DiscardHandler)},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	begun := time.Now()
	wg.Go(func() { u.Run(ctx) })
	eventually(t, func() bool { return b.Stats().Cities[0].Waiting == 0 }, "all is acknowledged")
	took := time.Since(begun)
	cancel()
	wg.Wait()
	return took
}

// delayed opens a way to an address on which every byte takes a time, in both
// directions, however many are on the way.
func delayed(t *testing.T, to string, d time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			go delay(c, far, d)
			go delay(far, c, d)
		}
	}()
	return l.Addr().String()
}

// delay carries what comes from one end to the other, later.
func delay(from, to net.Conn, d time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1<<14)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if n > 0 {
				pieces <- piece{time.Now().Add(d), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	to.Close()
	_, _ = io.Copy(io.Discard, from)
	for range pieces { // until the reader has ended
	}
}
