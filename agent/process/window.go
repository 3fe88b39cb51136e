package process

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

type windowSettings struct {
	Span   time.Duration `doc:"how long a window is; it begins on a multiple of that"`
	Gives  string        `doc:"what is told of it: some of mean, min, max, sum, count, with spaces between"`
	Vector bool          `doc:"for directions in degrees: the mean is that of the vectors, and there is no min, max or sum"`
	Keep   bool          `doc:"the single values go on too"`
}

// aggregates are what a window can give, and how.
var aggregates = map[string]func(*windowed) float64{
	"mean":  (*windowed).mean,
	"min":   func(w *windowed) float64 { return w.min },
	"max":   func(w *windowed) float64 { return w.max },
	"sum":   func(w *windowed) float64 { return w.sum },
	"count": func(w *windowed) float64 { return float64(w.n) },
}

// finer is how many places more a mean has than its values.
const finer = 1

var window = newKind(Kind{Name: "window", Summary: "sum up the values of a time"},
	windowSettings{Span: 10 * time.Minute, Gives: "mean min max count"}, func(s windowSettings, in Input) (Plan, error) {
		if s.Span < time.Second {
			return Plan{}, errors.New("span: want a second or more")
		}
		if err := numeric(in.Stream); err != nil {
			return Plan{}, err
		}
		w := &windowed{s: s, property: in.Stream.Property, want: int(s.Span / max(in.Every, time.Millisecond))}
		p := Plan{Step: w, Change: in.Stream, Removed: !s.Keep}
		for _, name := range words(s.Gives) {
			f, ok := aggregates[name]
			if !ok || s.Vector && name != "mean" && name != "count" {
				return Plan{}, fmt.Errorf("gives: %q is nothing that a window of such values has", name)
			}
			ds := derived(in.Stream, name)
			switch name {
			case "mean":
				ds.Resolution = min(ds.Resolution+finer, 9)
			case "count":
				ds.Property.Unit, ds.Resolution = "1", 0
			}
			w.gives = append(w.gives, given{ds.Property, f})
			p.Add = append(p.Add, ds)
		}
		if len(w.gives) == 0 {
			return Plan{}, errors.New("gives: want some of mean, min, max, sum, count")
		}
		return p, nil
	})

func words(s string) (all []string) {
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != ' ' && s[i] != ',' {
			i++
		}
		if i > 0 && !slices.Contains(all, s[:i]) {
			all = append(all, s[:i])
		}
		s = s[min(i+1, len(s)):]
	}
	return all
}

type given struct {
	property agent.Property
	value    func(*windowed) float64
}

// windowed sums up the values of a window, which it gives when the first value
// after its end comes.
type windowed struct {
	s        windowSettings
	property agent.Property
	gives    []given
	want     int // values in a whole window

	start         time.Time
	n             int
	sum, min, max float64
	east, north   float64 // sums, for directions
	quality       agent.Quality
}

// Process implements Step.
func (w *windowed) Process(rs []agent.Result) []agent.Result {
	for i := 0; i < len(rs); i++ {
		if rs[i].Property != w.property {
			continue
		}
		r := rs[i]
		if !w.s.Keep {
			rs = slices.Delete(rs, i, i+1)
			i--
		}
		start := r.Time.Truncate(w.s.Span)
		if w.n > 0 && !start.Equal(w.start) {
			rs = w.give(rs)
		}
		w.add(r, start)
	}
	return rs
}

// Flush implements Flusher.
func (w *windowed) Flush(rs []agent.Result) []agent.Result {
	if w.n == 0 {
		return rs
	}
	return w.give(rs)
}

func (w *windowed) add(r agent.Result, start time.Time) {
	if w.n == 0 {
		w.start, w.min, w.max = start, math.Inf(1), math.Inf(-1)
	}
	w.n++
	w.sum += r.Value
	w.min, w.max = min(w.min, r.Value), max(w.max, r.Value)
	if w.s.Vector {
		sin, cos := math.Sincos(r.Value * math.Pi / 180)
		w.east, w.north = w.east+sin, w.north+cos
	}
	w.quality |= r.Quality
}

// mean returns that of the values, or of the directions: 0 to 360.
func (w *windowed) mean() float64 {
	if !w.s.Vector {
		return w.sum / float64(w.n)
	}
	return math.Mod(math.Atan2(w.east, w.north)*180/math.Pi+360, 360)
}

// give appends what the window has, and begins anew.
func (w *windowed) give(rs []agent.Result) []agent.Result {
	q := w.quality
	if w.n < w.want {
		q |= agent.Incomplete
	}
	for _, g := range w.gives {
		rs = append(rs, agent.Result{Property: g.property, Value: g.value(w), Quality: q, Time: w.start, Span: w.s.Span})
	}
	w.n, w.sum, w.east, w.north, w.quality = 0, 0, 0, 0, 0
	return rs
}
