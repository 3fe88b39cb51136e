package thingsboard

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

func open(t *testing.T) (*Double, *desk.City, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	d := New()
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Platform: d.Platform(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	return d, city, &log
}

// TestTelemetry has what ThingsBoard makes of telemetry.
func TestTelemetry(t *testing.T) {
	const keys = `"seq":1,"epoch":"0123456789abcdef"`
	for name, tt := range map[string]struct {
		payload string
		fails   error
		rows    int
		keys    uint64
		logs    string
	}{
		"entries":               {`{"lamp:air":[{"ts":1000,"values":{"t":1,` + keys + `}}]}`, nil, 3, 1, ""},
		"non-array is skipped":  {`{"lamp:air":{"ts":1000,"values":{"t":1,` + keys + `}}}`, nil, 0, 0, "no array of entries: skipped"},
		"null is skipped":       {`{"lamp:air":[{"ts":1000,"values":{"t":1,"u":null,` + keys + `}}]}`, nil, 3, 1, ""},
		"objects are kept":      {`{"lamp:air":[{"ts":1000,"values":{"t":{"a":[1e99]},` + keys + `}}]}`, nil, 3, 1, ""},
		"without keys":          {`{"lamp:air":[{"ts":1000,"values":{"t":1}}]}`, nil, 1, 0, "entry without keys"},
		"malformed JSON":        {`{"lamp:air":[`, errMalformed, 0, 0, ""},
		"no object":             {`[]`, errMalformed, 0, 0, ""},
		"ts is no number":       {`{"lamp:air":[{"ts":"now","values":{"t":1}}]}`, errMalformed, 0, 0, ""},
		"17 decimals":           {`{"lamp:air":[{"ts":1000,"values":{"t":0.12345678901234567}}]}`, errMalformed, 0, 0, ""},
		"17 decimals by e":      {`{"lamp:air":[{"ts":1000,"values":{"t":1e-17}}]}`, errMalformed, 0, 0, ""},
		"integer beyond int64":  {`{"lamp:air":[{"ts":1000,"values":{"t":9223372036854775808}}]}`, errMalformed, 0, 0, ""},
		"more than 65536 bytes": {`{"lamp:air":[{"ts":1000,"values":{"t":"` + strings.Repeat("x", 65_500) + `"}}]}`, errTooLarge, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, city, log := open(t)

			err := d.receive(desk.Message{Topic: "v1/gateway/telemetry", QoS: 1, Payload: []byte(tt.payload)})

			if tt.fails != nil {
				require.ErrorIs(t, err, tt.fails)
			} else {
				require.NoError(t, err)
			}
			dev, _ := d.Device("lamp:air")
			assert.Equal(t, tt.rows, dev.Rows)
			assert.Equal(t, tt.keys, city.Received("lamp").Distinct)
			assert.Contains(t, log.String(), tt.logs)
			if tt.rows > 0 {
				assert.NotNil(t, d.Row("lamp:air", "t", time.UnixMilli(1000)))
			}
		})
	}
}

func TestEntryWithoutTimeHasThatOfArrival(t *testing.T) {
	d, _, _ := open(t)
	begun := time.Now().UnixMilli()
	require.NoError(t, d.receive(desk.Message{Topic: "v1/gateway/telemetry", QoS: 1, Payload: []byte(`{"lamp:air":[{"ts":1000,"t":1},{"t":2}]}`)}))
	assert.Nil(t, d.Row("lamp:air", "t", time.UnixMilli(1000)))
	assert.GreaterOrEqual(t, d.devices["lamp:air"].latest["t"].ts, begun)
	assert.Equal(t, "1000", string(d.devices["lamp:air"].latest["ts"].value), "ts is taken for a value")
}

func TestOtherMessages(t *testing.T) {
	d, city, log := open(t)
	for _, m := range []desk.Message{
		{Topic: "v1/gateway/connect", Payload: []byte(`{}`)},
		{Topic: "v1/gateway/connect", Payload: []byte(`{`)},
		{Topic: "v1/gateway/attributes", Payload: []byte(`{"lamp:air":1}`)},
		{Topic: "v1/devices/me/telemetry", Payload: []byte(`{`)},
	} {
		m.QoS = 1
		assert.ErrorIs(t, d.receive(m), errMalformed, m.Topic)
	}
	assert.ErrorIs(t, d.receive(desk.Message{Topic: "v1/gateway/telemetry", Payload: []byte(`{}`)}), errMalformed, "QoS 0")
	require.NoError(t, d.receive(desk.Message{Topic: "v1/devices/me/telemetry", QoS: 1, Client: "gw", Payload: []byte(`{"uptime":1}`)}))
	require.NoError(t, d.receive(desk.Message{Topic: "v1/devices/me/telemetry", QoS: 1, Client: "gw", Payload: []byte(`[{"ts":1,"values":{"thing":"lamp","notice":{}}}]`)}))
	assert.Contains(t, log.String(), "notice not understood")
	assert.Empty(t, city.Things())
	require.NoError(t, d.receive(desk.Message{Topic: "else", QoS: 1}))
}

func TestLatestOnlyMovesForward(t *testing.T) {
	d, _, _ := open(t)
	for _, ts := range []string{"2000", "1000"} {
		require.NoError(t, d.receive(desk.Message{Topic: "v1/gateway/telemetry", QoS: 1, Payload: []byte(`{"lamp:air":[{"ts":` + ts + `,"values":{"t":` + ts + `}}]}`)}))
	}
	dev, _ := d.Device("lamp:air")
	assert.Equal(t, "2000", string(dev.Latest["t"]))
	assert.Equal(t, 2, dev.Rows)
}

func FuzzTelemetry(f *testing.F) {
	f.Add(`{"lamp:air":[{"ts":1000,"values":{"t":1e-3,"seq":1,"epoch":"0123456789abcdef"}}]}`)
	f.Add(`{"a":[{"b":-}]}`)
	f.Add(`{"a":[{"ts":1,"values":{"b":1e999999999}}]}`)
	f.Fuzz(func(t *testing.T, payload string) {
		d := New()
		city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Platform: d.Platform()})
		require.NoError(t, err)
		defer city.Close()
		_ = d.receive(desk.Message{Topic: "v1/gateway/telemetry", QoS: 1, Payload: []byte(payload)})
	})
}
