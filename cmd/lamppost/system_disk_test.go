//go:build system

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSystemDiskFull fills the file system of the buffer while the city is away:
// the agent says so once, goes on in memory, and writes again when there is room.
func TestSystemDiskFull(t *testing.T) {
	binary := program(t, "cmd/lamppost")
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	dir := t.TempDir()
	config := gatewayConfig(t, dir, city.Addr(), 40)
	disk := filepath.Join(dir, "buffer")
	require.NoError(t, os.Mkdir(disk, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=3m"))
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(disk, 0)) })
	require.NoError(t, city.Away())

	w := newWitness()
	p := start(t, binary, config, w)
	eventually(t, func() bool { s, ok := ask(binary, config); return ok && s.Accepted > 100 }, "it observes")
	stuffing := filepath.Join(disk, "stuffing")
	fillUp(t, stuffing)
	eventually(t, func() bool { s, _ := ask(binary, config); return s.LossWindow == "ram" && s.Pending > 100 }, "it goes on in memory")
	full, _ := ask(binary, config)
	assert.Regexp(t, "no space left on device|disk full", full.Failing)
	require.NoError(t, os.Remove(stuffing))
	eventually(t, func() bool { s, ok := ask(binary, config); return ok && s.LossWindow == "100ms" && s.Pending < 50 }, "and writes again")

	w.mu.Lock()
	recorded := size(w.recorded)
	w.mu.Unlock()
	require.NoError(t, city.Back())
	eventually(t, func() bool { return int(city.Received("lamp-042").Distinct) >= recorded }, "the gateway finds its city again")
	p.end(os.Interrupt)
	require.NoError(t, promise(t, w, disk, city.Received("lamp-042").Epochs))
	assert.Empty(t, w.gaps, "nothing was lost")
	assert.Equal(t, size(w.recorded), int(city.Received("lamp-042").Distinct), "everything recorded arrived")
	log, err := os.ReadFile(config + ".log")
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(log), "the disk takes nothing"), "one clear line: %s", log)
}

// ask returns the status of a running agent.
func ask(binary, config string) (s status, ok bool) {
	out, err := exec.Command(binary, "status", "--config", config, "--json").Output()
	return s, err == nil && json.Unmarshal(out, &s) == nil
}

// fillUp makes a file of all that is free.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	// A page is left, so that it is the kernel that says no in mid-commit.
	info, err := f.Stat()
	require.NoError(t, err)
	require.NoError(t, f.Truncate(info.Size()-int64(len(block))))
	require.NoError(t, f.Close())
}
