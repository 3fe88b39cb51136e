package fiware_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/fiware"
	"github.com/lamppost-city/lamppost/sync/fiware"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

type described struct {
	EntityName string           `json:"entity_name"`
	EntityType string           `json:"entity_type"`
	Transport  string           `json:"transport"`
	Attributes []map[string]any `json:"attributes"`
	Static     []map[string]any `json:"static_attributes"`
}

func deviceOf(t *testing.T, b *bench, id string) (d described) {
	t.Helper()
	status, body := provisioned(t, b, "GET", "/iot/devices/"+id, "")
	require.Equal(t, 200, status)
	require.NoError(t, json.Unmarshal([]byte(body), &d))
	return d
}

func TestProvision(t *testing.T) {
	for _, w := range []way{{"mqtt", "json", false, true}, {"http", "ul", true, true}} {
		b := newBench(t, w)
		b.dial(t, nil)

		d := deviceOf(t, b, "lamp-042:roof-air")

		assert.Equal(t, roofAir, d.EntityName)
		assert.Equal(t, "WeatherObserved", d.EntityType, "all of the sensor's properties have a place there")
		assert.Equal(t, strings.ToUpper(w.name), d.Transport)
		assert.Contains(t, d.Attributes, map[string]any{
			"object_id": "airTemperature", "name": "temperature", "type": "Number",
			"metadata": map[string]any{"unitCode": map[string]any{"type": "Text", "value": "CEL"}},
		})
		for _, name := range []string{"TimeInstant", "seq", "epoch", "batch", "count", "quality", "span", "boot", "mono"} {
			assert.Truef(t, contains(d.Attributes, name), "explicitAttrs would hide %s", name)
		}
		assert.True(t, contains(d.Static, "location"))
		door := deviceOf(t, b, "lamp-042:door")
		assert.Equal(t, doorID, door.EntityName)
		assert.Contains(t, door.Static, map[string]any{"name": "controlledProperty", "type": "StructuredValue", "value": []any{"gateOpening"}})
		assert.True(t, contains(deviceOf(t, b, "lamp-042").Attributes, "notice"))
	}
}

func contains(list []map[string]any, name string) bool {
	for _, a := range list {
		if a["name"] == name {
			return true
		}
	}
	return false
}

func TestProvisionAgainChangesNothing(t *testing.T) {
	b := newBench(t, ways[0])
	b.dial(t, nil)
	calls := count(t, b)
	b.dial(t, nil)
	assert.Equal(t, map[string]int{"GET": 4}, calls(), "the group, the gateway, two sensors")
}

// count puts a proxy before the north API that counts calls.
func count(t *testing.T, b *bench) func() map[string]int {
	t.Helper()
	var mu sync.Mutex
	calls := map[string]int{}
	platform := "http://" + b.city.HTTPAddr()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls[r.Method]++
		mu.Unlock()
		on, err := http.NewRequestWithContext(r.Context(), r.Method, platform+r.URL.RequestURI(), r.Body)
		if err != nil {
			return
		}
		on.Header = r.Header
		res, err := http.DefaultClient.Do(on)
		if err != nil {
			return
		}
		defer res.Body.Close()
		w.WriteHeader(res.StatusCode)
		var body json.RawMessage
		if json.NewDecoder(res.Body).Decode(&body) == nil {
			w.Write(body)
		}
	}))
	t.Cleanup(server.Close)
	set := b.set
	b.set = func(s *fiware.Settings) { set(s); s.NorthURL = server.URL }
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
}

func TestProvisionCompletesWhatIsThere(t *testing.T) {
	b := newBench(t, ways[0])
	status, _ := provisioned(t, b, "POST", "/iot/devices", `{"devices":[{"device_id":"lamp-042:roof-air","apikey":"`+apiKey+`","entity_name":"urn:ngsi-ld:Weather:1","entity_type":"Weather","explicitAttrs":true,
		"attributes":[{"object_id":"airTemperature","name":"temperature","type":"Text"}],"static_attributes":[{"name":"owner","type":"Text","value":"parks"}]}]}`)
	require.Equal(t, 201, status)
	c := b.dial(t, nil)

	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 2)))

	d := deviceOf(t, b, "lamp-042:roof-air")
	assert.Equal(t, "urn:ngsi-ld:Weather:1", d.EntityName, "the name stays")
	assert.True(t, contains(d.Static, "owner"), "what the city added stays")
	assert.Equal(t, "Number", b.Entity("urn:ngsi-ld:Weather:1")["temperature"].Type)
}

func TestProvisionFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []double.Answer
		says    string // "" is no error
	}{
		"409 is there already":  {[]double.Answer{{}, {Status: 409, Body: `{"name":"DUPLICATE_GROUP"}`}, {Status: 404}, {Status: 409, Body: `{"name":"DUPLICATE_DEVICE_ID"}`}}, ""},
		"no group is 404":       {[]double.Answer{{Status: 404}}, ""},
		"not let in":            {[]double.Answer{{Status: 401}}, "check what the gateway proves itself with"},
		"refused":               {[]double.Answer{{}, {Status: 400, Body: `{"name":"WRONG_SYNTAX"}`}}, "WRONG_SYNTAX"},
		"device refused":        {[]double.Answer{{}, {}, {Status: 500}}, "device lamp-042"},
		"groups are no groups":  {[]double.Answer{{Status: 200, Body: "<html>"}}, "check north_url"},
		"a device is no device": {[]double.Answer{{}, {}, {Status: 200, Body: "<html>"}}, "check north_url"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, ways[2])
			b.Set(func(f *double.Faults) { f.North = tt.answers })
			c, err := b.try(t.Context(), thing, nil)
			require.NoError(t, err)
			defer c.Close()

			err = c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil)

			if tt.says == "" {
				require.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tt.says)
			assert.ErrorContains(t, err, "north_url")
		})
	}
}

// A device that the agent refuses keeps no other waiting.
func TestDeviceThatIsRefused(t *testing.T) {
	b := newBench(t, ways[2])
	b.Set(func(f *double.Faults) {
		f.North = []double.Answer{{}, {}, {}, {}, {}, {Status: 400, Body: `{"name":"WRONG_SYNTAX"}`}} // the second of three
	})
	c := b.dial(t, nil)
	assert.Contains(t, b.log.String(), "WRONG_SYNTAX")
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 1)), "the third is there")
}

// A device that the city has not provisioned yet keeps no other waiting, and its
// observations are not to blame.
func TestDeviceThatIsNotThereYet(t *testing.T) {
	for _, w := range []way{ways[0], ways[2]} {
		b := newBench(t, w)
		c, err := b.try(t.Context(), thing, nil)
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil))
		require.NoError(t, c.Notify(t.Context(), []agent.Notice{{ID: 1, Kind: agent.NoticeWindow, Time: noon, Epoch: 1, From: 90, To: 99}}))

		err = c.Publish(t.Context(), of(1, one(1, air, 1, 20), one(2, door, 1, 1)))

		var left *uplink.LeftOut
		require.ErrorAs(t, err, &left, w.name)
		assert.Equal(t, map[uint64]bool{2: true}, left.Seqs)
		assert.Equal(t, []uint64{1}, b.received(1))
		retried(t, c.Publish(t.Context(), of(1, one(2, door, 1, 1))))
		require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air, door}, nil))
		require.NoError(t, c.Publish(t.Context(), of(1, one(2, door, 1, 1))))
		assert.Equal(t, []uint64{1, 2}, b.received(1))
	}
}

func TestNorthToken(t *testing.T) {
	for header, want := range map[string]string{"authorization": "Bearer t0ken", "x-auth-token": "t0ken"} {
		got := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got <- r.Header.Get(header)
			assert.Equal(t, "lausanne", r.Header.Get("Fiware-Service"))
			assert.Equal(t, "/lamps", r.Header.Get("Fiware-ServicePath"))
			w.WriteHeader(http.StatusForbidden)
		}))
		defer server.Close()
		b := newBench(t, ways[2])
		c, err := b.try(t.Context(), thing, func(s *fiware.Settings) {
			s.NorthURL, s.NorthHeader, s.NorthTokenFile, s.ServicePath = server.URL, header, secret(t, "t0ken"), "/lamps"
		})
		require.NoError(t, err)
		require.ErrorContains(t, c.Announce(t.Context(), thing, nil, nil), "403")
		assert.Equal(t, want, <-got)
	}
}

func TestEntityTypes(t *testing.T) {
	b := newBench(t, ways[0])
	c, err := b.try(t.Context(), thing, nil)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{
		stream(1, "co2", agent.CarbonDioxide, 0), stream(2, "co2", agent.AirTemperature, 2), stream(3, "co2", agent.RelativeHumidity, 2),
		stream(4, "dust", agent.PM25, 1), stream(5, "dust", agent.SensorState, 0),
		stream(6, "odd", agent.CarbonDioxide, 0), stream(7, "odd", agent.AtmosphericPressure, 2),
		stream(8, "power", agent.Voltage, 2), stream(9, "power", agent.AirTemperature, 2),
		stream(10, "mute", agent.SensorState, 0),
	}, nil))
	for sensor, want := range map[string]string{
		"co2": "AirQualityObserved", "dust": "AirQualityObserved", "odd": "Device", "power": "Device", "mute": "Device",
	} {
		assert.Equal(t, want, deviceOf(t, b, "lamp-042:"+sensor).EntityType, sensor)
	}
}
