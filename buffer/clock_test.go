package buffer

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

// unset records observations whose times nobody vouches for: each has its
// CLOCK_MONOTONIC, and the wall clock shows wall when that is zero.
func unset(t *testing.T, b *Buffer, wall time.Time, monos ...time.Duration) {
	t.Helper()
	ds, err := b.Datastream(temperature)
	require.NoError(t, err)
	for _, m := range monos {
		require.NoError(t, b.Record([]agent.Observation{{
			Datastream: ds, Time: wall.Add(m), Value: 1, Boot: b.Boot(), Mono: m, Quality: agent.ClockUnset,
		}}))
	}
}

var (
	y1970 = time.Unix(0, 0).UTC()
	truth = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
)

// A gateway boots in 1970, samples for three hours, gets the time, is switched
// off, boots without it and gets it again: every observation has its true time.
func TestTimesAreMendedAsTheyAreRead(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "a")
	o.BootID = "one"
	b := open(t, o)
	var monos []time.Duration
	for m := time.Minute; m <= 3*time.Hour; m += time.Minute {
		monos = append(monos, m)
	}
	unset(t, b, y1970, monos[:60]...)
	require.NoError(t, b.Commit())
	require.NoError(t, b.Close())
	b = open(t, o) // the agent is started again in the same boot
	unset(t, b, y1970, monos[60:]...)
	require.NoError(t, b.Commit())
	b.Tick(3*time.Hour, truth)
	c := b.Cursor("a")
	batch := c.Backlog(100)
	require.Len(t, batch.Observations, 100)
	for i, x := range batch.Observations {
		assert.Equal(t, truth.Add(monos[i]), x.Time)
		assert.Zero(t, x.Boot)
		assert.Zero(t, x.Quality, "nothing speaks against it any more")
		assert.EqualValues(t, i+1, x.Seq, "its key is what it was")
	}
	c.Settle(batch, nil)
	require.NoError(t, b.Commit())
	notices := c.Notices(10)
	require.Len(t, notices, 1)
	assert.Equal(t, agent.NoticeClock, notices[0].Kind)
	assert.EqualValues(t, 1, notices[0].Boot)
	assert.Equal(t, truth, notices[0].Start)
	assert.Zero(t, notices[0].From)
	b.Tick(4*time.Hour, truth.Add(time.Millisecond))
	require.NoError(t, b.Commit())
	assert.Len(t, c.Notices(10), 1, "once")

	// The power is cut; the next boot has no time for a while.
	o.Dir = crash(t, dir)
	o.BootID = "two"
	b = open(t, o)
	begins := truth.Add(30 * 24 * time.Hour)
	unset(t, b, y1970, time.Minute, 2*time.Minute)
	c = b.Cursor("a")
	var before []agent.Observation
	for x := range b.Export() {
		before = append(before, x.Observation)
	}
	require.Len(t, before, 82)
	assert.Equal(t, truth.Add(monos[100]), before[0].Time, "of the boot before, whose time is known")
	assert.Equal(t, agent.ClockUnset, before[81].Quality)
	b.Tick(2*time.Minute, begins)
	all := slices.Concat(c.Backlog(100).Observations, c.Backlog(100).Observations) // a batch is of one epoch
	require.Len(t, all, 82)
	last := time.Time{}
	for _, x := range all {
		assert.Zero(t, x.Quality)
		assert.True(t, x.Time.After(last), "in order")
		last = x.Time
	}
	assert.Equal(t, begins.Add(2*time.Minute), last)
	closes(t, b)
}

// A boot that never gets a clock began after all that was known before it, and
// ended before the next one: the cities are told, and the times stay marked.
func TestBootWithoutAClockIsBracketed(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "a")
	o.BootID = "one"
	b := open(t, o)
	b.Tick(time.Hour, truth) // known until 9:00
	require.NoError(t, b.Close())
	o.BootID = "two"
	b = open(t, o)
	unset(t, b, y1970, 10*time.Minute)
	b.Tick(10*time.Minute, time.Time{})
	require.NoError(t, b.Close())
	o.BootID = "three"
	b = open(t, o)
	b.Tick(time.Minute, truth.Add(3*time.Hour)) // began at 11:00
	require.NoError(t, b.Commit())
	notices := b.Cursor("a").Notices(10)
	require.Len(t, notices, 1, "the third boot has observed nothing yet")
	n := notices[0]
	assert.EqualValues(t, 2, n.Boot)
	// It began between 9:00 and 10:50.
	assert.Equal(t, truth.Add(time.Hour+55*time.Minute), n.Start)
	assert.Equal(t, (55 * time.Minute).Seconds(), n.Bound)
	x := b.Cursor("a").Backlog(1).Observations[0]
	assert.Equal(t, agent.ClockUnset, x.Quality)
	assert.EqualValues(t, 2, x.Boot)
	require.NoError(t, b.Close())
	b = open(t, o)
	b.Tick(2*time.Minute, truth.Add(3*time.Hour))
	require.NoError(t, b.Commit())
	assert.Len(t, b.Cursor("a").Notices(10), 1, "once")
}

// What was recorded while the clock shows what cannot be waits until it is let go.
func TestHold(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	record(t, b, temperature, 3)
	c := b.Cursor("a")
	c.Connected(true)
	b.Hold(true)
	b.Hold(true)
	record(t, b, temperature, 2)
	assert.Len(t, c.Backlog(10).Observations, 3)
	assert.Empty(t, c.Live(10).Observations)
	n := 0
	for range b.Export() {
		n++
	}
	assert.Equal(t, 5, n, "a person may see it")
	b.Hold(false)
	assert.Len(t, c.Live(10).Observations, 2)
}

// Steps of the clock by decades, in both directions, lose nothing, repeat nothing
// and keep the order of what waits.
func TestClockJumps(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	ds, err := b.Datastream(temperature)
	require.NoError(t, err)
	times := []time.Time{
		truth, truth.AddDate(50, 0, 0), truth.AddDate(50, 0, 0).Add(time.Second), truth.AddDate(-50, 0, 0), truth.Add(time.Second),
		time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), // the end of 32-bit seconds
		time.Date(1901, 12, 13, 20, 45, 52, 0, time.UTC),                                                   // and their beginning
		time.Date(2016, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2016, 12, 31, 23, 59, 59, 0, time.UTC), // a leap second that the kernel repeats
		time.Date(2106, 2, 7, 6, 28, 16, 0, time.UTC), // unsigned ones end
	}
	for i, at := range times {
		require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: at, Value: float64(i)}}))
	}
	require.NoError(t, b.Commit())
	for _, b := range []*Buffer{b, open(t, options(crash(t, dir), "a"))} {
		all := b.Cursor("a").Backlog(100).Observations
		require.Len(t, all, len(times))
		for i, o := range all {
			assert.EqualValues(t, i+1, o.Seq)
			assert.Equal(t, float64(i), o.Value)
			want := times[i]
			if i == 9 {
				want = want.Add(time.Millisecond) // two of one datastream never have one time
			}
			assert.Equal(t, want, o.Time)
		}
	}
}
