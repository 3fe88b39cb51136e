//go:build system

package proof

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// backWithin is how long the disk may work again before what is in memory is on
// it.
const backWithin = 5 * time.Second

// TestSystemFaultLasts lets system calls of a running writer fail for seconds,
// and of one that starts. The process goes on in memory, and what was recorded
// meanwhile comes through.
func TestSystemFaultLasts(t *testing.T) {
	need(t)
	strace := install(t, "strace", "strace")
	begun := time.Now()
	m := newMatrix(t, strace)
	var slowest time.Duration
	size, ram, broken := 0, 0, 0
	for i, call := range calls {
		for k, fault := range faults[:3] {
			if os.Getenv("LAMPPOST_MATRIX") != "all" && (i+k)%3 != 0 {
				continue
			}
			for _, starting := range []bool{false, true} {
				size++
				back, inRAM, err := m.last(small(t, "6m"), trial{call: call, fault: fault}, starting)
				slowest = max(slowest, back)
				if inRAM {
					ram++
				}
				broken += lost(err)
				assert.NoErrorf(t, err, "%s %s starting %v", call, fault, starting)
			}
		}
	}
	summary(t, result{
		Name: "lasting faults", Size: size, Lost: broken, Duration: time.Since(begun).Seconds(),
		Figures: map[string]float64{"slowest_back_ms": float64(slowest.Milliseconds()), "in_ram": float64(ram)},
	})
	assert.Greater(t, ram, 2, "some faults stop all writing")
}

// last lets a fault last, and returns how long after it all was accepted.
func (m *matrix) last(mnt string, x trial, starting bool) (back time.Duration, ram bool, err error) {
	b, c, dir, err := m.begin(mnt, false)
	if err != nil {
		return 0, false, err
	}
	if starting {
		b.writer.Wait = time.Second
	}
	_, gone := (&heard{claims: c}).now()
	l, err := b.startLive(dir, c)
	if err != nil {
		return 0, false, err
	}
	defer l.kill()
	if !starting {
		err = l.goesOn()
	}
	intruder, failed := intrude(straceArgs(m.strace, filepath.Join(mnt, "trace"), dir, x.call, x.fault, "1+"), l.cmd.Process.Pid)
	if err = errors.Join(err, failed); err != nil {
		return 0, false, err
	}
	ram = l.inRAM(true, 2500*time.Millisecond) == nil // not all calls are made all the time
	err = errors.Join(l.goesOn(), intruder.end())
	if starting && (x.call == "openat" || x.call == "flock") {
		// What could not even be read is left as it is until the next start.
		return 0, ram, errors.Join(err, l.goesOn(), l.restart(&b))
	}
	back, failed = l.recovers(gone)
	return back, ram, errors.Join(err, failed, l.stop(&b))
}
