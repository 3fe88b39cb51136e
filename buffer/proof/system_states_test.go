//go:build system

package proof

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// states is how many states of a disk are tried, unless LAMPPOST_STATES says
// otherwise.
const states = 200

// modes say what happened to the writes that were not flushed.
var modes = []string{"subset", "prefix", "drop"}

// sessions are the commits of the writers that follow each other on one disk.
var sessions = []uint64{150, 60, 40, 100, 60, 40, 100}

// TestSystemCrashStates cuts the power of a disk that does what it says, at any
// moment, and checks what was promised until then.
func TestSystemCrashStates(t *testing.T) {
	need(t)
	begun := time.Now()
	n := number(t, "LAMPPOST_STATES", states)
	b := newBench()
	rec := b.record(t, sessions...)
	recorded := time.Since(begun)
	c, err := b.states(t, rec, n)
	summary(t, result{Name: "crash states", Size: n, Lost: lost(err), Duration: time.Since(begun).Seconds(), Note: fmt.Sprintf(
		"%d operations, recorded in %.1f s; up to %d observations accepted", len(rec.ops), recorded.Seconds(), c.Accepted.Count())})
	require.NoError(t, err)
}

// states tries n states of a recording. Its error says how the promise was
// broken.
func (b *bench) states(t *testing.T, rec *recording, n int) (*Claims, error) {
	t.Helper()
	p := newPlayer(t, rec, 0, b.seed)
	for i, at := range p.points(n, 1) {
		mode := modes[i%len(modes)]
		c, r, err := p.state(b, at, mode)
		if err == nil {
			err = Check(c, r, b.cities)
		}
		if err != nil {
			return p.claims, fmt.Errorf("%s at operation %d of %d, seed %d: %w", mode, at, len(rec.ops), b.seed, err)
		}
	}
	return p.claims, nil
}
