package ngsild_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
	"github.com/lamppost-city/lamppost/sync/ngsild"
)

const (
	roofID = "urn:ngsi-ld:WeatherObserved:lamp-042-roof-air"
	doorID = "urn:ngsi-ld:DeviceMeasurement:lamp-042-door-open"
)

// entity reads one as anybody would.
func (p *platform) entity(id string) map[string]json.RawMessage {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.city.URL()+"/ngsi-ld/v1/entities/"+id, nil)
	require.NoError(p.t, err)
	r.Header.Set("Link", `<http://city.internal/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`)
	res, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	if res.StatusCode == http.StatusNotFound {
		return nil
	}
	var e map[string]json.RawMessage
	require.NoError(p.t, json.Unmarshal(body, &e))
	return e
}

// shows returns the value of an attribute.
func (p *platform) shows(id, attribute string) (value float64) {
	p.t.Helper()
	var a struct{ Value float64 }
	require.NoError(p.t, json.Unmarshal(p.entity(id)[attribute], &a))
	return a.Value
}

func TestCurrentState(t *testing.T) {
	for _, history := range []double.History{double.Idempotent, double.Duplicating} {
		d := open(t, double.Options{History: history}, "")
		c := d.connected(nil)
		assert.Nil(t, d.entity(roofID), "there is no value yet")

		require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 1), observed(2, air, time.Second, 2))))
		assert.EqualValues(t, 2, d.shows(roofID, "temperature"), "the newest")
		late := batch(observed(3, air, -time.Hour, 3), observed(4, rh, -time.Hour, 50))
		late.Late = true
		require.NoError(t, c.Publish(t.Context(), late))
		assert.EqualValues(t, 2, d.shows(roofID, "temperature"), "an older one changes nothing")
		assert.EqualValues(t, 0.5, d.shows(roofID, "relativeHumidity"), "but where there is none")
		assert.Contains(t, string(d.entity(roofID)["dateObserved"]), "10:00:01.500Z", "nor the entity's date")

		c = d.connected(nil)
		require.NoError(t, c.Publish(t.Context(), batch(observed(5, air, -time.Minute, 5))))
		assert.EqualValues(t, 2, d.shows(roofID, "temperature"), "nor over another connection")
		assert.Len(t, d.faults.Requests("POST", upserts), 0)
		require.NoError(t, c.Publish(t.Context(), batch(observed(6, air, time.Minute, 6))))
		assert.EqualValues(t, 6, d.shows(roofID, "temperature"))
		assert.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, d.received(epoch), "all are remembered")
	}
}

// What was shown under a clock that ran ahead does not stay for ever.
func TestCurrentStateAfterTheClockWasSet(t *testing.T) {
	for name, again := range map[string]bool{"same connection": false, "another connection": true} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{}, "")
			c := d.connected(nil)
			ahead := observed(1, air, 24*time.Hour, 1)
			ahead.Boot, ahead.Mono, ahead.Quality = 3, time.Minute, agent.ClockUnset
			require.NoError(t, c.Publish(t.Context(), batch(ahead)))
			if again {
				c = d.connected(nil)
			}
			late := batch(observed(2, air, -time.Hour, 2))
			late.Late = true
			require.NoError(t, c.Publish(t.Context(), late))
			assert.EqualValues(t, 1, d.shows(roofID, "temperature"), "the backlog is no news")
			require.NoError(t, c.Publish(t.Context(), batch(observed(3, air, 0, 3))))
			assert.EqualValues(t, 3, d.shows(roofID, "temperature"))
		})
	}
}

// Batches that overtake each other leave the newest value.
func TestCurrentStateOfManyAtATime(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	var wg sync.WaitGroup
	for i := range uint64(40) {
		wg.Go(func() {
			assert.NoError(t, c.Publish(t.Context(), batch(observed(i+1, air, time.Duration(i)*time.Second, float64(i)))))
		})
	}
	wg.Wait()
	assert.EqualValues(t, 39, d.shows(roofID, "temperature"))
	assert.Len(t, d.received(epoch), 40)
}

func TestLatestIsShown(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil, observed(9, air, time.Hour, 9), agent.Observation{Seq: 1})
	assert.EqualValues(t, 9, d.shows(roofID, "temperature"))
	assert.Empty(t, d.received(epoch), "only Publish delivers")
	require.NoError(t, c.Publish(t.Context(), batch(observed(8, air, 0, 8))))
	assert.EqualValues(t, 9, d.shows(roofID, "temperature"))
	require.NoError(t, c.Publish(t.Context(), batch(observed(9, air, time.Hour, 9))))
	assert.Contains(t, string(d.entity(roofID)["temperature"]), epoch.String(), "now with its whole key")

	d = open(t, double.Options{History: double.NotEnabled}, "")
	d.connected(nil, observed(9, air, time.Hour, 9))
	assert.Nil(t, d.entity(roofID), "what waits would take it back")
}

// Brokers with history would keep the place at each upsert.
func TestWhatDoesNotChangeIsToldOnce(t *testing.T) {
	for _, history := range []double.History{double.Idempotent, double.NotEnabled} {
		d := open(t, double.Options{History: history}, "")
		c := d.connected(nil)
		publish := func(seq uint64) string {
			require.NoError(t, c.Publish(t.Context(), batch(observed(seq, door, time.Duration(seq)*time.Second, 1))))
			return d.faults.Requests("POST", upserts)[0].Body
		}
		first := publish(1)
		for _, member := range []string{`"location"`, `"refDevice"`, `"controlledProperty":{"type":"Property","value":"gateOpening"}`, `"measurementType":{"type":"Property","value":"open"}`, `"unit":{"type":"Property","value":"C62"}`} {
			assert.Contains(t, first, member)
		}
		second := publish(2)
		assert.NotContains(t, second, "location")
		assert.Contains(t, second, "dateObserved")
		d.faults.Add(1, faults.Fault{Path: upserts, Status: 201, Body: fmt.Sprintf("[%q]", doorID)}) // somebody had deleted it
		publish(3)
		assert.Contains(t, publish(4), `"location"`, "told again")
		assert.NotContains(t, publish(5), `"location"`)
	}
}

// Stored is stored: what could not be shown follows.
func TestCurrentStateFollows(t *testing.T) {
	for name, fault := range map[string]faults.Fault{
		"no answer":                  {Drop: true},
		"500":                        {Status: 500},
		"429":                        {Status: 429},
		"504 of a proxy":             {Status: 504},
		"207 with one for later":     {Status: 207, Body: `{"success":[],"errors":[{"entityId":"` + roofID + `","error":{"status":503}}]}`},
		"207 that forgets an entity": {Status: 207, Body: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{}, "")
			c := d.connected(nil)
			fault.Path = upserts
			d.faults.Add(1, fault)
			require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 1))), "acknowledged: it is stored")
			assert.Nil(t, d.entity(roofID))
			require.NoError(t, c.Publish(t.Context(), batch(observed(2, co2, 0, 400))))
			assert.EqualValues(t, 1, d.shows(roofID, "temperature"))
			assert.Equal(t, []uint64{1, 2}, d.received(epoch))
		})
	}
	t.Run("without another observation", func(t *testing.T) {
		d := open(t, double.Options{}, "")
		c := d.connected(nil)
		d.faults.Add(1, faults.Fault{Path: upserts, Status: 500})
		require.NoError(t, c.Publish(t.Context(), batch(observed(1, door, 0, 1))))
		require.NoError(t, c.Notify(t.Context(), []agent.Notice{{Kind: agent.NoticeHeartbeat, Time: when, Epoch: epoch, Heartbeat: &agent.Heartbeat{}}}))
		assert.EqualValues(t, 1, d.shows(doorID, "numValue"))
	})
	t.Run("when it is announced", func(t *testing.T) {
		d := open(t, double.Options{}, "")
		c, err := d.dial(t.Context(), thing, nil)
		require.NoError(t, err)
		d.faults.Add(1, faults.Fault{Path: upserts, Delay: time.Millisecond}) // the Device
		d.faults.Add(1, faults.Fault{Path: upserts, Status: 500})
		require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, []agent.Observation{observed(1, air, 0, 1)}), "history is taken all the same")
	})
	t.Run("a person is told once", func(t *testing.T) {
		d := open(t, double.Options{}, "")
		c := d.connected(nil)
		d.faults.Add(3, faults.Fault{Path: upserts, Status: 500})
		for i := range uint64(5) {
			require.NoError(t, c.Publish(t.Context(), batch(observed(i+1, air, time.Duration(i)*time.Second, 1))))
		}
		assert.Equal(t, 1, strings.Count(d.log.String(), "does not show the newest"), d.log.String())
	})
	t.Run("400", func(t *testing.T) {
		d := open(t, double.Options{}, "")
		c := d.connected(nil)
		d.faults.Add(2, faults.Fault{Path: upserts, Status: 400}) // both, then the first alone
		require.NoError(t, c.Publish(t.Context(), batch(observed(1, co2, 0, 1), observed(2, air, 0, 2))))
		assert.EqualValues(t, 2, d.shows(roofID, "temperature"), "the other one is shown")
		require.NoError(t, c.Publish(t.Context(), batch(observed(3, door, 0, 1))))
		assert.Len(t, d.faults.Requests("POST", upserts), 4, "what is refused is not tried again")
	})
}

func TestDevice(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	e := d.entity("urn:ngsi-ld:Device:lamp-042")
	assert.JSONEq(t, `{"type":"Property","value":["airPollution","gateOpening","humidity","temperature"]}`, string(e["controlledProperty"]))
	assert.JSONEq(t, `{"type":"Property","value":"Lamp post 42, \"Rue du Lac\""}`, string(e["name"]))
	assert.JSONEq(t, `{"type":"GeoProperty","value":{"type":"Point","coordinates":[6.6323,46.5197,412]}}`, string(e["location"]))
	d.faults.Add(1, faults.Fault{Path: upserts, Status: 207, Body: `{"success":[],"errors":[{"entityId":"urn:ngsi-ld:Device:lamp-042","error":{"title":"no"}}]}`})
	assert.ErrorContains(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil), "device")
	d.faults.Add(2, faults.Fault{Path: upserts, Status: 400, Body: `{"type":"x/BadRequestData","title":"forbidden characters"}`})
	assert.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil), "a name that the platform does not like blocks no observation")
	assert.Contains(t, d.log.String(), "forbidden characters")
	d.faults.Clear()
	d.faults.Add(1, faults.Fault{Path: "/entities/", Status: 500})
	assert.ErrorContains(t, c.Announce(t.Context(), thing, []*agent.Datastream{stream("new", agent.PM1, 0)}, nil), "current state")
}

// A gateway that was renamed sends what waited under its old name.
func TestRenamedThingAndOddNames(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	odd := stream("Dach süd/1", agent.Property{Name: "novelty", Unit: "furlong"}, 1)
	odd.Thing = "lamp 041"
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{odd}, nil))
	require.NoError(t, c.Publish(t.Context(), batch(observed(1, odd, 0, 0.3))))
	const id = "urn:ngsi-ld:DeviceMeasurement:lamp%20041-Dach%20s%C3%BCd%2F1-novelty"
	for _, r := range d.faults.Requests("POST", "") {
		if !strings.Contains(r.Body, "Device:lamp-042") {
			assert.Contains(t, r.Body, `"id":"`+id+`"`)
			assert.NotContains(t, r.Body, "unitCode", "nobody knows its code")
			assert.NotContains(t, r.Body, "location", "where that was is not known")
		}
	}
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(observed(1, odd, 0, 0.3)))
	require.NoError(t, err)
	assert.Equal(t, []uint64{1}, have)
}

func TestReconcile(t *testing.T) {
	for name, history := range map[string]double.History{"Stellio": double.Idempotent, "Scorpio": double.Duplicating} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{History: history}, "")
			c := d.connected(nil)
			b := batch()
			for i := range uint64(150) {
				b.Observations = append(b.Observations, observed(2*i+1, air, time.Duration(i)*time.Second, 1), observed(2*i+2, co2, time.Duration(i)*time.Second, 1))
			}
			d.faults.Add(1, faults.Fault{Path: temporal, Method: "POST", Delay: time.Millisecond})
			d.faults.Add(1, faults.Fault{Path: temporal, Method: "POST", After: true, Drop: true})
			assert.Equal(t, unknown, outcome(c.Publish(t.Context(), b)))

			c = d.connected(nil)
			have, err := c.(agent.Reconciler).Reconcile(t.Context(), b)
			require.NoError(t, err)
			assert.Len(t, have, 150, "two chunks of one entity")
			assert.ElementsMatch(t, d.received(epoch), have)
			other := b
			other.Epoch++
			have, err = c.(agent.Reconciler).Reconcile(t.Context(), other)
			require.NoError(t, err)
			assert.Empty(t, have, "the epoch counts")
			moved := batch(observed(1, air, time.Hour, 1))
			have, err = c.(agent.Reconciler).Reconcile(t.Context(), moved)
			require.NoError(t, err)
			assert.Empty(t, have, "and the time")
			for _, fault := range []faults.Fault{{Status: 500}, {Status: 200, Body: "<html>"}} {
				fault.Path = temporal
				d.faults.Add(1, fault)
				_, err = c.(agent.Reconciler).Reconcile(t.Context(), b)
				assert.Error(t, err)
			}
		})
	}
}

func TestNoticesAreEntities(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	require.NoError(t, c.Notify(t.Context(), nil))
	beat := agent.Notice{Kind: agent.NoticeHeartbeat, Time: when, Epoch: epoch, Heartbeat: &agent.Heartbeat{AcceptedTo: 5}}
	for range 2 {
		require.NoError(t, c.Notify(t.Context(), []agent.Notice{{ID: 1, Kind: agent.NoticeClock, Time: when, Epoch: epoch, Cause: "offset 1 s"}, beat}))
	}
	assert.Len(t, d.city.Received("lamp-042").Notices, 2)
	set := agent.Notice{ID: 2, Kind: agent.NoticeClock, Time: when, Epoch: epoch, Boot: 7, Start: when.Add(-time.Hour), Bound: 0.25}
	require.NoError(t, c.Notify(t.Context(), []agent.Notice{set}))
	told := d.entity("urn:ngsi-ld:LamppostNotice:lamp-042-0123456789abcdef-2")
	assert.JSONEq(t, `{"type":"Property","value":7}`, string(told["boot"]))
	assert.Contains(t, string(told["start"]), "2026-11-21T09:00:00.500Z")
	assert.JSONEq(t, `{"type":"Property","value":0.25}`, string(told["bound"]))
	assert.Contains(t, string(d.entity("urn:ngsi-ld:LamppostNotice:lamp-042-0123456789abcdef-1")["cause"]), "offset 1 s")
	assert.Contains(t, string(d.entity("urn:ngsi-ld:LamppostNotice:lamp-042-0123456789abcdef-heartbeat")["acceptedTo"]), "5")
	for name, fault := range map[string]faults.Fault{
		"500": {Status: 500}, "400": {Status: 400}, "no answer": {Drop: true, After: true},
		"207": {Status: 207, Body: `{"errors":[{"entityId":"urn:ngsi-ld:LamppostNotice:lamp-042-0123456789abcdef-heartbeat","error":{}}]}`},
	} {
		fault.Path = upserts
		d.faults.Add(1, fault)
		assert.Error(t, c.Notify(t.Context(), []agent.Notice{beat}), name)
	}
}

func TestSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*ngsild.Settings)
		says   string
	}{
		"good":            {func(s *ngsild.Settings) { s.Tenant, s.Path, s.Context = "a_1", "/a", "https://x/y http://z" }, ""},
		"upper case":      {func(s *ngsild.Settings) { s.Tenant = "Lausanne" }, `tenant = "Lausanne"`},
		"relative path":   {func(s *ngsild.Settings) { s.Path = "lamps" }, `path = "lamps"`},
		"no context":      {func(s *ngsild.Settings) { s.Context = "context.jsonld" }, "is not a URL"},
		"context of a >":  {func(s *ngsild.Settings) { s.Context = "http://a/b>c" }, "is not a URL"},
		"unknown history": {func(s *ngsild.Settings) { s.History = "maybe" }, "want auto, on or off"},
		"plain text":      {func(s *ngsild.Settings) { s.URL = "http://city.example" }, "plain text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ngsild.Protocol.Configure(func(into any) error {
				s := into.(*ngsild.Settings)
				s.URL = "https://city.example"
				tt.change(s)
				return nil
			})
			if tt.says == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tt.says)
			}
		})
	}
	_, err := open(t, double.Options{}, "").dial(t.Context(), agent.Thing{}, nil)
	assert.ErrorContains(t, err, "thing.id is empty")
}

func TestCheck(t *testing.T) {
	var s ngsild.Settings
	some := []agent.Property{agent.AirTemperature, agent.RelativeHumidity, agent.CarbonDioxide, agent.Open}
	assert.NoError(t, s.Check(thing, some))
	err := s.Check(agent.Thing{ID: "x"}, some)
	assert.ErrorContains(t, err, "thing.location is missing: WeatherObserved (of airTemperature) requires it")
	assert.ErrorContains(t, err, "AirQualityObserved")
	assert.Len(t, strings.Split(err.Error(), "\n"), 2, "one a model")
	assert.NoError(t, s.Check(agent.Thing{ID: "x"}, []agent.Property{agent.Open}))
	assert.ErrorContains(t, s.Check(thing, []agent.Property{{Name: "novelty", Unit: "1"}}), "unmapped property")
	assert.ErrorContains(t, s.Check(thing, []agent.Property{{Name: "quantity", Unit: "furlong"}}), "unmapped property")
}

func FuzzReadBack(f *testing.F) {
	f.Add([]byte(`{"id":"x","a":[{"type":"Property","value":1,"observedAt":"2026-11-21T10:00:00.500Z","seq":{"value":1},"epoch":{"value":"0"}}]}`))
	f.Add([]byte(`{"a":{"observedAt":"2026-11-21T10:00:00.500Z","seq":{"value":[1]},"epoch":{"value":"0"}},"b":[1,null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := ngsild.ReadBack(body)
		if err != nil && n != 0 {
			t.Error("something is read from what is not understood")
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"success":["urn:a:b"],"errors":[{"entityId":"urn:a:c","error":{"type":"x/y","title":"t","detail":{},"status":400}}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		stored, _ := ngsild.Report(body, "urn:a:b")
		var all map[string]any
		_ = json.Unmarshal(body, &all)
		if stored && !strings.Contains(fmt.Sprint(all), "urn:a:b") && json.Valid(body) {
			t.Error("stored, and nothing says so")
		}
	})
}
