package buffer

import (
	"math"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var health = agent.Datastream{Name: "roof-air/sensorState", Sensor: "roof-air", Driver: "sht4x", Property: agent.Property{Name: "sensorState", Unit: "1", Kind: agent.State}, Class: agent.Diagnostic, Thing: "lamp-042"}

// life records hours of a gateway: a temperature each second, a count of rain, a
// door that is an alarm, and diagnostics.
type life struct {
	start   time.Time
	seconds int
	values  map[uint64]agent.Observation
}

func (l *life) record(t *testing.T, b *Buffer, seconds int) {
	t.Helper()
	ids := make(map[string]*agent.Datastream)
	for _, want := range []agent.Datastream{temperature, rain, door, health} {
		ds, err := b.Datastream(want)
		require.NoError(t, err)
		ids[want.Name] = ds
	}
	for range seconds {
		i := l.seconds
		l.seconds++
		at := l.start.Add(time.Duration(i) * time.Second)
		obs := []agent.Observation{
			{Datastream: ids[temperature.Name], Time: at, Value: 20 + 5*math.Sin(float64(i)/500) + float64(i*7919%100)/100},
			{Datastream: ids[health.Name], Time: at, Value: float64(i * 31 % 5)},
		}
		if i%10 == 0 {
			obs = append(obs, agent.Observation{Datastream: ids[rain.Name], Time: at, Value: float64(i / 10)})
		}
		if i%2000 == 0 {
			obs = append(obs, agent.Observation{Datastream: ids[door.Name], Time: at, Value: float64(i / 2000 % 2)})
		}
		require.NoError(t, b.Record(obs))
		for _, o := range obs {
			l.values[o.Seq] = o
		}
	}
}

// A full buffer keeps alarms, sums measurements up and drops diagnostics: all of
// it is in the ledger, and the books close.
func TestThinning(t *testing.T) {
	o := options(t.TempDir(), "a", "b")
	o.MaxSize, o.CommitEvery = 400_000, time.Hour
	b := open(t, o)
	l := &life{start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), values: make(map[uint64]agent.Observation)}
	for len(b.Ledger()) < 2 {
		l.record(t, b, 2000)
		drain(b.Cursor("b")) // has all as it was
		require.NoError(t, b.Commit())
		require.Less(t, l.seconds, 1_000_000, "nothing is thinned")
	}
	s := closes(t, b)
	assert.LessOrEqual(t, s.LogBytes, o.MaxSize+b.store.segments.limit)
	assert.Zero(t, s.Cities[1].Ledgered, "it had all")
	assert.Zero(t, s.Cities[1].Waiting, "and is owed no summary")
	l.check(t, b)

	o.Dir = crash(t, o.Dir)
	b = open(t, o) // which seals what was in the journal, and may have to thin again
	l.check(t, b)
}

// check checks what waits for a against what was recorded.
func (l *life) check(t *testing.T, b *Buffer) {
	t.Helper()
	verified(t, b)
	var ledger ranges
	for _, n := range b.Ledger() {
		if n.Kind == agent.NoticeLoss {
			assert.Contains(t, n.Cause, "max_size: the buffer is full; thinned to")
			assert.Equal(t, []string{"rain/pulses", "roof-air/airTemperature", "roof-air/sensorState"}, n.Datastreams)
			ledger.union(lossOf(n))
		}
	}
	assert.Equal(t, closes(t, b).Cities[0].Ledgered, ledger.count(), "the ledger adds up")
	waits := make(map[uint64]bool)
	sums := make(map[time.Time]map[string]agent.Observation)
	for w := range b.Export() {
		waits[w.Seq] = true
		if want, ok := l.values[w.Seq]; ok {
			assert.Equal(t, want.Value, w.Value)
			continue
		}
		require.NotZero(t, w.Quality&agent.Thinned, "what was never recorded is a summary")
		if w.Datastream.Property.Kind == agent.Measurement {
			at := w.Time
			if sums[at] == nil {
				sums[at] = make(map[string]agent.Observation)
			}
			sums[at][w.Datastream.Name] = w.Observation
		}
	}
	counted, wrong := 0, 0
	gone := make(map[int64]float64) // temperatures in the ledger, by second
	for seq, o := range l.values {
		if waits[seq] == ledger.contains(seq) {
			wrong++
		}
		if o.Datastream.Name == door.Name {
			assert.True(t, waits[seq], "an alarm stays")
		}
		if o.Datastream.Name == temperature.Name && ledger.contains(seq) {
			counted++
			gone[o.Time.Unix()] = o.Value
		}
	}
	assert.Zero(t, wrong, "each waits or is in the ledger")
	for at, x := range sums {
		require.Len(t, x, 4)
		n := x[temperature.Name+".count"].Value
		counted -= int(n)
		low, high := x[temperature.Name+".min"], x[temperature.Name+".max"]
		assert.Equal(t, low.Span, high.Span)
		var sum, least, most float64
		least, most = math.Inf(1), math.Inf(-1)
		all := 0.0
		for second := at.Unix(); second <= at.Add(low.Span).Unix(); second++ {
			if v, ok := gone[second]; ok {
				sum, least, most, all = sum+v, min(least, v), max(most, v), all+1
			}
		}
		assert.Equal(t, all, n)
		assert.Equal(t, least, low.Value)
		assert.Equal(t, most, high.Value)
		assert.InDelta(t, sum/all, x[temperature.Name+".mean"].Value, 0.0006)
	}
	assert.Zero(t, counted, "each is summed up once")
}
