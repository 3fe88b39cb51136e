//go:build system

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// contextBroker stands in for Orion: it merges entities and keeps each state
// that a component which keeps history would be shown.
type contextBroker struct {
	*httptest.Server

	mu       sync.Mutex
	entities map[string]map[string]any   // attributes by entity, as values
	history  map[string][]map[string]any // the whole entity after each update
	broken   int                         // answers with this status, unless 0
}

func startContextBroker(t *testing.T) *contextBroker {
	t.Helper()
	b := &contextBroker{entities: map[string]map[string]any{}, history: map[string][]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/entities", func(w http.ResponseWriter, r *http.Request) { b.update(w, r, false) })
	mux.HandleFunc("POST /v2/op/update", func(w http.ResponseWriter, r *http.Request) { b.update(w, r, true) })
	mux.HandleFunc("GET /v2/entities/{id}/attrs", b.attributes)
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

// breakDown lets the broker answer with a status, or work again with 0.
func (b *contextBroker) breakDown(status int) { b.mu.Lock(); defer b.mu.Unlock(); b.broken = status }

// forbidden are the characters that Orion takes in no value.
const forbidden = `<>"'=;()`

func (b *contextBroker) update(w http.ResponseWriter, r *http.Request, several bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != 0 {
		w.WriteHeader(b.broken)
		return
	}
	var request struct {
		Entities []map[string]json.RawMessage `json:"entities"`
	}
	one := map[string]json.RawMessage{}
	into := any(&one)
	if several {
		into = &request
	}
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		http.Error(w, `{"error":"ParseError"}`, http.StatusBadRequest)
		return
	}
	if !several {
		request.Entities = append(request.Entities, one)
	}
	for _, entity := range request.Entities {
		if err := b.merge(entity); err != nil {
			http.Error(w, `{"error":"BadRequest"}`, http.StatusBadRequest)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *contextBroker) merge(entity map[string]json.RawMessage) error {
	id := strings.Trim(string(entity["id"]), `"`)
	if b.entities[id] == nil {
		b.entities[id] = map[string]any{}
	}
	for name, raw := range entity {
		if name == "id" || name == "type" {
			continue
		}
		var attribute struct {
			Value any `json:"value"`
		}
		if err := json.Unmarshal(raw, &attribute); err != nil {
			return err
		}
		if text, ok := attribute.Value.(string); ok && strings.ContainsAny(text, forbidden) {
			return fmt.Errorf("%s: a forbidden character", name)
		}
		b.entities[id][name] = attribute.Value
	}
	b.history[id] = append(b.history[id], maps.Clone(b.entities[id]))
	return nil
}

func (b *contextBroker) attributes(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	entity, ok := b.entities[r.PathValue("id")]
	if !ok || b.broken != 0 {
		http.Error(w, `{"error":"NotFound"}`, max(b.broken, http.StatusNotFound))
		return
	}
	wanted := strings.Split(r.URL.Query().Get("attrs"), ",")
	out := map[string]any{}
	for name, value := range entity {
		if slices.Contains(wanted, name) {
			out[name] = map[string]any{"type": "Text", "value": value, "metadata": map[string]any{}}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // who asked is gone
}

// states returns the states an entity had.
func (b *contextBroker) states(id string) []map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.history[id])
}

// fiwarePlatform is a FIWARE platform: mosquitto, an IoT Agent and a context
// broker.
type fiwarePlatform struct {
	mqtt, north string // addresses
	context     *contextBroker
	agent       *peer
}

func startFIWARE(t *testing.T) fiwarePlatform {
	t.Helper()
	north := freePort(t)
	f := fiwarePlatform{mqtt: startMosquitto(t), north: fmt.Sprintf("127.0.0.1:%d", north), context: startContextBroker(t)}
	f.agent = startPeer(t, peers(t, "iotagent"), "iotagent.mjs", "mqtt://"+f.mqtt, fmt.Sprint(north), f.context.URL)
	eventually(t, func() bool { return slices.Contains(f.agent.said(0), "ready") }, "the agent listens")
	return f
}

// TestSystemPeerIoTAgent makes sure that the agent does what facts of FIWARE the
// protocol builds on say: batches of groups, read-back, and silence when the
// context broker is away.
func TestSystemPeerIoTAgent(t *testing.T) {
	f := startFIWARE(t)
	provision := func(path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+f.north+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Fiware-Service", "city")
		r.Header.Set("Fiware-ServicePath", "/lamps")
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		t.Logf("%s: %d %s", path, answer.StatusCode, text)
		return answer.StatusCode
	}
	group := `{"groups":[{"apikey":"k3y","resource":"/iot/json","entity_type":"Device","timestamp":true,"autoprovision":false,"explicitAttrs":false}]}`
	device := `{"devices":[{"device_id":"d1","apikey":"k3y","entity_name":"urn:ngsi-ld:WeatherObserved:d1","entity_type":"WeatherObserved","transport":"MQTT",
		"attributes":[{"object_id":"t","name":"temperature","type":"Number"},{"object_id":"seq","name":"seq","type":"Number"}]}]}`
	assert.Equal(t, http.StatusCreated, provision("/iot/groups", group))
	assert.Equal(t, http.StatusConflict, provision("/iot/groups", group), "again")
	assert.Equal(t, http.StatusCreated, provision("/iot/devices", device))
	assert.Equal(t, http.StatusConflict, provision("/iot/devices", device), "again")

	answers := make(chan string, 10)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + f.mqtt).SetClientID("gateway"))
	require.NoError(t, settled(c.Connect()))
	t.Cleanup(func() { c.Disconnect(100) })
	require.NoError(t, settled(c.Subscribe("/k3y/d1/configuration/values", 1, func(_ mqtt.Client, m mqtt.Message) { answers <- string(m.Payload()) })))
	publish := func(topic, text string) {
		require.NoError(t, settled(c.Publish("/json/k3y/d1/"+topic, 1, false, text)))
	}
	readBack := func() string {
		publish("configuration/commands", `{"type":"configuration","fields":["seq"]}`)
		select {
		case text := <-answers:
			return text
		case <-time.After(2 * time.Second):
			return ""
		}
	}
	id := "urn:ngsi-ld:WeatherObserved:d1"

	publish("attrs", `[{"t":22.1,"seq":1001,"TimeInstant":"2026-11-21T10:01:00.000Z"},{"t":22.2,"seq":1002,"TimeInstant":"2026-11-21T10:02:00.000Z"}]`)
	eventually(t, func() bool { s := f.context.states(id); return len(s) > 0 && s[len(s)-1]["seq"] == 1002.0 }, "it is stored")
	assert.Contains(t, readBack(), `"seq":1002`)
	last := f.context.states(id)
	assert.Equal(t, 22.1, last[len(last)-2]["temperature"], "each group is a state, in the order of time")
	assert.Equal(t, "2026-11-21T10:02:00.000Z", last[len(last)-1]["TimeInstant"])

	f.context.breakDown(http.StatusServiceUnavailable)
	publish("attrs", `{"t":23,"seq":1003,"TimeInstant":"2026-11-21T10:03:00.000Z"}`)
	assert.Empty(t, readBack(), "the broker has acknowledged what is lost")
	f.context.breakDown(0)
	assert.Contains(t, readBack(), `"seq":1002`)

	publish("attrs", `[{"t":24,"seq":1004,"TimeInstant":"2026-11-21T10:04:00.000Z"}]`)
	assert.Contains(t, readBack(), `"seq":1002`, "an array of one is no group")
}

func settled(token mqtt.Token) error {
	if !token.WaitTimeout(10 * time.Second) {
		return os.ErrDeadlineExceeded
	}
	return token.Error()
}
