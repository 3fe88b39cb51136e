package agent

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reading between two points of the grid, asked for or woken, takes the place
// of neither.
func TestReadingBetweenKeepsTheGrid(t *testing.T) {
	s := &wakingSensor{fakeSensor{value: 1, property: Open}, nil}
	run(t, SensorConfig{Every: time.Hour, Sensor: s}, func(t *testing.T, a *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		begun := time.Now()
		require.True(t, begun.Equal(begun.Truncate(time.Hour)), "the bubble starts on the hour")
		pass(30 * time.Minute)
		_, err := a.Observe(t.Context(), "roof")
		require.NoError(t, err)
		pass(time.Hour)
		s.wake <- struct{}{}
		pass(2 * time.Hour)
		var at []time.Duration
		for _, o := range rec.of("roof/open") {
			at = append(at, o.Time.Sub(begun))
		}
		assert.Equal(t, []time.Duration{0, 30 * time.Minute, time.Hour, 90 * time.Minute, 2 * time.Hour, 3 * time.Hour}, at)
	})
}

// Nor does a reading that failed, and its repetition.
func TestFailureBetweenKeepsTheGrid(t *testing.T) {
	s := &fakeSensor{value: 20}
	run(t, SensorConfig{Every: time.Hour, Sensor: s}, func(t *testing.T, a *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		begun := time.Now()
		pass(30 * time.Minute)
		s.set(func() { s.err = errors.New("checksum mismatch") })
		_, err := a.Observe(t.Context(), "roof")
		require.Error(t, err)
		s.set(func() { s.err = nil })
		pass(90*time.Minute + time.Second)
		var at []time.Duration
		for _, o := range rec.of("roof/airTemperature") {
			at = append(at, o.Time.Sub(begun))
		}
		assert.Equal(t, []time.Duration{0, 30*time.Minute + time.Second, time.Hour, 2 * time.Hour}, at)
	})
}

// A night in which the hour comes twice, or is left out, has neither more nor
// fewer points: the grid is in UTC.
func TestGridOverSummerTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	for _, day := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, zone), time.Date(2026, 10, 25, 0, 0, 0, 0, zone)} {
		at, n := day.Add(time.Second), 0
		for end := day.AddDate(0, 0, 1); at.Before(end); n++ {
			next := grid(at, 10*time.Minute, 0)
			if n > 0 {
				assert.Equal(t, 10*time.Minute, next.Sub(at))
			}
			at = next
		}
		assert.Equal(t, int(day.AddDate(0, 0, 1).Sub(day)/(10*time.Minute)), n)
	}
}

// Steps of the wall clock by decades: the next point is the next one of the new
// time, never one that was served, and never far away.
func TestGridOverJumps(t *testing.T) {
	r := &runner{c: SensorConfig{Every: time.Minute}}
	served := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, jump := range []int{50, -50, 12, -56} { // beyond 2038, and 1970
		now := served.AddDate(jump, 0, 0).Add(20 * time.Second)
		next := r.after(served, now)
		assert.Equal(t, served.AddDate(jump, 0, 0).Add(time.Minute), next)
		assert.Less(t, next.Sub(now), 2*time.Minute)
	}
}
