package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/stretchr/testify/require"
)

// BenchmarkThousandSensors measures what a thousand simulated sensors cost that
// are read each second, in percent of a core of user time: the loop, the simulated
// parts and the buffer, without a city. Together is as configured by default, at
// the full second; spread has each in a millisecond of its own, so that most of it
// is waking up, 2,000 times a second.
func BenchmarkThousandSensors(b *testing.B) {
	b.Run("together", func(b *testing.B) { thousandSensors(b, func(int) time.Duration { return 0 }) })
	b.Run("spread", func(b *testing.B) {
		thousandSensors(b, func(i int) time.Duration { return time.Duration(i) * time.Millisecond })
	})
}

func thousandSensors(b *testing.B, phase func(i int) time.Duration) {
	const n = 1000
	dir := b.TempDir()
	var text strings.Builder
	text.WriteString("board = \"sim\"\n[thing]\nid = \"lamp-042\"\n[buffer]\ndir = \"buffer\"\nmin_free = 1\n")
	for i := range n {
		fmt.Fprintf(&text, "[[sensor]]\nname = \"air-%d\"\ndriver = \"sht4x\"\nbus = \"%d\"\nevery = \"1s\"\nphase = \"%v\"\n", i, i, phase(i))
	}
	path := filepath.Join(dir, "lamppost.toml")
	require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o600))
	cfg, err := config.Load(path, catalog)
	require.NoError(b, err)
	for b.Loop() {
		g, err := newGateway(cfg, nil, slog.New(slog.DiscardHandler))
		require.NoError(b, err)
		g.lastCall = 0
		ctx, cancel := context.WithTimeout(b.Context(), 12*time.Second)
		var user time.Duration
		before := g.buffer.Stats()
		time.AfterFunc(2*time.Second, func() { user, before = userTime(), g.buffer.Stats() })
		var used time.Duration
		var observed uint64
		time.AfterFunc(11*time.Second, func() {
			s := g.buffer.Stats()
			used, observed = userTime()-user, s.Accepted+s.Pending-before.Accepted-before.Pending
		})
		require.NoError(b, g.run(ctx))
		cancel()
		b.ReportMetric(100*used.Seconds()/9, "%core")
		b.ReportMetric(float64(observed)/9, "observations/s")
		require.NoError(b, os.RemoveAll(filepath.Join(dir, "buffer")))
	}
}

func userTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano())
}
