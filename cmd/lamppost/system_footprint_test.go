//go:build system

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slack is how much slower or larger than wanted things may be on a machine
// that others use too.
const slack = 5

// TestSystemFootprint measures what a technician waits for and a small board
// has to spare.
func TestSystemFootprint(t *testing.T) {
	binary := program(t, "cmd/lamppost")
	info, err := os.Stat(binary)
	require.NoError(t, err)
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	dir := t.TempDir()
	config := gatewayConfig(t, dir, city.Addr(), 50)
	w := newWitness()

	begun := time.Now()
	p := start(t, binary, config, w)
	eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.lines > 0 }, "an observation")
	first := time.Since(begun)
	time.Sleep(30 * time.Second)
	rss := vmRSS(t, p.cmd.Process.Pid)
	require.NoError(t, city.Away())
	time.Sleep(15 * time.Second)
	offline := vmRSS(t, p.cmd.Process.Pid)
	begun = time.Now()
	p.end(os.Interrupt)
	stop := time.Since(begun)

	t.Logf("binary %.1f MB; first observation after %v; RSS with 50 sensors at 1 Hz %.1f MiB, offline %.1f MiB; clean stop %v",
		float64(info.Size())/1e6, first.Round(time.Millisecond), rss, offline, stop.Round(time.Millisecond))
	assert.Less(t, first, slack*time.Second)
	assert.Less(t, stop, slack*5*time.Second)
	require.NoError(t, promise(t, w, filepath.Join(dir, "buffer"), city.Received("lamp-042").Epochs))
}

// vmRSS returns the resident memory of a process in MiB.
func vmRSS(t *testing.T, pid int) float64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(data), "VmRSS:")
	require.True(t, ok)
	var kib float64
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib / 1024
}
