package thingsboard

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

var (
	instants = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	streams  = []*agent.Datastream{
		{ID: 1, Sensor: "roof-air", Property: agent.AirTemperature, Resolution: 2, Thing: "lamp-042"},
		{ID: 2, Sensor: "roof-air", Property: agent.RelativeHumidity, Resolution: 2, Thing: "lamp-042"},
		{ID: 3, Sensor: "roof-air", Property: agent.AtmosphericPressure, Resolution: 2, Thing: "lamp-042"},
	}
)

// observations returns n instants of a sensor with three properties.
func observations(n int) (obs []agent.Observation) {
	for i := range n {
		for j, v := range []float64{21.43, 48.12, 963.25} {
			obs = append(obs, agent.Observation{Seq: uint64(3*i + j + 1), Datastream: streams[j], Time: instants.Add(time.Duration(i) * time.Minute), Value: v})
		}
	}
	return obs
}

func TestPack(t *testing.T) {
	all, _ := split(observations(2), "lamp-042")
	messages := pack(0xabc, all)
	require.Len(t, messages, 1)
	assert.Equal(t, `{"lamp-042:roof-air":[`+
		`{"ts":1795255200000,"values":{"airTemperature":21.43,"relativeHumidity":48.12,"atmosphericPressure":963.25,"seq":3,"epoch":"0000000000000abc"}},`+
		`{"ts":1795255260000,"values":{"airTemperature":21.43,"relativeHumidity":48.12,"atmosphericPressure":963.25,"seq":6,"epoch":"0000000000000abc"}}]}`, string(messages[0]))
	assert.Empty(t, pack(1, nil))
}

func TestPackCuts(t *testing.T) {
	obs := observations(2000)
	for i := range obs {
		other := *obs[i].Datastream
		other.Sensor += strconv.Itoa(i / 900)
		obs[i].Datastream = &other
	}
	all, _ := split(obs, "lamp-042")
	entries := 0
	messages := pack(1, all)
	for _, m := range messages {
		assert.LessOrEqual(t, len(m), maxBytes)
		var devices map[string][]struct{ Values map[string]any }
		require.NoError(t, json.Unmarshal(m, &devices))
		for _, list := range devices {
			assert.NotEmpty(t, list)
			for _, e := range list {
				assert.Len(t, e.Values, 5, "an instant is not cut")
				entries++
			}
		}
	}
	assert.Equal(t, 2000, entries)
	assert.Less(t, len(messages), 7, "messages are full")
}

func TestInstant(t *testing.T) {
	other := func(change func(*agent.Observation)) []agent.Observation {
		obs := observations(1)
		change(&obs[1])
		return obs
	}
	for name, tt := range map[string]struct {
		obs  []agent.Observation
		want int
	}{
		"one instant":        {observations(2), 3},
		"another quality":    {other(func(o *agent.Observation) { o.Quality = agent.Jump }), 3},
		"another span":       {other(func(o *agent.Observation) { o.Span = 1 }), 3},
		"a Seq between":      {other(func(o *agent.Observation) { o.Seq = 9 }), 1},
		"another time":       {other(func(o *agent.Observation) { o.Time = o.Time.Add(time.Second) }), 1},
		"another boot":       {other(func(o *agent.Observation) { o.Boot = 1 }), 1},
		"another mono":       {other(func(o *agent.Observation) { o.Mono = 1 }), 1},
		"one property twice": {other(func(o *agent.Observation) { o.Datastream = streams[0] }), 1},
	} {
		assert.Equal(t, tt.want, instant(tt.obs), name)
	}
}

func FuzzNumber(f *testing.F) {
	f.Add(0.1234567890123456789e-3)
	f.Add(-1e-300)
	f.Fuzz(func(t *testing.T, v float64) {
		if unsayable(&agent.Observation{Datastream: streams[0], Time: instants, Value: v}) != "" {
			return
		}
		text := appendNumber(nil, v)
		back, err := strconv.ParseFloat(string(text), 64)
		require.NoError(t, err)
		assert.InDelta(t, v, back, 1e-16)
		assert.True(t, json.Valid(text))
	})
}

// TestBytes keeps what goes over the wire small.
func TestBytes(t *testing.T) {
	for name, tt := range map[string]struct{ n, bound int }{"backlog": {333, 49}, "live": {1, 57}} {
		all, _ := split(observations(tt.n), "lamp-042")
		each := len(pack(1, all)[0]) / (3 * tt.n)
		t.Logf("%s: %d bytes an observation", name, each)
		assert.LessOrEqual(t, each, tt.bound, name)
	}
}

func BenchmarkPack(b *testing.B) {
	obs := observations(333)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		all, _ := split(obs, "lamp-042")
		n = len(pack(1, all)[0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/999, "ns/obs")
	b.ReportMetric(float64(n)/999, "B/obs")
}
