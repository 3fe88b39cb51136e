//go:build system

package proof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// calls are the system calls that the buffer's files depend on. All but openat
// are for nothing else in a writer.
var calls = []string{"pwrite64", "fdatasync", "fsync", "ftruncate", "truncate", "openat", "renameat", "unlinkat", "flock"}

// opened are the files whose opening may fail: not those of the Go runtime, and
// of segments nobody knows the names.
var opened = []string{".", "journal", "journal.new", "state.db", "state.db.new"}

// faults are what may become of a call, as strace wants to hear it. A slow card
// takes 200 ms.
var faults = []string{"error=EIO", "error=ENOSPC", "error=EROFS", "delay_exit=200000", "signal=KILL"}

// straceArgs makes the command line that does something to calls. when is the
// first of them in each thread, or the first and the last.
func straceArgs(strace, trace, dir, call, fault, when string) []string {
	args := []string{
		strace, "-f", "-q", "-o", trace, "-e", "signal=none", "-e", "trace=" + call,
		"-e", "inject=" + call + ":" + fault + ":when=" + when,
	}
	if call == "openat" {
		for _, name := range opened {
			args = append(args, "-P", filepath.Join(dir, name))
		}
	}
	return args
}

// injected returns how many calls something was done to.
func injected(trace string) int {
	text, _ := os.ReadFile(trace) // none, if it was not written
	return bytes.Count(text, []byte("(INJECTED)")) + bytes.Count(text, []byte("(DELAYED)")) + min(1, bytes.Count(text, []byte("+++ killed by SIGKILL")))
}

// intruder is strace on a writer that runs already.
type intruder struct {
	cmd *exec.Cmd
}

// intrude makes calls of a running process fail until end is called.
func intrude(args []string, pid int) (*intruder, error) {
	args = append(args[1:], "-p", fmt.Sprint(pid))
	x := &intruder{exec.Command("strace", args...)}
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	if !waitFor(backWithin, func() bool { return traced(pid) }) {
		return nil, errors.Join(errors.New("strace does not attach"), x.cmd.Process.Kill(), x.cmd.Wait())
	}
	return x, nil
}

// traced tells whether all threads of a process are traced.
func traced(pid int) bool {
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, path := range all {
		status, err := os.ReadFile(path)
		if err == nil && bytes.Contains(status, []byte("TracerPid:\t0\n")) {
			return false
		}
	}
	return len(all) > 0
}

// end lets go of the process.
func (x *intruder) end() error {
	err := x.cmd.Process.Signal(os.Interrupt)
	_ = x.cmd.Wait() // it says that it was interrupted
	return err
}

// tell says of the buffer what a person would see.
func (j job) tell(b *buffer.Buffer, out io.Writer) {
	for ; ; time.Sleep(20 * time.Millisecond) {
		s := b.Stats()
		fmt.Fprintf(out, "window %s\n", s.LossWindow)
	}
}

// heard is what a writer has said until now.
type heard struct {
	mu     sync.Mutex
	claims *Claims
	window string
}

func (h *heard) line(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if window, ok := strings.CutPrefix(text, "window "); ok {
		h.window = strings.TrimSpace(window)
		return
	}
	h.claims.Line(text)
}

// now returns the loss window, and what was recorded and is not accepted.
func (h *heard) now() (window string, open Keys) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.window, h.claims.Recorded.Minus(h.claims.Accepted)
}

// through tells whether keys that were open are accepted, but for those that
// were open before.
func (h *heard) through(open, before Keys) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(open.Minus(before, h.claims.Accepted)) == 0
}

// recorded returns how many observations were recorded.
func (h *heard) recorded() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.claims.Recorded.Count()
}

// waitFor waits until something is true, and tells whether it became so.
func waitFor(limit time.Duration, what func() bool) bool {
	for until := time.Now().Add(limit); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if what() {
			return true
		}
	}
	return what()
}

// checkFull is Check for a disk that may be full: the oldest go then, and are in
// the ledger.
func checkFull(c *Claims, r Report, cities []string) error {
	ledger := make([]agent.Notice, len(r.Ledger))
	for i, n := range r.Ledger {
		if strings.HasPrefix(n.Cause, "min_free: ") {
			n.Cause = "max_size: " + n.Cause
		}
		ledger[i] = n
	}
	r.Ledger = ledger
	return Check(c, r, cities)
}

// small mounts a file system in memory of a size. A small one makes the halves
// of a journal small, so that they are sealed often.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { unmount(dir) })
	return dir
}

// copied copies the files of a directory.
func copied(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// clean returns what is wrong with how a process ended: an error that it told is
// not, but a panic is, and that it did not end.
func (p *process) clean(err error) error {
	text := p.log.String()
	for _, bad := range []string{"panic: ", "fatal error: ", "unexpected fault address"} {
		if i := strings.Index(text, bad); i >= 0 {
			return fmt.Errorf("the writer panics: %.2000s", text[i:])
		}
	}
	if exit := (*exec.ExitError)(nil); err == nil || errors.As(err, &exit) && !strings.HasPrefix(err.Error(), "ended ") {
		return nil
	}
	return fmt.Errorf("the writer: %w: %s", err, text[max(0, len(text)-2000):])
}
