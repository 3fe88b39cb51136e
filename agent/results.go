package agent

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// check takes out what no driver may give. Results without a time are of the
// moment of the call.
func (r *runner) check(results []Result, called time.Time) ([]Result, error) {
	var err error
	good := results[:0]
	for _, x := range results {
		if x.Time.IsZero() {
			x.Time = called
		}
		switch {
		case math.IsNaN(x.Value) || math.IsInf(x.Value, 0):
			err = errors.Join(err, fmt.Errorf("bug: driver %s gives %v as %s", r.c.Driver, x.Value, x.Property.Name))
		default:
			good = append(good, x)
		}
	}
	return good, err
}

// declared takes out what has no datastream.
func (r *runner) declared(results []Result) (known []Result, err error) {
	known = slices.DeleteFunc(results, func(x Result) bool {
		if r.streams[x.Property] != nil {
			return false
		}
		err = errors.Join(err, fmt.Errorf("bug: driver %s gives an unknown property %q", r.c.Driver, x.Property.Name))
		return true
	})
	return known, err
}

// recordAll records results, those of one instant together. It returns what was
// recorded if that is to be kept.
func (r *runner) recordAll(results []Result, keep bool) (all []Observation, err error) {
	byTime(results)
	for len(results) > 0 {
		group := instant(results)
		results = results[len(group):]
		obs := r.obs[:0]
		for _, x := range group {
			obs = append(obs, r.observation(x))
			r.doubt(obs[len(obs)-1].Quality &^ r.c.Quality)
		}
		r.obs = obs
		if failed := r.record(obs); failed != nil {
			return all, failed
		}
		if keep {
			all = append(all, obs...)
		}
	}
	return all, nil
}

func (r *runner) observation(x Result) Observation {
	o := Observation{
		Datastream: r.streams[x.Property], Time: x.Time, Span: x.Span, Value: x.Value, Quality: x.Quality | r.c.Quality,
	}
	if r.a.Clock != nil {
		boot, mono, q := r.a.Clock.Stamp(x.Time)
		o.Boot, o.Mono = boot, mono
		o.Quality |= q
	}
	return o
}

func (r *runner) record(obs []Observation) error {
	if err := r.a.Recorder.Record(obs); err != nil {
		r.a.Log.Error("observations are not recorded", "sensor", r.c.Name, "count", len(obs), "err", err)
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// doubt counts the reasons to doubt a value.
func (r *runner) doubt(q Quality) {
	if q == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Doubts == nil {
		r.status.Doubts = make(map[string]uint64)
	}
	for name := range strings.SplitSeq(q.String(), ",") {
		r.status.Doubts[name]++
	}
}
