package fiware

import (
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
)

var (
	instant = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	streams = []*agent.Datastream{
		{ID: 1, Sensor: "roof-air", Property: agent.AirTemperature, Resolution: 2, Thing: "lamp-042"},
		{ID: 2, Sensor: "roof-air", Property: agent.RelativeHumidity, Resolution: 2, Thing: "lamp-042"},
		{ID: 3, Sensor: "roof-air", Property: agent.AtmosphericPressure, Resolution: 2, Thing: "lamp-042"},
	}
)

// instants returns n instants of a sensor with three properties.
func instants(n int) (obs []agent.Observation) {
	for i := range n {
		for j, v := range []float64{21.43, 48.12, 963.25} {
			obs = append(obs, agent.Observation{Seq: uint64(3*i + j + 1), Datastream: streams[j], Time: instant.Add(time.Duration(i) * time.Minute), Value: v})
		}
	}
	return obs
}

func TestEncode(t *testing.T) {
	doubtful := instants(2)
	for i := range doubtful[:3] {
		doubtful[i].Quality, doubtful[i].Boot, doubtful[i].Mono, doubtful[i].Span = agent.Suspect, 7, 1500*time.Millisecond, time.Minute
	}
	steady := shown{known: true, count: 3}
	for name, tt := range map[string]struct {
		obs    []agent.Observation
		ul     bool
		batch  string
		before shown
		want   string
	}{
		"one, all known": {
			instants(1), false, "", steady,
			`{"airTemperature":21.43,"relativeHumidity":0.4812,"atmosphericPressure":963.25,"seq":3,"epoch":"0000000000000abc","TimeInstant":"2026-11-21T10:00:00.000Z"}`,
		},
		"one, nothing known": {
			instants(1)[:1], false, "b",
			shown{},
			`{"airTemperature":21.43,"count":1,"seq":1,"epoch":"0000000000000abc","quality":"good","span":0,"boot":0,"mono":0,"batch":"b","TimeInstant":"2026-11-21T10:00:00.000Z"}`,
		},
		"two": {
			instants(2), false, "b", steady,
			`[{"airTemperature":21.43,"relativeHumidity":0.4812,"atmosphericPressure":963.25,"seq":3,"epoch":"0000000000000abc","TimeInstant":"2026-11-21T10:00:00.000Z"},` +
				`{"airTemperature":21.43,"relativeHumidity":0.4812,"atmosphericPressure":963.25,"seq":6,"epoch":"0000000000000abc","batch":"b","TimeInstant":"2026-11-21T10:01:00.000Z"}]`,
		},
		"doubt that is over": {
			doubtful, false, "", steady,
			`[{"airTemperature":21.43,"relativeHumidity":0.4812,"atmosphericPressure":963.25,"seq":3,"epoch":"0000000000000abc","quality":"suspect","span":60,"boot":7,"mono":1.5,"TimeInstant":"2026-11-21T10:00:00.000Z"},` +
				`{"airTemperature":21.43,"relativeHumidity":0.4812,"atmosphericPressure":963.25,"seq":6,"epoch":"0000000000000abc","quality":"good","span":0,"boot":0,"mono":0,"TimeInstant":"2026-11-21T10:01:00.000Z"}]`,
		},
		"ultralight": {
			instants(2), true, "b", steady,
			`2026-11-21T10:00:00.000Z|airTemperature|21.43|relativeHumidity|0.4812|atmosphericPressure|963.25|seq|3|epoch|x0000000000000abc#` +
				`2026-11-21T10:01:00.000Z|airTemperature|21.43|relativeHumidity|0.4812|atmosphericPressure|963.25|seq|6|epoch|x0000000000000abc|batch|b`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, after := encode(tt.ul, 0xabc, message{groups: groups(tt.obs)}, tt.batch, tt.before)
			assert.Equal(t, tt.want, string(text))
			assert.True(t, after.known)
			assert.Equal(t, tt.ul, !json.Valid(text))
		})
	}
}

func TestGroups(t *testing.T) {
	other := func(change func(*agent.Observation)) []agent.Observation {
		obs := instants(1)
		change(&obs[1])
		return obs
	}
	for name, tt := range map[string]struct {
		obs  []agent.Observation
		want []int
	}{
		"one instant":             {instants(1), []int{3}},
		"two instants":            {instants(2), []int{3, 3}},
		"a Seq between":           {append(instants(2)[:1], instants(2)[2:]...), []int{1, 1, 3}},
		"another quality":         {other(func(o *agent.Observation) { o.Quality = agent.Jump }), []int{1, 1, 1}},
		"another span":            {other(func(o *agent.Observation) { o.Span = 1 }), []int{1, 1, 1}},
		"another boot":            {other(func(o *agent.Observation) { o.Boot = 1 }), []int{1, 1, 1}},
		"another time":            {other(func(o *agent.Observation) { o.Time = o.Time.Add(time.Second) }), []int{1, 1, 1}},
		"one property twice":      {other(func(o *agent.Observation) { o.Datastream = streams[0] }), []int{1, 2}},
		"nothing":                 {nil, nil},
		"later ones come earlier": {append(other(func(o *agent.Observation) { o.Time = o.Time.Add(-time.Second) })[:2], instants(1)[2]), []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var sizes []int
			last := time.Time{}
			for _, g := range groups(tt.obs) {
				sizes = append(sizes, len(g))
				assert.False(t, g[0].Time.Before(last), "in the order of their times")
				last = g[0].Time
			}
			assert.Equal(t, tt.want, sizes)
		})
	}
}

// A mark is the same for the same Seqs sent in the same way, and no other.
func TestMarks(t *testing.T) {
	all := messages(1, instants(250), maxGroups)
	require.Len(t, all, 3)
	assert.Equal(t, all, messages(1, instants(250), maxGroups))
	seen := map[mark]bool{}
	for _, list := range [][]message{
		all, messages(2, instants(250), maxGroups), messages(1, instants(250)[3:], maxGroups),
		messages(1, instants(250)[300:], maxGroups), messages(1, append(instants(250)[:3], instants(250)[6:]...), maxGroups),
	} {
		for _, m := range list {
			assert.Falsef(t, seen[m.mark], "%v", m.mark)
			seen[m.mark] = true
		}
	}
}

func TestUnsayable(t *testing.T) {
	for why, o := range map[string]agent.Observation{
		"no datastream": {Time: instant}, "not a number": {Datastream: streams[0], Time: instant, Value: math.NaN()},
		"infinite": {Datastream: streams[0], Time: instant, Value: math.Inf(-1)}, "year": {Datastream: streams[0], Time: instant.AddDate(9000, 0, 0)},
	} {
		o.Seq = 9
		parts, refused := split([]agent.Observation{o}, "lamp-042")
		assert.Empty(t, parts)
		assert.Contains(t, refused[9], why)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(false, []byte(`{"seq":1002,"epoch":"0123456789abcdef","batch":"1002-ab","dt":"20261121T215246Z"}`))
	f.Add(true, []byte(`lamp@configuration|seq=1002|epoch=x0123456789abcdef|batch=1002-ab|dt=20261121T215249Z`))
	f.Add(false, []byte(`null`))
	f.Add(true, []byte(`lamp@blink|1`))
	f.Fuzz(func(t *testing.T, ul bool, payload []byte) {
		m, ok := parseAnswer(ul, payload)
		if !ok {
			assert.Zero(t, m)
		}
		if m.epoch != "" {
			_, err := agent.ParseEpoch(m.epoch)
			assert.NoError(t, err)
		}
	})
}

func TestParseAnswer(t *testing.T) {
	want := mark{"0123456789abcdef", 1002, "1002-ab"}
	for text, ul := range map[string]bool{
		`{"seq":1002,"epoch":"0123456789abcdef","batch":"1002-ab","dt":"20261121T215246Z"}`:     false,
		`{"seq":"1002","epoch":"0123456789abcdef","batch":"1002-ab"}`:                           false,
		`lamp@configuration|seq=1002|epoch=x0123456789abcdef|batch=1002-ab|dt=20261121T215249Z`: true,
	} {
		m, ok := parseAnswer(ul, []byte(text))
		assert.True(t, ok)
		assert.Equal(t, want, m)
	}
	m, ok := parseAnswer(false, []byte(`{"TimeInstant":"2026-11-21T10:00:00.000Z"}`))
	assert.True(t, ok, "an answer without a Seq")
	assert.Zero(t, m)
}

// Proxies repeat the URL, in which the key has another form.
func TestHide(t *testing.T) {
	const key = "k=y:<1>"
	for _, body := range []string{`{"apikey":"k=y:<1>"}`, `Moved to /iot/json?k=k%3Dy%3A%3C1%3E&amp;i=x`, `<p>k=y:&lt;1&gt;</p>`} {
		a := hide(httplink.Answer{Body: []byte(body)}, key)
		assert.Contains(t, string(a.Body), "…", body)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add(`{"cause":"a (b) = \"c\"; 'd' <e> | # 100 % é"}`)
	f.Fuzz(func(t *testing.T, text string) {
		escaped := escape([]byte(text))
		assert.False(t, strings.ContainsAny(escaped, "<>\"'=;()|#\\\n"))
		back, err := url.PathUnescape(escaped)
		require.NoError(t, err)
		assert.Equal(t, text, back)
	})
}

// TestBytes keeps what goes over the wire small.
func TestBytes(t *testing.T) {
	steady := shown{known: true, count: 3}
	for name, tt := range map[string]struct {
		ul    bool
		n     int
		bound int
	}{
		"json backlog": {false, 100, 52}, "json live": {false, 1, 64}, "ul backlog": {true, 100, 49}, "ul live": {true, 1, 61},
	} {
		m := messages(1, instants(tt.n), maxGroups)[0]
		text, _ := encode(tt.ul, 1, m, m.mark.batch, steady)
		each := len(text) / (3 * tt.n)
		t.Logf("%s: %d bytes an observation", name, each)
		assert.LessOrEqual(t, each, tt.bound, name)
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, ul := range map[string]bool{"json": false, "ul": true} {
		b.Run(name, func(b *testing.B) {
			obs := instants(100)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				m := messages(1, obs, maxGroups)[0]
				text, _ := encode(ul, 1, m, m.mark.batch, shown{})
				n = len(text)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/300, "ns/obs")
			b.ReportMetric(float64(n)/300, "B/obs")
		})
	}
}
