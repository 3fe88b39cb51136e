package process

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// ring holds the last values of a property.
type ring struct {
	values []float64
	n      int // values so far
}

func (r *ring) add(v float64) []float64 {
	r.values[r.n%cap(r.values)] = v
	r.n++
	return r.values[:min(r.n, cap(r.values))]
}

type lastSettings struct {
	Of int `doc:"how many values, the newest included"`
}

func (s lastSettings) validate() error {
	if s.Of < 2 || s.Of > 1000 {
		return errors.New("of: want 2 to 1000")
	}
	return nil
}

// smoothed is a plan that replaces a value by one of the last few.
func (s lastSettings) smoothed(in Input, f func([]float64) float64) (Plan, error) {
	last := &ring{values: make([]float64, s.Of)}
	return Calibration{}.plan(in, in.Stream, sure(func(v float64) float64 { return f(last.add(v)) }))
}

var median = newKind(Kind{Name: "median", Summary: "take the median of the last values"}, lastSettings{5}, func(s lastSettings, in Input) (Plan, error) {
	sorted := make([]float64, s.Of)
	return s.smoothed(in, func(last []float64) float64 {
		x := sorted[:copy(sorted, last)]
		slices.Sort(x)
		if n := len(x); n%2 == 0 {
			return (x[n/2-1] + x[n/2]) / 2
		}
		return x[len(x)/2]
	})
})

var mean = newKind(Kind{Name: "mean", Summary: "take the mean of the last values"}, lastSettings{5}, func(s lastSettings, in Input) (Plan, error) {
	return s.smoothed(in, func(last []float64) (sum float64) {
		for _, v := range last {
			sum += v
		}
		return sum / float64(len(last))
	})
})

type deadBandSettings struct {
	Band    float64       `doc:"a value that is nearer than that to the last one that went on goes no further"`
	Longest time.Duration `doc:"but after that long it does"`
}

var deadBand = newKind(Kind{Name: "dead-band", Summary: "let only changes pass, and a value now and then"},
	deadBandSettings{Longest: time.Hour}, func(s deadBandSettings, in Input) (Plan, error) {
		if !(s.Band >= 0) || s.Longest <= 0 {
			return Plan{}, errors.New("band and longest: want a number of 0 or more, and a duration")
		}
		return Plan{Step: &band{s: s, property: in.Stream.Property, last: math.NaN()}, Change: in.Stream}, nil
	})

// band lets changes pass.
type band struct {
	s        deadBandSettings
	property agent.Property
	last     float64
	quality  agent.Quality
	at       time.Time
}

// Process implements Step.
func (b *band) Process(rs []agent.Result) []agent.Result {
	pass := rs[:0]
	for _, r := range rs {
		if r.Property == b.property {
			since := r.Time.Sub(b.at)
			same := math.Abs(r.Value-b.last) <= b.s.Band && r.Quality == b.quality // never so at first: there is no last
			if same && since >= 0 && since < b.s.Longest {
				continue
			}
			b.last, b.quality, b.at = r.Value, r.Quality, r.Time
		}
		pass = append(pass, r)
	}
	return pass
}
