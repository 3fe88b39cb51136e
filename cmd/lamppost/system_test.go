//go:build system

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/stretchr/testify/require"
)

// program builds a command of this module for this machine.
func program(t *testing.T, name string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(name))
	args := append([]string{"build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, "github.com/lamppost-city/lamppost/"+name)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s", text)
	return out
}

// install makes sure that a program of a Debian package is there.
func install(t *testing.T, program, pkg string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/bin"} {
		if path := filepath.Join(dir, program); exists(path) {
			return path
		}
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", pkg}} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		text, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s", text)
	}
	return install(t, program, pkg)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// freePort returns a port of the loopback that nobody uses.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// gatewayConfig writes a configuration with n simulated sensors, spread over the
// second, and one city.
func gatewayConfig(t *testing.T, dir, address string, n int, cityKeys ...string) string {
	t.Helper()
	return gatewayWith(t, dir, n, fmt.Sprintf("[[city]]\nname = \"platform\"\nprotocol = \"senml\"\nurl = \"mqtt://%s\"\n%s\n", address, strings.Join(cityKeys, "\n")))
}

// gatewayWith is likewise, with these tables of cities.
func gatewayWith(t *testing.T, dir string, n int, cities string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("board = \"sim\"\n[thing]\nid = \"lamp-042\"\nname = \"Lamp post 42\"\nlocation = [6.6323, 46.5197]\n")
	b.WriteString("[buffer]\ndir = \"buffer\"\nmin_free = 1\ncommit_every = \"100ms\"\n")
	b.WriteString(cities)
	for i := range n {
		fmt.Fprintf(&b, "[[sensor]]\nname = \"air-%d\"\ndriver = \"sht4x\"\nbus = \"%d\"\nevery = \"1s\"\nphase = \"%dms\"\n", i, i, i*1000/n)
	}
	path := filepath.Join(dir, "lamppost.toml")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// keys are sets of Seqs by epoch.
type keys map[string]map[uint64]bool

func (k keys) add(epoch string, from, to uint64) {
	if k[epoch] == nil {
		k[epoch] = make(map[uint64]bool)
	}
	for s := from; s <= to; s++ {
		k[epoch][s] = true
	}
}

// witness is what an agent said of itself while it ran.
type witness struct {
	mu       sync.Mutex
	recorded keys
	accepted keys
	last     map[string]uint64
	gaps     []string // Seqs that were never recorded, "epoch from to"
	lines    int
}

func newWitness() *witness {
	return &witness{recorded: keys{}, accepted: keys{}, last: map[string]uint64{}}
}

// line takes one line. A torn one, the last before a kill, counts for nothing.
func (w *witness) line(text string) {
	var what, epoch string
	var from, to uint64
	if n, err := fmt.Sscanf(strings.Replace(text, "-", " ", 1), "%s %s %d %d", &what, &epoch, &from, &to); n != 4 || err != nil || len(epoch) != 16 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines++
	switch what {
	case "recorded":
		if from > w.last[epoch]+1 {
			w.gaps = append(w.gaps, fmt.Sprintf("%s %d %d", epoch, w.last[epoch]+1, from-1))
		}
		w.last[epoch] = to
		w.recorded.add(epoch, from, to)
	case "accepted":
		w.accepted.add(epoch, from, to)
	}
}

// running is a agent whose witness is heard.
type running struct {
	cmd    *exec.Cmd
	listen sync.WaitGroup
}

// start runs an agent. Its log goes to a file beside the configuration.
func start(t *testing.T, binary, config string, w *witness, env ...string) *running {
	t.Helper()
	r, out, err := os.Pipe()
	require.NoError(t, err)
	log, err := os.OpenFile(config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(binary, "run", "--config", config, "--witness", "3")
	cmd.ExtraFiles, cmd.Stderr, cmd.Env = []*os.File{out}, log, append(os.Environ(), env...)
	require.NoError(t, cmd.Start())
	require.NoError(t, out.Close())
	p := &running{cmd: cmd}
	p.listen.Go(func() {
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			w.line(s.Text())
		}
	})
	t.Cleanup(func() { p.end(os.Kill) })
	return p
}

// end sends a signal and waits until the process has ended and all it said is
// heard.
func (p *running) end(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended
	_ = p.cmd.Wait()
	p.listen.Wait()
}

// promise checks what the agent accepted against where it is: witnessed
// accepted ⊆ at the city ∪ waiting ∪ ledger, and every gap in the numbers named
// by a window. It returns what is wrong.
func promise(t *testing.T, w *witness, dir string, city map[string][]desk.Range) error {
	t.Helper()
	known := keys{}
	for epoch, ranges := range city {
		for _, r := range ranges {
			known.add(epoch, r.From, r.To)
		}
	}
	b, err := buffer.Inspect(dir)
	if err != nil {
		return err
	}
	defer b.Close()
	for o := range b.Export() {
		known.add(o.Epoch.String(), o.Seq, o.Seq)
	}
	windows := keys{}
	for _, n := range b.Ledger() {
		if n.Kind == "window" {
			windows.add(n.Epoch.String(), n.From, min(n.To, n.From+2000)) // its ends tell
			windows.add(n.Epoch.String(), n.To, n.To)
			continue
		}
		known.add(n.Epoch.String(), n.From, n.To)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for epoch, set := range w.accepted {
		for s := range set {
			if !known[epoch][s] {
				return fmt.Errorf("%s %d was accepted and is nowhere", epoch, s)
			}
		}
	}
	for _, gap := range w.gaps {
		var epoch string
		var from, to uint64
		if _, err := fmt.Sscan(gap, &epoch, &from, &to); err != nil {
			return err
		}
		if !windows[epoch][to] {
			return fmt.Errorf("the gap %d to %d of %s is in no window", from, to, epoch)
		}
	}
	return nil
}

// eventually waits until ok, a minute at most.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		require.Truef(t, time.Now().Before(end), "%s", what)
	}
}
