// Package clock tells whether the clock is to be trusted. A Raspberry Pi starts
// with a wrong one and no one to ask.
package clock

import (
	"io/fs"
	"runtime/debug"
	"strings"
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
	Impossible State = iota // before this program was built, or before a moment that is known to be past
	Plausible               // nothing speaks against it, and nobody vouches for it
	Trusted                 // the kernel or the time daemon says that it is set, or it was set from a clock with a battery
)

// String returns the state's name.
func (s State) String() string { return [...]string{"impossible", "plausible", "trusted"}[s] }

// Words says what that means for observations.
func (s State) Words() string {
	return [...]string{
		"impossible: it shows a time that is past for sure; observations wait for clock_hold, then go marked clock-unset",
		"plausible: nothing vouches for it; observations go marked clock-unset, and are mended when it is set",
		"trusted",
	}[s]
}

// Words says what the state of that name means for observations.
func Words(name string) string {
	for s := Impossible; s <= Trusted; s++ {
		if s.String() == name {
			return s.Words()
		}
	}
	return name
}

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
	known time.Time

	mu    sync.Mutex
	state State
	asked time.Time
	zero  time.Time // what the wall clock shows for a CLOCK_MONOTONIC of zero
}

// New returns the clock of a boot, which is numbered from 1. known is a moment
// that is known to be past, or the zero time. root is the file system, where time
// daemons leave their word.
func New(boot uint32, known time.Time, root fs.FS) *Clock {
	return &Clock{boot: boot, root: root, known: known}
}

// Start returns when the CLOCK_MONOTONIC of this boot was zero, or the zero time
// while the clock is not trusted.
func (c *Clock) Start() time.Time {
	if c.State() != Trusted {
		return time.Time{}
	}
	return time.Now().Add(-Monotonic())
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
	if now.Before(Built()) {
		return Impossible
	}
	if kernelSynchronized() {
		return Trusted
	}
	// systemd-timesyncd makes this file when it has set the clock.
	if _, err := fs.Stat(c.root, "run/systemd/timesync/synchronized"); err == nil {
		return Trusted
	}
	// chronyd writes its drift only while it follows a source: in this boot, then.
	begun := now.Add(-Monotonic())
	for _, drift := range []string{"var/lib/chrony/chrony.drift", "var/lib/chrony/drift"} {
		if info, err := fs.Stat(c.root, drift); err == nil && info.ModTime().After(begun) && !info.ModTime().After(now) {
			return Trusted
		}
	}
	if now.Before(c.known) {
		return Impossible // unless somebody vouches for it: what was known may have been wrong
	}
	// The kernel set the clock from one with a battery, which shows a possible time.
	if text, err := fs.ReadFile(c.root, "sys/class/rtc/rtc0/hctosys"); err == nil && strings.TrimSpace(string(text)) == "1" {
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
	mono = Monotonic() - time.Since(t)
	return c.boot, c.aligned(t, mono), agent.ClockUnset
}

// jitter is by how much two readings of the two clocks differ.
const jitter = 2 * time.Millisecond

// aligned returns mono so that it differs from the wall clock by the same amount
// as before, unless that clock was set meanwhile: two moments of different
// milliseconds stay so when their times are mended.
func (c *Clock) aligned(t time.Time, mono time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := time.UnixMilli(t.UnixMilli())
	zero := t.Round(0).Add(-mono)
	if zero.Sub(c.zero).Abs() > jitter {
		c.zero = time.UnixMilli(zero.UnixMilli())
	}
	return max(wall.Sub(c.zero), 0)
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
