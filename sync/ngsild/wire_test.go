package ngsild_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
	"github.com/lamppost-city/lamppost/sync/ngsild"
)

const (
	upserts  = "/entityOperations/upsert"
	temporal = "/temporal/entities"
	weather  = `"@context":["https://raw.githubusercontent.com/smart-data-models/dataModel.Weather/master/context.jsonld","https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"]`
	key1     = `"seq":{"type":"Property","value":1},"epoch":{"type":"Property","value":"0123456789abcdef"}`
)

func TestWire(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	humid := observed(2, rh, 0, 48.3)
	humid.Quality, humid.Span, humid.Boot, humid.Mono = agent.Suspect|agent.ClockUnset, 90*time.Second, 7, 12250*time.Millisecond
	require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 21.53), humid, observed(3, air, time.Second, -0.07))))

	all := d.faults.Requests("POST", "")
	require.Len(t, all, 2)
	assert.Equal(t, "/ngsi-ld/v1/temporal/entities", all[0].URI)
	assert.Equal(t, "application/ld+json", all[0].Header.Get("Content-Type"))
	assert.Empty(t, all[0].Header.Get("Link"), "the context is in the body")
	assert.Equal(t, `{`+weather+`,"id":"urn:ngsi-ld:WeatherObserved:lamp-042-roof-air","type":"WeatherObserved",`+
		`"temperature":[{"type":"Property","value":21.53,"unitCode":"CEL","observedAt":"2026-11-21T10:00:00.500Z",`+key1+`},`+
		`{"type":"Property","value":-0.07,"unitCode":"CEL","observedAt":"2026-11-21T10:00:01.500Z","seq":{"type":"Property","value":3},"epoch":{"type":"Property","value":"0123456789abcdef"}}],`+
		`"relativeHumidity":[{"type":"Property","value":0.483,"unitCode":"C62","observedAt":"2026-11-21T10:00:00.500Z","seq":{"type":"Property","value":2},"epoch":{"type":"Property","value":"0123456789abcdef"},`+
		`"quality":{"type":"Property","value":"clock-unset,suspect"},"span":{"type":"Property","unitCode":"SEC","value":90},`+
		`"boot":{"type":"Property","value":7},"mono":{"type":"Property","unitCode":"SEC","value":12.25}}]}`, all[0].Body)
	assert.Equal(t, "/ngsi-ld/v1/entityOperations/upsert?options=update", all[1].URI)
	assert.Equal(t, `[{`+weather+`,"id":"urn:ngsi-ld:WeatherObserved:lamp-042-roof-air","type":"WeatherObserved",`+
		`"dateObserved":{"type":"Property","value":{"@type":"DateTime","@value":"2026-11-21T10:00:01.500Z"}},`+
		`"relativeHumidity":{"type":"Property","value":0.483,"unitCode":"C62","observedAt":"2026-11-21T10:00:00.500Z","seq":{"type":"Property","value":2},"epoch":{"type":"Property","value":"0123456789abcdef"},`+
		`"quality":{"type":"Property","value":"clock-unset,suspect"},"span":{"type":"Property","unitCode":"SEC","value":90},`+
		`"boot":{"type":"Property","value":7},"mono":{"type":"Property","unitCode":"SEC","value":12.25}},`+
		`"temperature":{"type":"Property","value":-0.07,"unitCode":"CEL","observedAt":"2026-11-21T10:00:01.500Z","seq":{"type":"Property","value":3},"epoch":{"type":"Property","value":"0123456789abcdef"}},`+
		`"location":{"type":"GeoProperty","value":{"coordinates":[6.6323,46.5197,412],"type":"Point"}},`+
		`"refDevice":{"object":"urn:ngsi-ld:Device:lamp-042","type":"Relationship"}}]`, all[1].Body)
}

func TestHeaders(t *testing.T) {
	for name, tt := range map[string]struct {
		settings ngsild.Settings
		kind     string
		link     string // part of the Link header of a POST
		inBody   string
	}{
		"contexts of the models":       {kind: "application/ld+json", inBody: weather},
		"one internal context":         {ngsild.Settings{Context: "http://city.internal/c.jsonld"}, "application/json", "<http://city.internal/c.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"", ""},
		"two contexts":                 {ngsild.Settings{Context: "http://city.internal/c.jsonld  http://city.internal/core.jsonld"}, "application/ld+json", "", `"@context":["http://city.internal/c.jsonld","http://city.internal/core.jsonld"]`},
		"tenant and path":              {ngsild.Settings{Tenant: "lausanne", Path: "/lamps"}, "application/ld+json", "", weather},
		"url with the root of NGSI-LD": {ngsild.Settings{}, "application/ld+json", "", weather},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{Tenants: []string{"lausanne"}}, "")
			c := d.connected(func(s *ngsild.Settings) {
				s.Tenant, s.Path, s.Context = tt.settings.Tenant, tt.settings.Path, tt.settings.Context
				if strings.HasPrefix(name, "url") {
					s.URL += "/ngsi-ld/v1/"
				}
			})
			require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 1))))
			for _, r := range d.faults.Requests("POST", "") {
				assert.Equal(t, tt.kind, r.Header.Get("Content-Type"))
				assert.Equal(t, tt.link, r.Header.Get("Link"))
				assert.Equal(t, tt.settings.Tenant, r.Header.Get("NGSILD-Tenant"))
				assert.Equal(t, tt.settings.Path, r.Header.Get("NGSILD-Path"))
				assert.Empty(t, r.Header.Get("Fiware-Service"))
				assert.Contains(t, r.Body, tt.inBody)
				assert.Equal(t, tt.inBody != "", strings.Contains(r.Body, "@context"))
			}
			have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(observed(1, air, 0, 1)))
			require.NoError(t, err)
			assert.Equal(t, []uint64{1}, have)
			assert.Contains(t, d.faults.Requests("GET", temporal)[0].Header.Get("Link"), ".jsonld>; rel=")
		})
	}
}

// A request has at most 100 instances and 256 KiB, whatever an observation has.
func TestChunks(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(func(s *ngsild.Settings) {
		s.Context = strings.Repeat("http://city.internal/a-long-name/context.jsonld ", 50)
	})
	b := batch()
	for i := range uint64(250) {
		o := observed(i+1, rh, time.Duration(i)*time.Second, 100.0/3)
		o.Quality, o.Span, o.Boot, o.Mono = 0xffff, 1234567*time.Microsecond, math.MaxUint32, 123456789*time.Microsecond
		b.Observations = append(b.Observations, o)
	}
	require.NoError(t, c.Publish(t.Context(), b))
	posts := d.faults.Requests("POST", temporal)
	require.Len(t, posts, 3)
	for i, r := range posts {
		assert.Equal(t, []int{100, 100, 50}[i], strings.Count(r.Body, `"observedAt"`))
		assert.Less(t, len(r.Body), 128<<10)
	}
}

// Never one entity twice: Orion-LD would lose what came between.
func TestNeverTwiceInOneUpsert(t *testing.T) {
	for _, history := range []double.History{double.Idempotent, double.NotEnabled} {
		d := open(t, double.Options{History: history}, "")
		c := d.connected(nil)
		b := batch(observed(1, air, 0, 1), observed(2, rh, 0, 2), observed(3, co2, 0, 3), observed(4, air, 0, 4),
			observed(5, air, time.Second, 5), observed(6, rh, time.Second, 6))
		require.NoError(t, c.Publish(t.Context(), b))
		for _, r := range d.faults.Requests("POST", upserts) {
			var entities []struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(r.Body), &entities))
			seen := make(map[string]bool)
			for _, e := range entities {
				assert.False(t, seen[e.ID], r.Body)
				seen[e.ID] = true
			}
			assert.NotEqual(t, http.StatusMultiStatus, r.Status)
		}
		assert.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, d.received(epoch))
	}
}

// Without a temporal path every instant is a request of its own, in order.
func TestOrderedUpserts(t *testing.T) {
	d := open(t, double.Options{History: double.NotFound}, "")
	c := d.connected(nil)
	require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 1), observed(2, rh, 0, 2), observed(3, co2, 0, 3),
		observed(4, air, time.Second, 4), observed(5, air, 2*time.Second, 5))))
	posts := d.faults.Requests("POST", upserts)
	require.Len(t, posts, 3)
	for i, want := range []string{"00.500Z", "01.500Z", "02.500Z"} {
		assert.Contains(t, posts[i].Body, `"observedAt":"2026-11-21T10:00:`+want)
	}
	assert.Equal(t, 2, strings.Count(posts[0].Body, `"dateObserved"`), "two entities")
	assert.Equal(t, agent.Pace{Limit: 100, InOrder: true}, c.(agent.Pacer).Pace())
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(observed(1, air, 0, 1)))
	assert.NoError(t, err)
	assert.Empty(t, have, "all comes again, in order")
}

func TestRefusedOneByOne(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	old := observed(6, air, 0, 1)
	old.Time = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)
	err := c.Publish(t.Context(), batch(observed(1, air, 0, math.NaN()), observed(2, air, time.Second, 2), observed(3, rh, 0, math.Inf(-1)),
		agent.Observation{Seq: 4, Time: when}, observed(5, co2, 0, 5), old))
	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, map[uint64]string{
		1: "the value is not a number", 3: "the value is infinite", 4: "no datastream", 6: "the time has no text of four digits for the year",
	}, refused.Refused)
	assert.Equal(t, []uint64{2, 5}, d.received(epoch))
}

// TestBytes bounds what an observation costs on the wire, without HTTP's headers.
func TestBytes(t *testing.T) {
	for name, tt := range map[string]struct {
		history  double.History
		n, bound int
	}{
		"backlog of 500":      {double.Idempotent, 500, 215},
		"one live":            {double.Idempotent, 1, 1600},
		"ordered, an instant": {double.NotEnabled, 1, 900},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{History: tt.history}, "")
			c := d.connected(nil)
			b := batch()
			for i := range tt.n {
				b.Observations = append(b.Observations, observed(uint64(i)+1_000_000, air, time.Duration(i)*time.Second, 21.53))
			}
			require.NoError(t, c.Publish(t.Context(), b))
			bytes := 0
			for _, r := range d.faults.Requests("POST", "") {
				bytes += len(r.Body)
			}
			t.Logf("%d bytes an observation", bytes/tt.n)
			assert.LessOrEqual(t, bytes/tt.n, tt.bound)
		})
	}
}

func BenchmarkHistory(b *testing.B) {
	obs := make([]agent.Observation, 100)
	for i := range obs {
		obs[i] = observed(uint64(i)+1, air, time.Duration(i)*time.Second, 21.53)
	}
	encode := ngsild.Encoder(thing)
	var size int
	b.ReportAllocs()
	for b.Loop() {
		size = encode(epoch, obs)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(obs)), "ns/observation")
	b.ReportMetric(float64(size)/float64(len(obs)), "bytes/observation")
}
