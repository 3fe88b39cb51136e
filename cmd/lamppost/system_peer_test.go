//go:build system

package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// peers are programs that nobody here wrote, with the little that lets a test
// drive them. They are installed from their registry once for each version of
// their package.json.
func peers(t *testing.T, folder string) (dir string) {
	t.Helper()
	install(t, "node", "nodejs")
	npm := install(t, "npm", "npm")
	source := filepath.Join("testdata", "peers", folder)
	manifest, err := os.ReadFile(filepath.Join(source, "package.json"))
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir = filepath.Join(cache, fmt.Sprintf("lamppost-peers-%x", sha256.Sum256(manifest)))
	if !exists(filepath.Join(dir, "complete")) {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o644))
		cmd := exec.Command(npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev")
		cmd.Dir = dir
		text, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s", text)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644))
	}
	scripts, err := filepath.Glob(filepath.Join(source, "*.mjs"))
	require.NoError(t, err)
	for _, script := range scripts { // beside what they import
		text, err := os.ReadFile(script)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(script)), text, 0o644))
	}
	return dir
}

// peer is one of them that runs until the test ends.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu    sync.Mutex
	lines []string
	heard sync.WaitGroup
}

// startPeer runs a script and hears what it prints.
func startPeer(t *testing.T, dir, script string, args ...string) *peer {
	t.Helper()
	p := &peer{cmd: exec.Command(install(t, "node", "nodejs"), append([]string{script}, args...)...)}
	p.cmd.Dir = dir
	log, err := os.Create(filepath.Join(t.TempDir(), "peer.log"))
	require.NoError(t, err)
	p.cmd.Stderr = log
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.heard.Go(func() {
		s := bufio.NewScanner(out)
		s.Buffer(nil, 16<<20)
		for s.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		p.in.Close()
		p.heard.Wait() // it ends when nobody speaks to it
		kill(p.cmd)
		if text, err := os.ReadFile(log.Name()); err == nil && len(text) > 0 && t.Failed() {
			t.Logf("%s says:\n%s", script, text)
		}
		log.Close()
	})
	return p
}

// said returns the lines after the first from.
func (p *peer) said(from int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[min(from, len(p.lines)):]
}

// say gives the peer a line.
func (p *peer) say(t *testing.T, line string) {
	t.Helper()
	_, err := fmt.Fprintln(p.in, line)
	require.NoError(t, err)
}

// startMosquitto runs a broker and returns its address.
func startMosquitto(t *testing.T) (address string) {
	t.Helper()
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n", port)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
	address = fmt.Sprintf("127.0.0.1:%d", port)
	startBroker(t, address, install(t, "mosquitto", "mosquitto"), "-c", config)
	return address
}
