//go:build system

package proof

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nth is how many calls of each kind are tried.
const nth = 10

// A trial is one fault in the life of a writer.
type trial struct {
	call, fault string
	n           int
	long        bool // four calls in a row
}

func (x trial) String() string {
	return fmt.Sprintf("%s %s %s", x.call, x.fault, x.when())
}

func (x trial) when() string {
	if x.long {
		return fmt.Sprintf("%d..%d", x.n, x.n+3)
	}
	return fmt.Sprint(x.n)
}

// trials are of each kind two; or all; or those whose names have a text in them.
func trials(which string) (out []trial) {
	for i, call := range calls {
		often := nth
		if which == "" && !slices.Contains(calls[:2], call) && call != "openat" {
			often = nth * 2 / 5 // there are not many more
		}
		for k, fault := range faults {
			for n := 1; n <= nth; n++ {
				x := trial{call, fault, n, (n+k)%2 == 0 && fault != "signal=KILL"}
				first := (i+3*k)%(often/2) + 1
				if which == "all" || which == "" && (n == first || n == first+often/2) || which != "" && strings.Contains(x.String(), which) {
					out = append(out, x)
				}
			}
		}
	}
	return out
}

// TestSystemFaultMatrix does something to each system call that the buffer's
// files depend on: an error, a delay, a kill. Every second writer begins with
// what an earlier one left. LAMPPOST_MATRIX=all tries all, any other text what has
// it in its name.
func TestSystemFaultMatrix(t *testing.T) {
	need(t)
	strace := install(t, "strace", "strace")
	begun := time.Now()
	m := newMatrix(t, strace)
	todo := trials(os.Getenv("LAMPPOST_MATRIX"))
	found := m.run(t, todo)
	summary(t, result{
		Name: "fault matrix", Size: len(todo), Lost: len(found), Duration: time.Since(begun).Seconds(),
		Figures: map[string]float64{"hit": float64(m.hit), "ended_by_fault": float64(m.ended)},
	})
	for _, err := range found {
		assert.NoError(t, err)
	}
	assert.Greater(t, m.hit, len(todo)/5, "many of the calls were made")
}

// A matrix is what trials have in common.
type matrix struct {
	strace string
	old    bench  // of the writer that left something
	left   string // that
	claims *Claims

	mu         sync.Mutex
	hit, ended int
}

func newMatrix(t *testing.T, strace string) *matrix {
	t.Helper()
	b := newBench()
	b.writer.Backlog = true
	dir := filepath.Join(small(t, "3m"), "buffer")
	c := NewClaims()
	j := b.writer
	j.Role, j.Dir, j.Commits, j.Unclean = "write", dir, 150, true
	for range 3 { // each start seals what was left
		require.NoError(t, b.killOne(j, c))
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, segments, "so much that it was sealed")
	return &matrix{strace: strace, old: *b, left: dir, claims: c}
}

// run runs trials, some at a time: most of the time a writer waits.
func (m *matrix) run(t *testing.T, todo []trial) (found []error) {
	t.Helper()
	queue := make(chan trial)
	var all sync.WaitGroup
	for range 3 {
		mnt := small(t, "3m")
		all.Go(func() {
			for x := range queue {
				if err := m.try(mnt, x); err != nil {
					m.mu.Lock()
					found = append(found, fmt.Errorf("%v: %w", x, err))
					m.mu.Unlock()
				}
			}
		})
	}
	for _, x := range todo {
		queue <- x
	}
	close(queue)
	all.Wait()
	return found
}

// begin gives a writer a directory: with nothing in it, or with what was left.
func (m *matrix) begin(mnt string, fresh bool) (b bench, c *Claims, dir string, err error) {
	dir = filepath.Join(mnt, "buffer")
	if b, c = m.old, m.claims.Clone(); fresh {
		c = NewClaims()
		return b, c, dir, os.RemoveAll(dir)
	}
	return b, c, dir, copied(m.left, dir)
}

// try runs one writer with a fault, and one after it without.
func (m *matrix) try(mnt string, x trial) error {
	b, c, dir, err := m.begin(mnt, x.n%2 == 0)
	if err != nil {
		return err
	}
	trace := filepath.Join(mnt, "trace")
	b.run = map[string][]string{"write": append(straceArgs(m.strace, trace, dir, x.call, x.fault, x.when()), b.binary)}
	j := b.writer
	j.Role, j.Dir, j.Commits = "write", dir, 120
	p, err := b.start(j, c.Line)
	if err != nil {
		return err
	}
	ended := p.end(timeLimit)
	hit := injected(trace)
	m.mu.Lock()
	m.hit += min(1, hit)
	m.ended += lost(ended)
	m.mu.Unlock()
	if err := p.clean(ended); err != nil {
		return err
	}
	exit := (*exec.ExitError)(nil)
	if errors.As(ended, &exit) && x.fault != "signal=KILL" && !strings.Contains(p.log.String(), "buffer: close: ") {
		return fmt.Errorf("the writer ended: %w: %s", ended, &p.log)
	}
	if err := os.Remove(trace); err != nil {
		return err
	}
	r, err := b.verify(dir, c, x.n%4 < 2)
	if err != nil {
		return err
	}
	return checkFull(c, r, b.cities)
}
