// Package clock tells whether the clock is to be trusted. A Raspberry Pi starts
// with a wrong one and no one to ask.
package clock

import (
	"io/fs"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/lamppost-city/lamppost/agent"
)

// State is how far the wall clock can be trusted.
type State uint8

// The states.
const (
	Impossible State = iota // before this program was built
	Plausible               // nothing speaks against it, and nobody vouches for it
	Trusted                 // the kernel or the time daemon says that it is set
)

// String returns the state's name.
func (s State) String() string { return [...]string{"impossible", "plausible", "trusted"}[s] }

// released is when this was written: no clock may be before it.
var released = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Built returns when the program was built, as near as it knows: the time of
// its commit, or that of this line's last change.
func Built() time.Time { return built() }

var built = sync.OnceValue(func() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key != "vcs.time" {
				continue
			}
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil && t.After(released) {
				return t
			}
		}
	}
	return released
})

// askEvery is how often the kernel and the daemon are asked.
const askEvery = time.Second

// Clock is the clock of one boot. It implements agent.Clock.
type Clock struct {
	boot  uint32
	root  fs.FS
	built time.Time

	mu    sync.Mutex
	state State
	asked time.Time
}

// New returns the clock of a boot, which is numbered from 1. root is the file
// system, where time daemons leave their word.
func New(boot uint32, root fs.FS) *Clock {
	return &Clock{boot: boot, root: root, built: Built()}
}

// State returns the clock's state, as of a second ago at most.
func (c *Clock) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.asked.IsZero() || now.Sub(c.asked) >= askEvery {
		c.state, c.asked = c.ask(now), now
	}
	return c.state
}

func (c *Clock) ask(now time.Time) State {
	if now.Before(c.built) {
		return Impossible
	}
	if kernelSynchronized() {
		return Trusted
	}
	// systemd-timesyncd makes this file when it has set the clock.
	if _, err := fs.Stat(c.root, "run/systemd/timesync/synchronized"); err == nil {
		return Trusted
	}
	return Plausible
}

// From the kernel's uapi/linux/timex.h.
const (
	timeError = 5    // adjtimex: the clock is not synchronized
	staUnsync = 0x40 // status: likewise
)

// kernelSynchronized asks the kernel. Where that is forbidden the answer is no.
func kernelSynchronized() bool {
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	return err == nil && state != timeError && t.Status&staUnsync == 0
}

// Stamp implements agent.Clock.
func (c *Clock) Stamp(t time.Time) (boot uint32, mono time.Duration, quality agent.Quality) {
	if c.State() == Trusted {
		return 0, 0, 0
	}
	return c.boot, Monotonic() - time.Since(t), agent.ClockUnset
}

// Monotonic returns the kernel's CLOCK_MONOTONIC: the time since boot, without
// sleep.
func Monotonic() time.Duration {
	const clockMonotonic = 1
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0 // not on Linux as we know it
	}
	return time.Duration(ts.Nano())
}
