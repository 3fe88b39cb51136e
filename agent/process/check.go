package process

import (
	"errors"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// flag is a step that only adds to the quality.
type flag struct {
	property agent.Property
	judge    func(*agent.Result) agent.Quality
}

// Process implements Step.
func (f *flag) Process(rs []agent.Result) []agent.Result {
	for i := range rs {
		if rs[i].Property == f.property {
			rs[i].Quality |= f.judge(&rs[i])
		}
	}
	return rs
}

func flagging(in Input, judge func(*agent.Result) agent.Quality) (Plan, error) {
	return Plan{Step: &flag{in.Stream.Property, judge}, Change: in.Stream}, nil
}

type rangeSettings struct {
	Min float64 `doc:"the least value that can be true there"`
	Max float64 `doc:"the largest"`
}

var inRange = newKind(Kind{Name: "range", Summary: "mark what cannot be true as out-of-range"},
	rangeSettings{math.Inf(-1), math.Inf(1)}, func(s rangeSettings, in Input) (Plan, error) {
		if !(s.Min < s.Max) || math.IsInf(s.Min, -1) && math.IsInf(s.Max, 1) {
			return Plan{}, errors.New("min and max: want one or both, min the lower")
		}
		return flagging(in, func(r *agent.Result) agent.Quality {
			if r.Value < s.Min || r.Value > s.Max {
				return agent.OutOfRange
			}
			return 0
		})
	})

type stuckSettings struct {
	Times int `doc:"how many equal values in a row are one too many"`
}

var stuck = newKind(Kind{Name: "stuck", Summary: "mark a value that stays the same though the part has noise"},
	stuckSettings{20}, func(s stuckSettings, in Input) (Plan, error) {
		if s.Times < 2 {
			return Plan{}, errors.New("times: want 2 or more")
		}
		last, n := math.NaN(), 0
		return flagging(in, func(r *agent.Result) agent.Quality {
			if v := agent.Round(r.Value, in.Stream.Resolution); v == last {
				n++
			} else {
				last, n = v, 1
			}
			if n >= s.Times {
				return agent.Stuck
			}
			return 0
		})
	})

type jumpSettings struct {
	Most float64       `doc:"by how much a value can change, at most"`
	Per  time.Duration `doc:"in what time"`
}

var jump = newKind(Kind{Name: "jump", Summary: "mark a value that changed faster than it can"},
	jumpSettings{Per: time.Minute}, func(s jumpSettings, in Input) (Plan, error) {
		if !(s.Most > 0) || s.Per <= 0 {
			return Plan{}, errors.New("most and per: want a number and a duration above 0")
		}
		before, at := math.NaN(), time.Time{}
		return flagging(in, func(r *agent.Result) (q agent.Quality) {
			// What is closer in time than the interval may change as in one.
			d := max(r.Time.Sub(at), in.Every, time.Millisecond)
			if math.Abs(r.Value-before)*s.Per.Seconds() > s.Most*d.Seconds() {
				q = agent.Jump
			}
			before, at = r.Value, r.Time
			return q
		})
	})
