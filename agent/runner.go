package agent

import (
	"context"
	"errors"
	"sync"
	"time"
)

// observeTimeout bounds one Observe. The slowest part we know takes 5 s.
const observeTimeout = 10 * time.Second

// lastTimeout bounds the last Observe of a sensor that counts or wakes, when
// the agent stops.
const lastTimeout = time.Second

// runner reads one sensor, in a goroutine of its own.
type runner struct {
	a         *Agent
	c         SensorConfig
	questions chan question
	streams   map[Property]*Datastream
	state     *Datastream
	results   []Result
	obs       []Observation // of one instant, used again
	failures  int           // in a row
	known     bool

	mu     sync.Mutex
	status SensorStatus
	busy   time.Time // when the reading under way began, or zero
}

// A question asks for a reading now.
type question struct{ answer chan answer }

type answer struct {
	obs []Observation
	err error
}

func newRunner(a *Agent, c SensorConfig) *runner {
	return &runner{
		a: a, c: c, questions: make(chan question), streams: make(map[Property]*Datastream),
		status: SensorStatus{Name: c.Name, Driver: c.Driver},
	}
}

// register makes the sensor's datastreams known, and gives it its totals back.
func (r *runner) register() error {
	own := append(r.c.Streams[:len(r.c.Streams):len(r.c.Streams)], Datastream{Property: SensorState, Class: Diagnostic})
	for _, ds := range own {
		ds.Name = r.c.Name + "/" + ds.Property.Name
		ds.Sensor, ds.Driver, ds.Thing = r.c.Name, r.c.Driver, r.a.Thing
		got, err := r.a.Recorder.Datastream(ds)
		if err != nil {
			return err
		}
		r.streams[ds.Property] = got
		resumer, ok := r.c.Sensor.(Resumer)
		if total, found := r.a.Recorder.Last(got); ok && found && ds.Property.Kind == Count {
			resumer.Resume(ds.Property, total)
		}
	}
	r.state = r.streams[SensorState]
	return nil
}

func (r *runner) run(ctx context.Context) {
	var wake <-chan struct{}
	if w, ok := r.c.Sensor.(Waker); ok {
		wake = w.Wake()
	}
	var planned time.Time     // what the timer is set to, while it is a point of the grid
	served := time.Now()      // the last such point, or the start
	timer := time.NewTimer(0) // the first observation is at once
	defer timer.Stop()
	for {
		var q question
		listen := wake
		if r.failures > 0 {
			listen = nil // its back-off decides
		}
		select {
		case <-ctx.Done():
			r.stop(ctx)
			return
		case <-timer.C:
			if r.failures == 0 && !planned.IsZero() {
				served = planned
			}
		case <-listen:
		case q = <-r.questions:
		}
		obs, err := r.observe(ctx, observeTimeout, q.answer != nil)
		if q.answer != nil {
			q.answer <- answer{obs, err}
		}
		now := time.Now()
		if r.failures > 0 {
			timer.Reset(backOff(r.failures))
			continue
		}
		planned = r.after(served, now)
		timer.Reset(planned.Sub(now))
	}
}

// after returns the next point of the grid. A wall clock that runs a little
// behind the monotonic one does not bring a point twice: served was the last.
func (r *runner) after(served, now time.Time) time.Time {
	next := grid(now, r.c.Every, r.c.Phase)
	if d := next.Sub(served.Round(0)); d >= 0 && d < r.c.Every/10 {
		return next.Add(r.c.Every)
	}
	return next
}

// stop takes what a sensor that counts or wakes has seen since it was last read
// and puts the part to rest.
func (r *runner) stop(ctx context.Context) {
	_, counts := r.c.Sensor.(Resumer)
	_, wakes := r.c.Sensor.(Waker)
	if (counts || wakes) && r.failures == 0 && r.known {
		_, _ = r.observe(context.WithoutCancel(ctx), lastTimeout, false) // noted as any other
	}
	if r.c.Process != nil {
		held, _ := r.declared(r.c.Process.Flush(nil)) // a bug that was told before
		_, _ = r.recordAll(held, false)               // logged there
	}
	if err := r.c.Sensor.Close(); err != nil {
		r.a.Log.Warn("sensor does not close", "sensor", r.c.Name, "err", err)
	}
}

// observe reads the sensor once and records what it says, even beside an error.
// It returns what was recorded if that is to be kept.
func (r *runner) observe(ctx context.Context, timeout time.Duration, keep bool) ([]Observation, error) {
	called := time.Now()
	r.setBusy(called)
	defer r.setBusy(time.Time{})
	observing, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	results, err := r.c.Sensor.Observe(observing, r.results[:0])
	results, wrong := r.check(results, called)
	err = errors.Join(err, wrong)
	if r.c.Process != nil {
		results = r.c.Process.Process(results)
	}
	r.results = results
	results, wrong = r.declared(results)
	err = errors.Join(err, wrong)
	if err != nil && len(results) == 0 && ctx.Err() != nil {
		return nil, err // the agent stops: this says nothing about the sensor
	}
	all, failed := r.recordAll(results, keep)
	if failed != nil {
		return all, errors.Join(err, failed)
	}
	r.note(called, err)
	return all, err
}

// note keeps the sensor's state, and records and logs its changes.
func (r *runner) note(at time.Time, err error) {
	state := SensorOK
	switch {
	case err == nil:
		r.failures = 0
	case errors.Is(err, ErrAbsent):
		state = SensorAbsent
		r.failures++
	default:
		state = SensorFailing
		r.failures++
	}
	name := SensorStateName(state)
	r.mu.Lock()
	s := &r.status
	changed, before := s.State != name, s.State
	s.State, s.Err = name, ""
	if err != nil {
		s.Err = err.Error()
		s.Errors++
	} else {
		s.Last = at.UTC().Truncate(time.Millisecond)
	}
	r.mu.Unlock()
	if !changed {
		return
	}
	r.known = true
	switch {
	case err != nil:
		r.a.Log.Warn("sensor "+name, "sensor", r.c.Name, "driver", r.c.Driver, "err", err)
	case before != "":
		r.a.Log.Info("sensor ok again", "sensor", r.c.Name, "driver", r.c.Driver)
	}
	_ = r.record([]Observation{r.observation(Result{Property: SensorState, Value: float64(state), Time: at})}) // logged there
}

func (r *runner) setBusy(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = t
}

func (r *runner) isBusy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.busy.IsZero()
}
