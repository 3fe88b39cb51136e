package buffer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// What thinning makes of a segment must be worth it.
const (
	thinShare = 8      // an eighth of its rows at most
	thinRows  = 20_000 // and so many at most
	thinWant  = 32     // rows of a datastream that a window sums up, on average
)

// thinWindows are the windows that thinning sums up, the shortest first.
var thinWindows = []time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// A thinner makes little of many rows: alarms stay, diagnostics go, measurements
// become mean, min, max and count of a window, and of anything else what changed.
type thinner struct {
	window  time.Duration
	names   map[string]bool // of the datastreams
	alarms  []row
	groups  map[groupKey]*group
	changes []row            // the first of equal values; of a Count, the last of a window
	totals  map[groupKey]int // where those are
	last    map[uint32]float64
	rows    int // of telemetry
}

// A groupKey names what is summed up together.
type groupKey struct {
	stream uint32
	boot   uint32
	window int64 // its number since 1970
}

// A group is what is summed up.
type group struct {
	ds            *agent.Datastream
	first         row       // the first row
	last          time.Time // of the last one
	min, max, sum float64
	n             int
	quality       agent.Quality
}

func newThinner() *thinner {
	return &thinner{names: make(map[string]bool), groups: make(map[groupKey]*group), last: make(map[uint32]float64), totals: make(map[groupKey]int)}
}

// add takes rows in Seq order. The first ones tell how long a window must be.
func (t *thinner) add(rows []row) {
	if t.window == 0 && len(rows) > 0 {
		t.window = windowFor(rows)
	}
	for _, r := range rows {
		if r.Datastream.Class == agent.Alarm {
			t.alarms = append(t.alarms, r)
			continue
		}
		t.names[r.Datastream.Name] = true
		switch {
		case r.Datastream.Class == agent.Diagnostic || r.Quality&agent.Thinned != 0:
		case r.Datastream.Property.Kind == agent.Measurement:
			t.rows++
			t.sum(r)
		default:
			t.rows++
			t.change(r)
		}
	}
}

// windowFor returns the shortest window in which a datastream has enough rows,
// as far as these tell.
func windowFor(rows []row) time.Duration {
	streams := make(map[uint32]bool)
	var first, last time.Time
	n := 0
	for _, r := range rows {
		if r.Datastream.Property.Kind != agent.Measurement || r.Datastream.Class != agent.Telemetry || r.Quality&agent.Thinned != 0 {
			continue
		}
		streams[r.Datastream.ID] = true
		if n == 0 || r.Time.Before(first) {
			first = r.Time
		}
		if n == 0 || r.Time.After(last) {
			last = r.Time
		}
		n++
	}
	want := last.Sub(first) * thinWant * time.Duration(len(streams)) / time.Duration(max(n, 1))
	for _, w := range thinWindows {
		if w >= want {
			return w
		}
	}
	return thinWindows[len(thinWindows)-1]
}

func (t *thinner) key(r row) groupKey {
	return groupKey{r.Datastream.ID, r.Boot, r.Time.UnixNano() / int64(t.window)}
}

func (t *thinner) sum(r row) {
	key := t.key(r)
	g := t.groups[key]
	if g == nil {
		g = &group{ds: r.Datastream, first: r, last: r.Time, min: r.Value, max: r.Value}
		t.groups[key] = g
	}
	g.min, g.max, g.sum, g.n = min(g.min, r.Value), max(g.max, r.Value), g.sum+r.Value, g.n+1
	g.quality |= r.Quality
	if r.Time.After(g.last) {
		g.last = r.Time
	}
}

// change keeps a row whose value is not that of the row before. A total changes
// always: of it, the last of each window is kept.
func (t *thinner) change(r row) {
	id := r.Datastream.ID
	last, known := t.last[id]
	t.last[id] = r.Value
	if known && last == r.Value {
		return
	}
	if r.Datastream.Property.Kind == agent.Count {
		key := t.key(r)
		if i, ok := t.totals[key]; ok {
			t.changes[i] = r
			return
		}
		t.totals[key] = len(t.changes)
	}
	t.changes = append(t.changes, r)
}

// result returns the observations that take the place of the telemetry, in the
// order of their times: none if they are not much fewer. stream returns the
// datastream of a summary.
func (t *thinner) result(stream func(agent.Datastream) *agent.Datastream) [][]agent.Observation {
	n := 4*len(t.groups) + len(t.changes)
	if n == 0 || n*thinShare > t.rows || n > thinRows {
		return nil
	}
	var all [][]agent.Observation
	for _, g := range slices.SortedFunc(maps.Values(t.groups), func(x, y *group) int { return cmp.Compare(x.first.Seq, y.first.Seq) }) {
		all = append(all, g.summary(stream))
	}
	for _, r := range t.changes {
		o := r.Observation
		o.Quality |= agent.Thinned
		all = append(all, []agent.Observation{o})
	}
	slices.SortStableFunc(all, func(x, y []agent.Observation) int { return x[0].Time.Compare(y[0].Time) })
	return all
}

// summary returns mean, min, max and count of what a window has, from the time
// of the first value to that of the last: so that two segments that share a
// window do not tell two things of one time.
func (g *group) summary(stream func(agent.Datastream) *agent.Datastream) (all []agent.Observation) {
	for _, x := range []struct {
		suffix string
		value  float64
		finer  int8 // decimals more than the values have
		unit   string
	}{
		{".mean", g.sum / float64(g.n), 1, g.ds.Property.Unit},
		{".min", g.min, 0, g.ds.Property.Unit},
		{".max", g.max, 0, g.ds.Property.Unit},
		{".count", float64(g.n), -g.ds.Resolution, "1"},
	} {
		want := *g.ds
		want.ID = 0
		want.Name += x.suffix
		want.Property.Name += x.suffix
		want.Property.Unit = x.unit
		want.Resolution = min(want.Resolution+x.finer, 9)
		o := g.first.Observation
		o.Datastream, o.Span, o.Quality = stream(want), g.last.Sub(o.Time), g.quality|agent.Thinned
		o.Value = agent.Round(x.value, want.Resolution)
		all = append(all, o)
	}
	return all
}
