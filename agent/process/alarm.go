package process

import (
	"errors"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

type thresholdSettings struct {
	Name       string        `doc:"the alarm's name: its datastream is property.name"`
	Above      float64       `doc:"raised when the value is higher"`
	Below      float64       `doc:"raised when the value is lower"`
	Rate       float64       `doc:"raised when the value changes by more in a minute, in either direction"`
	Hysteresis float64       `doc:"it falls only when the value is back by that much"`
	For        time.Duration `doc:"how long it must last until the alarm is raised, and likewise until it falls"`
}

// States of an alarm.
const (
	Normal = 0
	Raised = 1
)

var threshold = newKind(Kind{Name: "threshold", Summary: "raise an alarm: above, below, or changing too fast"},
	thresholdSettings{Name: "alarm", Above: math.Inf(1), Below: math.Inf(-1), Rate: math.Inf(1)}, func(s thresholdSettings, in Input) (Plan, error) {
		switch {
		case math.IsInf(s.Above, 1) && math.IsInf(s.Below, -1) && math.IsInf(s.Rate, 1):
			return Plan{}, errors.New("want above, below or rate")
		case !(s.Hysteresis >= 0) || s.For < 0 || !(s.Rate > 0):
			return Plan{}, errors.New("hysteresis, for, rate: want nothing below 0")
		case s.Below >= s.Above-2*s.Hysteresis:
			return Plan{}, errors.New("below, above, hysteresis: there is no value that is normal")
		case s.Name == "":
			return Plan{}, errors.New("name: want a word")
		}
		ds := derived(in.Stream, s.Name)
		ds.Property.Unit, ds.Property.Kind, ds.Resolution, ds.Class = "1", agent.State, 0, agent.Alarm
		a := &alarm{s: s, property: in.Stream.Property, gives: ds.Property, state: -1, before: math.NaN()}
		return Plan{Step: a, Change: in.Stream, Add: []agent.Datastream{ds}}, nil
	})

// alarm tells when its state changes, and what it is at the start.
type alarm struct {
	s               thresholdSettings
	property, gives agent.Property
	state           int       // -1 before the first value
	turning         time.Time // since when the value speaks for the other state, or zero
	before          float64   // the value before
	at              time.Time // its time
}

// Process implements Step.
func (a *alarm) Process(rs []agent.Result) []agent.Result {
	for i := range len(rs) {
		r := rs[i]
		// A value that cannot be true raises nothing and ends nothing.
		if r.Property != a.property || r.Quality&(agent.OutOfRange|agent.Suspect) != 0 {
			continue
		}
		want := a.judge(r)
		a.before, a.at = r.Value, r.Time
		switch {
		case want == a.state:
			a.turning = time.Time{}
			continue
		case a.state == -1 && want == Normal:
		case a.turning.IsZero():
			a.turning = r.Time
		}
		if want == Raised || a.state == Raised {
			if r.Time.Sub(a.turning) < a.s.For {
				continue
			}
		}
		a.state, a.turning = want, time.Time{}
		rs = append(rs, agent.Result{Property: a.gives, Value: float64(want), Quality: r.Quality, Time: r.Time})
	}
	return rs
}

// judge returns the state that a value speaks for.
func (a *alarm) judge(r agent.Result) int {
	slack := 0.0
	if a.state == Raised {
		slack = a.s.Hysteresis
	}
	if r.Value > a.s.Above-slack || r.Value < a.s.Below+slack {
		return Raised
	}
	if minutes := r.Time.Sub(a.at).Minutes(); minutes > 0 && math.Abs(r.Value-a.before)/minutes > a.s.Rate {
		return Raised
	}
	return Normal
}
