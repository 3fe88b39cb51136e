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
