package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run runs an agent with one sensor in a bubble until test returns.
func run(t *testing.T, c SensorConfig, test func(t *testing.T, a *Agent, rec *fakeRecorder, log *bytes.Buffer)) *fakeRecorder {
	rec := &fakeRecorder{streams: make(map[string]*Datastream), last: make(map[string]float64)}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c.Name, c.Driver = "roof", "fake"
		if c.Streams == nil {
			c.Streams = []Datastream{{Property: AirTemperature}, {Property: Pulses}, {Property: Open}}
		}
		a := &Agent{Thing: "lamp", Sensors: []SensorConfig{c}, Recorder: rec, Log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, a.Run(ctx)) })
		test(t, a, rec, &log)
		cancel()
		wg.Wait()
	})
	return rec
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestGrid(t *testing.T) {
	s := &fakeSensor{value: 20}
	run(t, SensorConfig{Every: time.Minute, Phase: 10 * time.Second, Sensor: s}, func(t *testing.T, _ *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		pass(3 * time.Minute)
		got := rec.of("roof/airTemperature")
		require.Len(t, got, 4, "one at start, then on the grid")
		for _, o := range got[1:] {
			assert.Equal(t, 10, o.Time.Second())
		}
		assert.Len(t, rec.of("roof/sensorState"), 1)
	})
	assert.True(t, s.closed)
}

func TestAfterNeverComesTwice(t *testing.T) {
	r := &runner{c: SensorConfig{Every: time.Minute}}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	assert.Equal(t, noon.Add(time.Minute), r.after(noon, noon.Add(time.Second)))
	assert.Equal(t, noon.Add(time.Minute), r.after(noon, noon.Add(-time.Millisecond)), "the wall clock is behind")
	assert.Equal(t, noon.AddDate(50, 0, 0).Add(time.Minute), r.after(noon, noon.AddDate(50, 0, 0)), "the clock was set")
	assert.Equal(t, noon.AddDate(-50, 0, 0).Add(time.Minute), r.after(noon, noon.AddDate(-50, 0, 0)), "and back")
}

func TestFailingSensorIsNeverGivenUp(t *testing.T) {
	s := &fakeSensor{value: 20, err: errors.New("checksum mismatch")}
	run(t, SensorConfig{Every: time.Second, Sensor: s}, func(t *testing.T, a *Agent, rec *fakeRecorder, log *bytes.Buffer) {
		pass(24 * time.Hour)
		assert.InDelta(t, 24*12, s.calls(), 12, "every 5 minutes in the end")
		assert.Equal(t, "failing", a.Status()[0].State)
		assert.Equal(t, "checksum mismatch", a.Status()[0].Err)
		s.set(func() { s.err = fmt.Errorf("nobody: %w", ErrAbsent) })
		pass(10 * time.Minute)
		assert.Equal(t, "absent", a.Status()[0].State)
		s.set(func() { s.err = nil })
		pass(10 * time.Minute)
		assert.Equal(t, "ok", a.Status()[0].State)
		var states []float64
		for _, o := range rec.of("roof/sensorState") {
			states = append(states, o.Value)
		}
		assert.Equal(t, []float64{SensorFailing, SensorAbsent, SensorOK}, states)
		assert.Equal(t, 3, strings.Count(log.String(), "\n"), "changes are logged: %s", log)
		assert.Greater(t, len(rec.of("roof/airTemperature")), 200, "and back on its grid")
	})
}

func TestPartialResultsAreRecorded(t *testing.T) {
	s := &fakeSensor{value: 20, err: errors.New("humidity: checksum mismatch"), partial: true}
	run(t, SensorConfig{Every: time.Minute, Sensor: s, Quality: Simulated}, func(t *testing.T, a *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		pass(100 * time.Millisecond)
		require.Len(t, rec.of("roof/airTemperature"), 1)
		assert.Equal(t, Simulated, rec.of("roof/airTemperature")[0].Quality)
		assert.Equal(t, "failing", a.Status()[0].State)
	})
}

func TestNoDriverGetsNonsenseThrough(t *testing.T) {
	s := &fakeSensor{value: math.NaN()}
	run(t, SensorConfig{Every: time.Minute, Sensor: s}, func(t *testing.T, a *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		pass(100 * time.Millisecond)
		assert.Empty(t, rec.of("roof/airTemperature"))
		assert.Contains(t, a.Status()[0].Err, "bug: driver fake")
	})
}

// What is doubted is counted, by its reasons; what all values have is not.
func TestDoubtsAreCounted(t *testing.T) {
	s := &fakeSensor{value: 20, quality: Suspect | Simulated}
	run(t, SensorConfig{Every: time.Minute, Sensor: s, Quality: Simulated}, func(t *testing.T, a *Agent, _ *fakeRecorder, _ *bytes.Buffer) {
		pass(3 * time.Minute)
		assert.Equal(t, map[string]uint64{"suspect": 4}, a.Status()[0].Doubts)
	})
}

// What a processor makes of the results is recorded, and what it held back when
// the sensor is read no more.
func TestProcess(t *testing.T) {
	s := &fakeSensor{value: 20}
	rec := run(t, SensorConfig{Every: time.Minute, Sensor: s, Process: doubler{}}, func(*testing.T, *Agent, *fakeRecorder, *bytes.Buffer) {
		pass(time.Second)
	})
	assert.Equal(t, 40.0, rec.of("roof/airTemperature")[0].Value)
	require.Len(t, rec.of("roof/open"), 1)
	assert.Equal(t, 1.0, rec.of("roof/open")[0].Value)
}

// doubler doubles, and holds back a Truth.
type doubler struct{}

func (doubler) Process(rs []Result) []Result {
	for i := range rs {
		rs[i].Value *= 2
	}
	return append(rs, Result{Property: RelativeHumidity, Time: time.Now()}) // which has no datastream
}

func (doubler) Flush(rs []Result) []Result {
	return append(rs, Result{Property: Open, Value: 1, Time: time.Now()})
}

func TestHangingSensor(t *testing.T) {
	s := &fakeSensor{hang: true}
	run(t, SensorConfig{Every: time.Second, Sensor: s}, func(t *testing.T, a *Agent, _ *fakeRecorder, _ *bytes.Buffer) {
		pass(observeTimeout + 100*time.Millisecond)
		assert.Equal(t, "failing", a.Status()[0].State, "every call has a deadline")
		assert.True(t, a.Alive())
	})
}

func TestWake(t *testing.T) {
	s := &wakingSensor{fakeSensor{value: 1, property: Open}, nil}
	rec := run(t, SensorConfig{Every: time.Hour, Sensor: s}, func(t *testing.T, _ *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		pass(time.Minute)
		edge := time.Now().Add(-30 * time.Millisecond)
		s.set(func() { s.at = edge })
		s.wake <- struct{}{}
		pass(time.Millisecond)
		got := rec.of("roof/open")
		require.Len(t, got, 2)
		assert.True(t, got[1].Time.Equal(edge), "the instant of the edge")
	})
	assert.Len(t, rec.of("roof/open"), 3, "and once more at the stop: nothing is lost")
}

func TestTotalsGoOn(t *testing.T) {
	s := &countingSensor{fakeSensor: fakeSensor{property: Pulses}}
	rec := &fakeRecorder{streams: make(map[string]*Datastream), last: map[string]float64{"roof/pulses": 41}}
	a := &Agent{Recorder: rec, Sensors: []SensorConfig{{Name: "roof", Every: time.Hour, Sensor: s, Streams: []Datastream{{Property: Pulses}}}}, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, a.Run(ctx))
	assert.EqualValues(t, 41, s.total)
}

func TestObserveNow(t *testing.T) {
	s := &fakeSensor{value: 20}
	run(t, SensorConfig{Every: time.Hour, Sensor: s}, func(t *testing.T, a *Agent, rec *fakeRecorder, _ *bytes.Buffer) {
		pass(time.Minute)
		obs, err := a.Observe(t.Context(), "roof")
		require.NoError(t, err)
		require.Len(t, obs, 1)
		assert.Equal(t, rec.of("roof/airTemperature")[1].Seq, obs[0].Seq, "it is recorded as any other")
		_, err = a.Observe(t.Context(), "cellar")
		assert.ErrorIs(t, err, ErrUnknownSensor)
	})
}

func TestInstants(t *testing.T) {
	now := time.Now()
	early := now.Add(-time.Second)
	all := []Result{{Value: 1, Time: now}, {Value: 2, Time: early}, {Value: 3, Time: now}, {Value: 4, Time: early}}
	byTime(all)
	first := instant(all)
	require.Len(t, first, 2)
	assert.Equal(t, []float64{2, 4}, []float64{first[0].Value, first[1].Value})
	rest := instant(all[2:])
	require.Len(t, rest, 2)
	assert.Equal(t, []float64{1, 3}, []float64{rest[0].Value, rest[1].Value})
}

type fakeSensor struct {
	mu       sync.Mutex
	value    float64
	property Property
	quality  Quality
	at       time.Time
	err      error
	partial  bool
	hang     bool
	n        int
	closed   bool
}

func (s *fakeSensor) set(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }
func (s *fakeSensor) calls() int   { s.mu.Lock(); defer s.mu.Unlock(); return s.n }
func (s *fakeSensor) Close() error { s.set(func() { s.closed = true }); return nil }

func (s *fakeSensor) Observe(ctx context.Context, into []Result) ([]Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.hang {
		<-ctx.Done()
		return into, ctx.Err()
	}
	if s.err != nil && !s.partial {
		return into, s.err
	}
	property := s.property
	if property.Name == "" {
		property = AirTemperature
	}
	return append(into, Result{Property: property, Value: s.value, Quality: s.quality, Time: s.at}), s.err
}

type wakingSensor struct {
	fakeSensor
	wake chan struct{}
}

// Wake makes the channel in the bubble that uses it.
func (s *wakingSensor) Wake() <-chan struct{} {
	s.wake = make(chan struct{}, 1)
	return s.wake
}

type countingSensor struct {
	fakeSensor
	total float64
}

func (s *countingSensor) Resume(_ Property, total float64) { s.total = total }

type fakeRecorder struct {
	mu      sync.Mutex
	streams map[string]*Datastream
	last    map[string]float64
	all     []Observation
}

func (r *fakeRecorder) Datastream(want Datastream) (*Datastream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams[want.Name] == nil {
		want.ID = uint32(len(r.streams) + 1)
		r.streams[want.Name] = &want
	}
	return r.streams[want.Name], nil
}

func (r *fakeRecorder) Record(obs []Observation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range obs {
		obs[i].Seq = uint64(len(r.all) + 1)
		r.all = append(r.all, obs[i])
	}
	return nil
}

func (r *fakeRecorder) Last(ds *Datastream) (float64, bool) {
	v, ok := r.last[ds.Name]
	return v, ok
}

func (r *fakeRecorder) of(name string) (out []Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.all {
		if o.Datastream.Name == name {
			out = append(out, o)
		}
	}
	return out
}
