package clock

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
)

func TestState(t *testing.T) {
	daemon := fstest.MapFS{"run/systemd/timesync/synchronized": {}}
	now := Built().AddDate(1, 0, 0)
	assert.Equal(t, Trusted, New(1, daemon).ask(now), "the daemon says so")
	assert.Equal(t, Impossible, New(1, daemon).ask(time.Unix(0, 0)), "whatever the daemon says")
	want := Plausible
	if kernelSynchronized() {
		want = Trusted
	}
	assert.Equal(t, want, New(1, fstest.MapFS{}).ask(now))
}

func TestStamp(t *testing.T) {
	c := New(7, fstest.MapFS{})
	c.state, c.asked = Plausible, time.Now().Add(time.Hour)
	ago := time.Now().Add(-time.Minute)

	boot, mono, q := c.Stamp(ago)

	assert.EqualValues(t, 7, boot)
	assert.Equal(t, agent.ClockUnset, q)
	assert.InDelta(t, Monotonic()-time.Minute, mono, float64(time.Second))
	c.state = Trusted
	boot, mono, q = c.Stamp(ago)
	assert.Zero(t, boot)
	assert.Zero(t, mono)
	assert.Zero(t, q)
}

func TestMonotonicRuns(t *testing.T) {
	first := Monotonic()
	time.Sleep(2 * time.Millisecond)
	assert.Greater(t, Monotonic(), first)
}

func TestStateNames(t *testing.T) {
	assert.Equal(t, "impossible plausible trusted", Impossible.String()+" "+Plausible.String()+" "+Trusted.String())
}
