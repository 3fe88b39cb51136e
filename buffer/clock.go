package buffer

import (
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// maxClocks is how many boots are remembered. What waits from before them keeps
// the time it has, and its quality.
const maxClocks = 256

// clockState is what is known of the clock in one boot.
type clockState struct {
	Boot  uint32        `json:"boot"`
	Start time.Time     `json:"start,omitzero"` // when its CLOCK_MONOTONIC was zero; zero if that is not known
	Mono  time.Duration `json:"mono"`           // it has lasted that long at least
	Known time.Time     `json:"known,omitzero"` // the newest moment that a trusted clock has shown in it
	Unset bool          `json:"unset"`          // observations of it have times that nobody vouches for
}

// Tick tells the buffer what the clock of this boot says, about once a second.
// mono is its CLOCK_MONOTONIC and start when that was zero, or the zero time while
// the clock is not trusted. When it is trusted for the first time in a boot,
// waiting observations of that boot have their true times from then on, each as
// it is handed out, and the cities are told: also within which bounds a boot
// without a clock before it must have been.
func (b *Buffer) Tick(mono time.Duration, start time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.clock()
	c.Mono = max(c.Mono, mono)
	if start.IsZero() {
		return
	}
	c.Known = start.Add(c.Mono).UTC()
	if !c.Start.IsZero() {
		return
	}
	c.Start = start.UTC().Round(time.Millisecond)
	// What the last run of this boot did not live to say, it may have recorded.
	if c.Unset || b.unclean {
		b.tellClock(c.Boot, c.Start, 0)
	}
	b.bracket()
}

// Known returns the newest moment that a trusted clock has shown in any boot that
// is remembered, or the zero time.
func (b *Buffer) Known() (known time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.clocks {
		if c.Known.After(known) {
			known = c.Known
		}
	}
	return known
}

// clock returns that of this boot, which it opens if it is new.
func (b *Buffer) clock() *clockState {
	all := b.clocks
	if n := len(all); n == 0 || all[n-1].Boot != b.state.Boot {
		all = append(all[max(0, n-maxClocks+1):n:n], clockState{Boot: b.state.Boot})
		b.clocks = all
	}
	return &all[len(all)-1]
}

// bracket tells of the boots right before this one that never had a clock: each
// began after the newest moment known before it, and ended before this one began.
func (b *Buffer) bracket() {
	all := b.clocks
	latest := all[len(all)-1].Start
	for i := len(all) - 2; i >= 0 && all[i].Start.IsZero(); i-- {
		latest = latest.Add(-all[i].Mono)
		var earliest time.Time
		var between time.Duration // that boots after the one that knew have lasted
		for j := i - 1; j >= 0; j-- {
			if !all[j].Known.IsZero() {
				earliest = all[j].Known.Add(between)
				break
			}
			between += all[j].Mono
		}
		if all[i].Unset && !earliest.IsZero() && earliest.Before(latest) {
			half := latest.Sub(earliest) / 2
			b.tellClock(all[i].Boot, earliest.Add(half), half)
		}
		all[i].Unset = false // told once
	}
}

func (b *Buffer) tellClock(boot uint32, start time.Time, bound time.Duration) {
	b.notice(agent.Notice{
		Kind: agent.NoticeClock, Boot: boot, Start: start.UTC().Round(time.Millisecond), Bound: bound.Seconds(),
		From: b.next, // of this epoch; it names no Seq
	})
	n := &b.notices[len(b.notices)-1]
	n.From = 0
}

// corrected returns an observation with its true time, if that is known by now.
// Its key stays what it is.
func (b *Buffer) corrected(o agent.Observation) agent.Observation {
	if o.Boot == 0 {
		return o
	}
	for i := len(b.clocks) - 1; i >= 0; i-- {
		if c := &b.clocks[i]; c.Boot == o.Boot && !c.Start.IsZero() {
			o.Time = c.Start.Add(o.Mono).Truncate(time.Millisecond)
			o.Boot, o.Mono, o.Quality = 0, 0, o.Quality&^agent.ClockUnset
			break
		}
	}
	return o
}

// Hold keeps back from the cities what is recorded from now on, or lets it go:
// while the clock shows what cannot be, its times are of no use to anybody.
func (b *Buffer) Hold(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case on && b.heldFrom == 0:
		b.heldFrom = b.next
	case !on && b.heldFrom > 0:
		b.heldFrom = 0
		b.grown()
	}
}
