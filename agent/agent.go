package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// A SensorConfig is a sensor with what the agent must know of it.
type SensorConfig struct {
	Name    string
	Driver  string
	Every   time.Duration // the interval
	Phase   time.Duration // shifts the wall-clock grid
	Quality Quality       // what every observation of it has, for example Simulated
	Sensor  Sensor

	// Process is what its results go through, or nil.
	Process Processor

	// Streams are the datastreams there may be results for, after Process; Name,
	// Sensor, Driver and Thing are filled in by the agent.
	Streams []Datastream
}

// A Clock tells how far the wall clock can be trusted.
type Clock interface {
	// Stamp returns for a moment of this boot what an Observation says of its
	// time: boot and mono, or 0 and 0 when the clock is trusted.
	Stamp(t time.Time) (boot uint32, mono time.Duration, quality Quality)
}

// Agent reads sensors and records what they say. Its fields are set before Run
// and not changed afterwards.
type Agent struct {
	Thing    string
	Sensors  []SensorConfig
	Recorder Recorder
	Clock    Clock // nil means that the clock is trusted
	Log      *slog.Logger

	once    sync.Once
	runners []*runner
}

// ErrUnknownSensor says that no sensor of that name is configured.
var ErrUnknownSensor = errors.New("no such sensor is configured")

// Run reads the sensors until ctx is done: each at once and then on its grid,
// for ever and whatever happens to the others. When it returns, all that was
// read is recorded. A sensor that ignores that ctx is done is waited for only a
// little: it must not make the stop of all others unclean.
func (a *Agent) Run(ctx context.Context) error {
	a.prepare()
	for _, r := range a.runners {
		if err := r.register(); err != nil {
			return fmt.Errorf("sensor %s: %w", r.c.Name, err)
		}
	}
	var wg sync.WaitGroup
	for _, r := range a.runners {
		wg.Go(func() { r.run(ctx) })
	}
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-all:
	case <-time.After(stopTimeout):
		for _, r := range a.runners {
			if r.isBusy() {
				a.Log.Error("sensor does not stop; it is left behind", "sensor", r.c.Name, "driver", r.c.Driver)
			}
		}
	}
	return nil
}

func (a *Agent) prepare() {
	a.once.Do(func() {
		for _, c := range a.Sensors {
			a.runners = append(a.runners, newRunner(a, c))
		}
	})
}

// SensorStatus is how a sensor is doing.
type SensorStatus struct {
	Name   string    `json:"name"`
	Driver string    `json:"driver"`
	State  string    `json:"state"` // ok, failing, absent; "" before the first attempt
	Last   time.Time `json:"last,omitzero"`
	Errors uint64    `json:"errors"`

	// Doubts counts the values of this run by each reason to doubt them.
	Doubts map[string]uint64 `json:"doubts,omitempty"`
	Err    string            `json:"err,omitempty"` // the last error, while the state is not ok
}

// Status returns how the sensors are doing.
func (a *Agent) Status() []SensorStatus {
	a.prepare()
	all := make([]SensorStatus, 0, len(a.runners))
	for _, r := range a.runners {
		r.mu.Lock()
		s := r.status
		s.Doubts = maps.Clone(s.Doubts)
		r.mu.Unlock()
		all = append(all, s)
	}
	return all
}

// stopTimeout is how long sensors may take to stop.
const stopTimeout = 5 * time.Second

// stuckAfter is how long a sensor may be read at most: beyond its deadline it
// ignores its context.
const stuckAfter = 4 * observeTimeout

// Alive tells whether sampling makes progress: some sensor is being waited for,
// or read for less time than any takes.
func (a *Agent) Alive() bool {
	a.prepare()
	for _, r := range a.runners {
		r.mu.Lock()
		busy := r.busy
		r.mu.Unlock()
		if busy.IsZero() || time.Since(busy) < stuckAfter {
			return true
		}
	}
	return len(a.runners) == 0
}

// Observe reads one sensor now, beside its interval, and returns what was
// recorded. It is for agents that run.
func (a *Agent) Observe(ctx context.Context, name string) ([]Observation, error) {
	a.prepare()
	i := slices.IndexFunc(a.runners, func(r *runner) bool { return r.c.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrUnknownSensor)
	}
	q := question{make(chan answer, 1)}
	select {
	case a.runners[i].questions <- q:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case got := <-q.answer:
		return got.obs, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// byTime sorts results, oldest first.
func byTime(results []Result) {
	slices.SortStableFunc(results, func(x, y Result) int { return x.Time.Compare(y.Time) })
}

// instant returns the results from the front that are of one time: they are
// recorded as one.
func instant(results []Result) []Result {
	n := 1
	for n < len(results) && results[n].Time.Equal(results[0].Time) {
		n++
	}
	return results[:n]
}

// grid returns the first moment after t that is a multiple of every, plus phase,
// on the wall clock in UTC.
func grid(t time.Time, every, phase time.Duration) time.Time {
	return t.Add(-phase).Truncate(every).Add(every + phase)
}

// backOff is the wait after the nth error in a row: 1 s, 2 s … 5 min.
func backOff(n int) time.Duration {
	return cmp.Or(min(time.Second<<min(n-1, 10), 5*time.Minute), time.Second)
}
