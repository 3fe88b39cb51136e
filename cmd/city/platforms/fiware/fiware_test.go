package fiware

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// A bench is a platform with one group and one device.
type bench struct {
	*Double
	city *desk.City
}

const (
	provisionedGroup  = `{"groups":[{"apikey":"k","resource":"/iot/json","entity_type":"Device","timestamp":true,"autoprovision":false,"explicitAttrs":false}]}`
	provisionedDevice = `{"devices":[{"device_id":"lamp:air","apikey":"k","entity_name":"urn:air","entity_type":"Device","attributes":[{"object_id":"t","name":"temperature","type":"Number"}]}]}`
	noon              = "2026-11-21T12:00:00.000Z"
	later             = "2026-11-21T12:01:00.000Z"
)

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{Double: New()}
	b.start(t, "")
	status, _ := b.ask(t, "POST", "/iot/groups", provisionedGroup)
	require.Equal(t, 201, status)
	status, _ = b.ask(t, "POST", "/iot/devices", provisionedDevice)
	require.Equal(t, 201, status)
	return b
}

func (b *bench) start(t testing.TB, store string) {
	t.Helper()
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Platform: b.Platform(), Store: store})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	b.city = city
}

func (b *bench) ask(t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+b.city.HTTPAddr()+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Fiware-Service", "city")
	r.Header.Set("Fiware-ServicePath", "/")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

func (b *bench) mqtt(topic, payload string) error {
	return b.receive(desk.Message{Topic: topic, Payload: []byte(payload)})
}

func measures(seq int, at string) string {
	return fmt.Sprintf(`{"t":%d,"seq":%d,"count":1,"epoch":"0123456789abcdef","TimeInstant":%q}`, seq, seq, at)
}

// What the agent answers over HTTP.
func TestSouth(t *testing.T) {
	large := `{"t":"` + strings.Repeat("x", maxBody) + `"}`
	for name, tt := range map[string]struct {
		path, body string
		fault      func(*Faults)
		status     int
		answer     string
	}{
		"JSON object":           {"/iot/json?k=k&i=lamp:air", measures(1, noon), nil, 200, "{}"},
		"JSON array of one":     {"/iot/json?k=k&i=lamp:air", "[" + measures(1, noon) + "]", nil, 200, "{}"},
		"context broker 207":    {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 207 }, 207, "ENTITY_GENERIC_ERROR"},
		"404 without error key": {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 404 }, 200, "ENTITY_GENERIC_ERROR"},
		"400":                   {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 400 }, 400, "ENTITY_GENERIC_ERROR"},
		"422":                   {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 422 }, 422, "ENTITY_GENERIC_ERROR"},
		"403":                   {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 403 }, 500, "ACCESS_FORBIDDEN"},
		"503":                   {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 503 }, 503, "ENTITY_GENERIC_ERROR"},
		"502":                   {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Broker = 502 }, 500, "SyntaxError"},
		"connection refused":    {"/iot/json?k=k&i=lamp:air", measures(1, noon), func(f *Faults) { f.Down = true }, 500, "ECONNREFUSED"},
		"unknown device":        {"/iot/json?k=k&i=lamp:sun", measures(1, noon), nil, 404, "DEVICE_NOT_FOUND"},
		"wrong apikey":          {"/iot/json?k=l&i=lamp:air", measures(1, noon), nil, 404, "DEVICE_GROUP_NOT_FOUND"},
		"bad JSON":              {"/iot/json?k=k&i=lamp:air", "{", nil, 400, "SyntaxError"},
		"missing k":             {"/iot/json?i=lamp:air", measures(1, noon), nil, 400, "MANDATORY_PARAMS_NOT_FOUND"},
		"bad time":              {"/iot/json?k=k&i=lamp:air", "[" + measures(1, noon) + "," + measures(2, "yesterday") + "]", nil, 400, "BAD_TIMESTAMP"},
		"more than 1 MB":        {"/iot/json?k=k&i=lamp:air", large, nil, 413, "PayloadTooLargeError"},
		"forbidden characters":  {"/iot/json?k=k&i=lamp:air", `{"t":"a(b)"}`, nil, 400, "ENTITY_GENERIC_ERROR"},
		"an LD broker":          {"/iot/json?k=k&i=lamp:air", "[" + measures(1, noon) + "," + measures(2, later) + "]", func(f *Faults) { f.LinkedLD = true }, 207, "ENTITY_GENERIC_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if tt.fault != nil {
				b.Set(tt.fault)
			}

			status, body := b.ask(t, "POST", tt.path, tt.body)

			assert.Equal(t, tt.status, status)
			assert.Contains(t, body, tt.answer)
			if tt.answer != "{}" {
				assert.Empty(t, b.History(), "nothing is stored")
				assert.Zero(t, b.city.Received("lamp").Distinct)
				return
			}
			assert.EqualValues(t, 1, b.city.Received("lamp").Distinct)
		})
	}
}

func TestArrayOfOneOverMQTT(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", "["+measures(1, noon)+"]"))
	e := b.Entity("urn:air")
	assert.Contains(t, e, "0")
	assert.NotContains(t, e, "temperature", "the reading is lost")
	assert.Zero(t, b.city.Received("lamp").Distinct)
}

func TestMeasuresOverMQTTAreLostInSilence(t *testing.T) {
	b := newBench(t)
	b.Set(func(f *Faults) { f.Down = true })
	require.NoError(t, b.mqtt("json/k/lamp:air/attrs", measures(1, noon)), "the broker acknowledges")
	require.NoError(t, b.mqtt("/json/k/lamp:sun/attrs", measures(1, noon)))
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", "{"))
	assert.Nil(t, b.Entity("urn:air"))
}

func TestMerge(t *testing.T) {
	b := newBench(t)
	b.Set(func(*Faults) {})
	b.registry.groups[groupKey{jsonResource, "k"}].Timestamp = false
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(2, later)))
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", `{"t":7}`))
	assert.Equal(t, 7.0, b.Entity("urn:air")["temperature"].Value)
	assert.Equal(t, later, b.Entity("urn:air")["temperature"].Meta["TimeInstant"], "a value without time keeps the old one's")

	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(1, noon)))
	assert.Equal(t, 1.0, b.Entity("urn:air")["temperature"].Value, "older takes the place of newer")
	assert.Equal(t, noon, b.Entity("urn:air")["TimeInstant"].Value)
}

func TestExplicitAttrsStampArrival(t *testing.T) {
	b := newBench(t)
	b.registry.groups[groupKey{jsonResource, "k"}].ExplicitAttrs = true
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(1, noon)))
	e := b.Entity("urn:air")
	assert.NotEqual(t, noon, e["TimeInstant"].Value, "the time of arrival")
	assert.NotContains(t, e, "seq")
}

// A batch is notified group by group, sorted by time; again, all of it is. The
// current reading again alone is not.
func TestNotifications(t *testing.T) {
	b := newBench(t)
	batch := "[" + measures(2, later) + "," + measures(1, noon) + "]"
	for range 2 {
		status, _ := b.ask(t, "POST", "/iot/json?k=k&i=lamp:air", batch)
		require.Equal(t, 200, status)
	}
	require.Len(t, b.History(), 4)
	assert.Equal(t, noon, b.History()[0].Attrs["TimeInstant"].Value)
	assert.Equal(t, later, b.History()[1].Attrs["TimeInstant"].Value)
	assert.EqualValues(t, 2, b.city.Received("lamp").Duplicates)
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(2, later)))
	assert.Len(t, b.History(), 4)
}

func TestCommandResultMovesTime(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(1, noon)))
	require.NoError(t, b.mqtt("/json/k/lamp:air/cmdexe", `{"blink":"done"}`))
	assert.NotEqual(t, noon, b.Entity("urn:air")["TimeInstant"].Value)
	assert.Equal(t, "OK", b.Entity("urn:air")["blink_status"].Value)
	assert.Equal(t, 1.0, b.Entity("urn:air")["seq"].Value)
}

func TestConfiguration(t *testing.T) {
	for name, tt := range map[string]struct {
		topic, ask string
		fault      func(*Faults)
		want       string
	}{
		"json":          {"/json/k/lamp:air/", `{"type":"configuration","fields":["seq","none"]}`, nil, `"seq":1}`},
		"ul":            {"/ul/k/lamp:air/", "configuration|seq|none", nil, "lamp:air@configuration|seq=1|dt="},
		"broker down":   {"/json/k/lamp:air/", `{"type":"configuration","fields":["seq"]}`, func(f *Faults) { f.Down = true }, ""},
		"mute":          {"/json/k/lamp:air/", `{"type":"configuration","fields":["seq"]}`, func(f *Faults) { f.Mute = true }, ""},
		"deaf":          {"/json/k/lamp:air/", `{"type":"configuration","fields":["seq"]}`, func(f *Faults) { f.Deaf = true }, ""},
		"not asked":     {"/json/k/lamp:air/", `{"type":"subscription","fields":["seq"]}`, nil, ""},
		"not a device":  {"/json/k/lamp:sun/", `{"type":"configuration","fields":["seq"]}`, nil, ""},
		"no JSON":       {"/json/k/lamp:air/", `{`, nil, ""},
		"another topic": {"/other/k/lamp:air/", `{"type":"configuration","fields":["seq"]}`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(1, noon)))
			if tt.fault != nil {
				b.Set(tt.fault)
			}
			b.mu.Lock()
			topic, answer := b.message(desk.Message{Topic: tt.topic + "configuration/commands", Payload: []byte(tt.ask)})
			b.mu.Unlock()
			if tt.want == "" {
				assert.Empty(t, answer)
				return
			}
			assert.Equal(t, "/k/lamp:air/configuration/values", topic)
			assert.Contains(t, string(answer), strings.TrimSuffix(tt.want, "}"))
		})
	}
}

func TestNorth(t *testing.T) {
	b := newBench(t)
	status, body := b.ask(t, "POST", "/iot/groups", provisionedGroup)
	assert.Equal(t, 409, status)
	assert.Contains(t, body, "DUPLICATE_GROUP")
	status, body = b.ask(t, "POST", "/iot/devices", provisionedDevice)
	assert.Equal(t, 409, status)
	assert.Contains(t, body, "DUPLICATE_DEVICE_ID")
	status, _ = b.ask(t, "PUT", "/iot/devices/lamp:air", `{"attributes":[{"name":"u","type":"Number"}]}`)
	assert.Equal(t, 204, status)
	_, body = b.ask(t, "GET", "/iot/devices/lamp:air", "")
	assert.Contains(t, body, `"object_id":"u"`, "each has one")
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(1, noon)))
	status, _ = b.ask(t, "PUT", "/iot/devices/lamp:air", `{"attributes":[{"name":"u","type":"Number"},{"name":"v","type":"Number"}]}`)
	assert.Equal(t, 204, status)
	assert.NotEqual(t, noon, b.Entity("urn:air")["TimeInstant"].Value, "a change moves the time")
	assert.Nil(t, b.Entity("urn:air")["v"].Value)
	status, _ = b.ask(t, "PUT", "/iot/devices/lamp:air", `{"apikey":"other"}`)
	assert.Equal(t, 400, status, "who it is does not change")
	_, body = b.ask(t, "GET", "/iot/groups", "")
	assert.Contains(t, body, `"count":1`)
	status, _ = b.ask(t, "DELETE", "/iot/devices/lamp:air", "")
	assert.Equal(t, 204, status)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		status, _ = b.ask(t, method, "/iot/devices/lamp:air", "{}")
		assert.Equal(t, 404, status)
	}
	for _, path := range []string{"/iot/groups", "/iot/devices"} {
		status, _ = b.ask(t, "POST", path, "{")
		assert.Equal(t, 400, status)
	}
	res, err := http.Get("http://" + b.city.HTTPAddr() + "/iot/groups")
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 400, res.StatusCode, "headers")
}

// After a restart the platform answers from what it saved.
func TestRestart(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		store := filepath.Join(t.TempDir(), "store")
		b := &bench{Double: New()}
		b.MemoryRegistry = inMemory
		b.start(t, store)
		b.ask(t, "POST", "/iot/groups", provisionedGroup)
		b.ask(t, "POST", "/iot/devices", provisionedDevice)
		require.NoError(t, b.mqtt("/json/k/lamp:air/attrs", measures(1, noon)))
		require.NoError(t, b.city.Close())

		b = &bench{Double: New()}
		b.MemoryRegistry = inMemory
		b.start(t, store)

		assert.Equal(t, 1.0, b.Entity("urn:air")["seq"].Value)
		assert.EqualValues(t, 1, b.city.Received("lamp").Distinct)
		status, _ := b.ask(t, "GET", "/iot/devices/lamp:air", "")
		assert.Equal(t, map[bool]int{false: 200, true: 404}[inMemory], status)
		b.Forget()
		status, _ = b.ask(t, "GET", "/iot/devices/lamp:air", "")
		assert.Equal(t, 404, status)
	}
}

func TestSingleAttribute(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs/t", "21.4"))
	assert.Equal(t, 21.4, b.Entity("urn:air")["temperature"].Value)
	require.NoError(t, b.mqtt("/json/k/lamp:air/attrs/t", "x"))
	assert.Equal(t, "78", b.Entity("urn:air")["temperature"].Value, "hexadecimal")
}

// An open platform invents what it does not know, and counts it.
func TestOpenPlatform(t *testing.T) {
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Platform: Platform})
	require.NoError(t, err)
	defer city.Close()
	res, err := http.Post("http://"+city.HTTPAddr()+"/iot/d?k=any&i=lamp:air", "text/plain", strings.NewReader(noon+"|t|1|seq|4|count|1|epoch|x0000000000000001"))
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 200, res.StatusCode)
	assert.Equal(t, map[string][]desk.Range{"0000000000000001": {{From: 4, To: 4}}}, city.Received("lamp").Epochs)
}

func TestUltralight(t *testing.T) {
	for text, want := range map[string][]map[string]any{
		"l|55.1":             {{"l": 55.1}},
		noon + "|l|55.1":     {{"l": 55.1, "TimeInstant": noon}},
		"l|1#m|x":            {{"l": 1.0}, {"m": "x"}},
		"l|55.4|x":           {{"TimeInstant": "l", "55.4": "x"}}, // which is a bad time
		"e|1234567890123e45": {{"e": 1.234567890123e57}},          // why epochs have an x
		"":                   nil,
		"l|":                 nil,
		"l":                  nil,
		"|l|2":               {{"l": 2.0}},
	} {
		got, err := parseUL(text)
		assert.Equal(t, want == nil, err != nil, text)
		assert.Equal(t, want, got, text)
	}
}

func FuzzMeasures(f *testing.F) {
	f.Add(true, noon+"|l|1#m|x")
	f.Add(false, "["+measures(1, noon)+"]")
	f.Fuzz(func(t *testing.T, ul bool, payload string) {
		groups, err := parseMQTT(ul, []byte(payload))
		if err == nil {
			assert.NotEmpty(t, groups)
		}
	})
}
