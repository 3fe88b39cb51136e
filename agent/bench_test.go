package agent

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// still is a sensor that allocates nothing.
type still struct{}

// Observe implements Sensor.
func (still) Observe(_ context.Context, into []Result) ([]Result, error) {
	return append(into, Result{Property: AirTemperature, Value: 20}, Result{Property: RelativeHumidity, Value: 50}), nil
}

// Close implements Sensor.
func (still) Close() error { return nil }

// sink takes observations and forgets them.
type sink struct{}

// Datastream implements Recorder.
func (sink) Datastream(want Datastream) (*Datastream, error) { return &want, nil }

// Record implements Recorder.
func (sink) Record([]Observation) error { return nil }

// Last implements Recorder.
func (sink) Last(*Datastream) (float64, bool) { return 0, false }

// way returns a function that takes two results from a sensor to the recorder.
func way(tb testing.TB) func() {
	r := newRunner(&Agent{Thing: "lamp", Recorder: sink{}, Log: slog.New(slog.DiscardHandler)}, SensorConfig{
		Name: "roof", Sensor: still{}, Every: time.Second, Streams: []Datastream{{Property: AirTemperature}, {Property: RelativeHumidity}},
	})
	require.NoError(tb, r.register())
	results := make([]Result, 2)
	at := time.Now()
	return func() {
		at = at.Add(time.Second)
		results[0] = Result{Property: AirTemperature, Value: 20, Time: at}
		results[1] = Result{Property: RelativeHumidity, Value: 50, Time: at}
		if _, err := r.recordAll(results, false); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkRecordAll(b *testing.B) {
	once := way(b)
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}

func TestNothingIsAllocatedOnTheWay(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, way(t)))
}
