package sensorthings_test

import (
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/sensorthings"
	"github.com/lamppost-city/lamppost/sync/sensorthings"
)

const rows = "/CreateObservations"

func TestWire(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected()
	window := observed(2, rh, 0, 48.3)
	window.Quality, window.Span, window.Boot, window.Mono = agent.Suspect|agent.ClockUnset, 90*time.Second, 7, 12250*time.Millisecond
	require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 21.53), window, observed(3, door, 0, 1), observed(4, rain, 0, 12345678), observed(5, air, time.Second, -0.07), observed(6, state, 0, 2))))

	sent := d.faults.Requests("POST", "")
	require.Len(t, sent, 1)
	assert.Equal(t, "/v1.1/CreateObservations", sent[0].URI)
	assert.Equal(t, "application/json", sent[0].Header.Get("Content-Type"))
	assert.Equal(t, `[{"Datastream":{"@iot.id":5},"components":["phenomenonTime","resultTime","result","parameters"],"dataArray@iot.count":2,"dataArray":[`+
		`["2026-11-21T10:00:00.500Z","2026-11-21T10:00:00.500Z",21.53,{"seq":1,"epoch":"0123456789abcdef"}],`+
		`["2026-11-21T10:00:01.500Z","2026-11-21T10:00:01.500Z",-0.07,{"seq":5,"epoch":"0123456789abcdef"}]]},`+
		`{"Datastream":{"@iot.id":7},"components":["phenomenonTime","resultTime","result","parameters"],"dataArray@iot.count":1,"dataArray":[`+
		`["2026-11-21T10:00:00.500Z/2026-11-21T10:01:30.500Z","2026-11-21T10:01:30.500Z",48.3,{"seq":2,"epoch":"0123456789abcdef","quality":"clock-unset,suspect","span":90,"boot":7,"mono":12.25}]]},`+
		`{"Datastream":{"@iot.id":10},"components":["phenomenonTime","resultTime","result","parameters"],"dataArray@iot.count":1,"dataArray":[`+
		`["2026-11-21T10:00:00.500Z","2026-11-21T10:00:00.500Z",true,{"seq":3,"epoch":"0123456789abcdef"}]]},`+
		`{"Datastream":{"@iot.id":13},"components":["phenomenonTime","resultTime","result","parameters"],"dataArray@iot.count":1,"dataArray":[`+
		`["2026-11-21T10:00:00.500Z","2026-11-21T10:00:00.500Z",12345678,{"seq":4,"epoch":"0123456789abcdef"}]]},`+
		`{"Datastream":{"@iot.id":15},"components":["phenomenonTime","resultTime","result","parameters"],"dataArray@iot.count":1,"dataArray":[`+
		`["2026-11-21T10:00:00.500Z","2026-11-21T10:00:00.500Z",2,{"seq":6,"epoch":"0123456789abcdef"}]]}]`, sent[0].Body)
	assert.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, d.received(epoch))
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(window))
	require.NoError(t, err)
	assert.Equal(t, []uint64{2}, have, "an interval is found again")
}

func TestProvisionWire(t *testing.T) {
	d := open(t, double.Options{}, "")
	c, err := d.dial(t.Context(), thing)
	require.NoError(t, err)
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{rh}, nil))
	var posts []string
	for _, r := range d.faults.Requests("POST", "") {
		posts = append(posts, r.URI+" "+r.Body)
	}
	assert.Equal(t, []string{
		`/v1.1/Things {"Locations":[{"description":"Place of lamp-042","encodingType":"application/geo+json","location":{"coordinates":[6.6323,46.5197,412],"type":"Point"},"name":"Lamp post 42, \"Rue de l'Est\""}],"description":"Lamppost gateway lamp-042","name":"Lamp post 42, \"Rue de l'Est\"","properties":{"lamppost":"lamp-042"}}`,
		`/v1.1/Sensors {"description":"sht4x at lamp-042","encodingType":"text/html","metadata":"sht4x","name":"roof-air","properties":{"lamppost":"lamp-042/roof-air"}}`,
		`/v1.1/ObservedProperties {"definition":"http://vocab.nerc.ac.uk/standard_name/relative_humidity","description":"Relative humidity","name":"relativeHumidity","properties":{"lamppost":"relativeHumidity"}}`,
		`/v1.1/Datastreams {"ObservedProperty":{"@iot.id":4},"Sensor":{"@iot.id":3},"Thing":{"@iot.id":1},"description":"Relative humidity by roof-air at lamp-042","name":"roof-air/relativeHumidity","observationType":"http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement","properties":{"class":"telemetry","lamppost":"lamp-042/roof-air/relativeHumidity/measurement/%","resolution":1},"unitOfMeasurement":{"definition":"ucum:%","name":"percent","symbol":"%"}}`,
	}, posts[:4])
	assert.Contains(t, posts[6], `"name":"notices"`)
	assert.Len(t, posts, 7)
}

func TestObservationTypes(t *testing.T) {
	d := open(t, double.Options{}, "")
	c, err := d.dial(t.Context(), thing)
	require.NoError(t, err)
	require.NoError(t, c.Announce(t.Context(), thing, all, nil))
	var types []string
	for _, r := range d.faults.Requests("POST", "/Datastreams") {
		_, kind, _ := strings.Cut(r.Body, "OGC-OM/2.0/")
		kind, _, _ = strings.Cut(kind, `"`)
		types = append(types, kind)
	}
	assert.Equal(t, []string{"OM_Measurement", "OM_Measurement", "OM_TruthObservation", "OM_CountObservation", "OM_Observation", "OM_Observation"}, types)
}

// What is there is found, whatever the server calls it, and however many there are.
func TestFindBeforeMake(t *testing.T) {
	for name, o := range map[string]double.Options{
		"numbers, FROST": {}, "numbers, GOST": {Style: double.GOST}, "texts, FROST": {TextIDs: true}, "texts, GOST": {Style: double.GOST, TextIDs: true},
		"small pages": {PageSize: 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, o, "")
			require.NoError(t, d.connected().Publish(t.Context(), batch(observed(1, air, 0, 1))))
			d.faults.Requests("", "")
			again, err := d.dial(t.Context(), thing) // another connection, as after a reinstall
			require.NoError(t, err)
			require.NoError(t, again.Announce(t.Context(), thing, all, nil))
			assert.Empty(t, d.faults.Requests("POST", ""))
			require.NoError(t, again.Announce(t.Context(), thing, all, nil))
			assert.Empty(t, d.faults.Requests("GET", "$filter"), "ids are remembered")
			b := batch(observed(1, air, 0, 1), observed(2, air, time.Second, 2), observed(3, air, 2*time.Second, 3), observed(4, air, 3*time.Second, 4))
			require.NoError(t, again.Publish(t.Context(), b))
			have, err := again.(agent.Reconciler).Reconcile(t.Context(), b)
			require.NoError(t, err)
			assert.Equal(t, []uint64{1, 2, 3, 4}, have)
			assert.EqualValues(t, 1, d.city.Received("lamp-042").Duplicates, "stored twice: nothing is idempotent here")
		})
	}
	t.Run("another unit is another Datastream", func(t *testing.T) {
		d := open(t, double.Options{}, "")
		c := d.connected()
		other := *air
		other.Property.Unit = "K"
		require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{&other}, nil))
		made := d.faults.Requests("POST", "")
		require.Len(t, made, 1)
		assert.Contains(t, made[0].Body, "ucum:K")
	})
	t.Run("a quote in a name", func(t *testing.T) {
		d := open(t, double.Options{}, "")
		odd := stream("l'été", agent.Property{Name: "it's", Unit: "furlong"}, 1)
		odd.Thing = "lamp d'Est"
		for i := range 2 {
			c := d.connected() // which forgets the requests of its own
			require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{odd}, nil))
			assert.Equal(t, i > 0, len(d.faults.Requests("POST", "")) == 0)
		}
		filter := url.QueryEscape("properties/lamppost eq 'lamp d''Est'")
		d.connected().Announce(t.Context(), thing, []*agent.Datastream{odd}, nil)
		found := false
		for _, r := range d.faults.Requests("GET", "/Things?") {
			found = found || strings.Contains(r.URI, filter)
		}
		assert.True(t, found)
	})
}

func TestRefusedOneByOne(t *testing.T) {
	d := open(t, double.Options{}, "")
	old := observed(5, air, 0, 1)
	old.Time = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	err := d.connected().Publish(t.Context(), batch(observed(1, air, 0, math.NaN()), observed(2, air, time.Second, 2), observed(3, rh, 0, math.Inf(-1)),
		agent.Observation{Seq: 4, Time: when}, old))
	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, map[uint64]string{
		1: "the value is not a number", 3: "the value is infinite", 4: "no datastream", 5: "the time has no text of four digits for the year",
	}, refused.Refused)
	assert.Equal(t, []uint64{2}, d.received(epoch))
}

// TestBytes bounds what an observation costs on the wire, without HTTP's headers.
func TestBytes(t *testing.T) {
	for name, tt := range map[string]struct{ n, bound int }{"backlog of 1000": {1000, 110}, "one live": {1, 250}} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{}, "")
			c := d.connected()
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

func BenchmarkRows(b *testing.B) {
	obs := make([]agent.Observation, 1000)
	for i := range obs {
		obs[i] = observed(uint64(i)+1, air, time.Duration(i)*time.Second, 21.53)
	}
	encode := sensorthings.Encoder()
	var size int
	b.ReportAllocs()
	for b.Loop() {
		size = encode(epoch, obs)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(obs)), "ns/observation")
	b.ReportMetric(float64(size)/float64(len(obs)), "bytes/observation")
}

func TestIDs(t *testing.T) {
	for location, want := range map[string]string{
		"http://x/v1.1/Things(12)":                     "/Things(12)",
		"http://x/v1.1/Things('abc')":                  "/Things(%27abc%27)",
		"http://x/v1.1/Things(%27a%20b%27)":            "/Things(%27a%20b%27)",
		"http://x/v1.1/Things('a''b')":                 "/Things(%27a%27%27b%27)",
		"http://x/v1.1/Datastreams(1)/Observations(2)": "/Things(2)",
		"http://x/v1.1/Things":                         "",
		"http://x/v1.1/Things()":                       "",
		"http://x/v1.1/Things(abc)":                    "",
	} {
		assert.Equal(t, want, sensorthings.Path(location), location)
	}
}

func FuzzID(f *testing.F) {
	f.Add("http://x/v1.1/Things('a''b')")
	f.Fuzz(func(t *testing.T, location string) {
		path := sensorthings.Path(location)
		if path != "" && sensorthings.Path(path) != path {
			t.Errorf("%q is not %q read again", path, sensorthings.Path(path))
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(`["http://x(1)","error","",null]`), 4)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		said, err := sensorthings.Rows(body, n)
		if err == nil && len(said) != n {
			t.Error("not as many answers as rows")
		}
	})
}
