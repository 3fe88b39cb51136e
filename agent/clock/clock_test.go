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
	assert.Equal(t, Trusted, New(1, time.Time{}, daemon).ask(now), "the daemon says so")
	assert.Equal(t, Impossible, New(1, time.Time{}, daemon).ask(time.Unix(0, 0)), "whatever the daemon says")
	assert.Equal(t, Trusted, New(1, now.AddDate(50, 0, 0), daemon).ask(now), "what was known may have been wrong")
	if kernelSynchronized() {
		t.Skip("the clock of this machine is set: nothing is left to doubt")
	}
	assert.Equal(t, Plausible, New(1, time.Time{}, fstest.MapFS{}).ask(now))
	assert.Equal(t, Impossible, New(1, now.Add(time.Second), fstest.MapFS{}).ask(now), "it was later already")
	assert.Equal(t, Plausible, New(1, now, fstest.MapFS{}).ask(now))

	battery := fstest.MapFS{"sys/class/rtc/rtc0/hctosys": {Data: []byte("1\n")}}
	assert.Equal(t, Trusted, New(1, time.Time{}, battery).ask(now))
	assert.Equal(t, Impossible, New(1, now.Add(time.Second), battery).ask(now), "its battery is empty")
	assert.Equal(t, Plausible, New(1, time.Time{}, fstest.MapFS{"sys/class/rtc/rtc0/hctosys": {Data: []byte("0\n")}}).ask(now))

	drift := func(at time.Time) fstest.MapFS {
		return fstest.MapFS{"var/lib/chrony/chrony.drift": {ModTime: at}}
	}
	assert.Equal(t, Trusted, New(1, time.Time{}, drift(now.Add(-Monotonic()/2))).ask(now), "chronyd follows a source")
	assert.Equal(t, Plausible, New(1, time.Time{}, drift(now.Add(-Monotonic()-time.Hour))).ask(now), "of the boot before")
}

// The two clocks are read one after the other: what is left of that must not make
// two milliseconds one when times are mended.
func TestStampsStayApart(t *testing.T) {
	c := New(7, time.Time{}, fstest.MapFS{})
	c.state, c.asked = Plausible, time.Now().Add(time.Hour)
	at := time.Now()
	_, first, _ := c.Stamp(at)
	for i := range 1000 {
		_, mono, _ := c.Stamp(at.Add(time.Duration(i) * time.Millisecond))
		assert.Equal(t, first+time.Duration(i)*time.Millisecond, mono)
	}
}

func TestStamp(t *testing.T) {
	c := New(7, time.Time{}, fstest.MapFS{})
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
