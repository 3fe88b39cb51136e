//go:build system

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entityTests are the tests that write the entities they make to the folder that
// LAMPPOST_ENTITIES names, each in its key-values form as <Model>.<what>.json.
const entityTests = "^Test(Models|Entities)$"

// TestSystemPeerSchemas validates the entities that the NGSI protocols make
// against the schemas of the Smart Data Models, with a validator that nobody
// here wrote.
func TestSystemPeerSchemas(t *testing.T) {
	schemas := filepath.Join("..", "..", "..", "shared", "data", "schemas")
	if data := os.Getenv("LAMPPOST_DATA"); data != "" {
		schemas = filepath.Join(data, "schemas")
	}
	schemas, err := filepath.Abs(schemas)
	require.NoError(t, err)
	if !exists(schemas) {
		t.Skipf("%s is not there: no schemas to validate against", schemas)
	}
	dir := peers(t, "")

	t.Run("the validator can tell", func(t *testing.T) {
		samples, err := filepath.Abs(filepath.Join("testdata", "peers", "entities"))
		require.NoError(t, err)
		verdicts := validate(t, dir, schemas, samples)
		assert.Equal(t, map[string][]string{
			"AirQualityObserved-nowhere.json": {"/ must have required property 'location'"},
			"Unheard-of.json":                 {"no schema of Unheard"},
			"WeatherObserved-good.json":       {},
			"WeatherObserved-humid.json":      {"/relativeHumidity must be <= 1"},
		}, verdicts)
	})
	t.Run("what the protocols make", func(t *testing.T) {
		made := t.TempDir()
		cmd := exec.Command("go", "test", "-count=1", "-run", entityTests, "github.com/lamppost-city/lamppost/sync/...")
		cmd.Env = append(os.Environ(), "LAMPPOST_ENTITIES="+made)
		text, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s", text)
		verdicts := validate(t, dir, schemas, made)
		if len(verdicts) == 0 {
			t.Skip("no protocol of this build writes entities")
		}
		for file, errs := range verdicts {
			assert.Emptyf(t, errs, "%s", file)
		}
		t.Logf("%d entities", len(verdicts))
	})
}

// validate returns what is wrong with each file of a folder.
func validate(t *testing.T, dir, schemas, entities string) map[string][]string {
	t.Helper()
	cmd := exec.Command(install(t, "node", "nodejs"), "validate-entities.mjs", schemas, entities)
	cmd.Dir = dir
	out, err := cmd.Output()
	require.NoError(t, err)
	verdicts := map[string][]string{}
	for line := range bytes.Lines(out) {
		var v struct {
			File   string   `json:"file"`
			Valid  bool     `json:"valid"`
			Errors []string `json:"errors"`
		}
		require.NoError(t, json.Unmarshal(line, &v))
		require.Equal(t, v.Valid, len(v.Errors) == 0)
		verdicts[v.File] = v.Errors
	}
	return verdicts
}

// decodeSenML reads SenML CBOR packs with a decoder that nobody here wrote, and
// returns each as JSON.
func decodeSenML(t *testing.T, packs []byte) []string {
	t.Helper()
	cmd := exec.Command(install(t, "node", "nodejs"), "decode-senml.mjs")
	cmd.Dir, cmd.Stdin = peers(t, ""), bytes.NewReader(packs)
	out, err := cmd.Output()
	require.NoErrorf(t, err, "%s", out)
	var all []string
	for line := range bytes.Lines(out) {
		all = append(all, string(line))
	}
	return all
}

// TestSystemPeerCBOR makes sure that decodeSenML reads what RFC 8428 says.
func TestSystemPeerCBOR(t *testing.T) {
	packs := append([]byte("\x81\xa4\x21\x67urn:dev\x00\x61t\x06\x1a\x6a\x00\x00\x00\x02\xf9\x3c\x00"),
		"\x82\xa2\x00\x61a\x04\xf5\xa3\x63seq\x1b\x00\x1f\xff\xff\xff\xff\xff\xff\x05\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00\x08\x42\x01\x02"...)
	got := decodeSenML(t, packs)
	require.Len(t, got, 2)
	assert.JSONEq(t, `[{"bn":"urn:dev","n":"t","t":1778384896,"v":1}]`, got[0])
	assert.JSONEq(t, `[{"n":"a","vb":true},{"seq":9007199254740991,"s":1.5,"vd":"AQI"}]`, got[1])
}

// TestSystemPeerCBORPacks reads what the gateway sends with that decoder: every
// observation is there with its value, its time and its key.
func TestSystemPeerCBORPacks(t *testing.T) {
	var packs []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && r.Header.Get("Content-Type") == "application/senml+cbor" {
			packs = append(packs, body...)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	p, err := senml.Protocol.Configure(func(s any) error {
		x := s.(*senml.Settings)
		x.URL, x.Format = server.URL, "cbor"
		return nil
	})
	require.NoError(t, err)
	city, err := p.Dial(t.Context(), uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: agent.AckStored})
	require.NoError(t, err)
	defer city.Close()
	streams := []*agent.Datastream{
		{Name: "roof-air/airTemperature", Property: agent.AirTemperature, Resolution: 2, Thing: "lamp-042"},
		{Name: "door/open", Property: agent.Open, Thing: "lamp-042"},
		{Name: "meter/quantity", Property: agent.Property{Name: "quantity", Unit: "kW.h"}, Resolution: -1, Thing: "lamp-042"},
	}
	batch := agent.Batch{Epoch: 0x0123456789abcdef}
	begin := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for i := range 2500 {
		ds := streams[i%3]
		value := []float64{agent.Round(21.5-float64(i)/100, 2), float64(i % 2), 1 / float64(i+1)}[i%3]
		batch.Observations = append(batch.Observations, agent.Observation{
			Seq: uint64(i + 1 + i/1000), Datastream: ds, Time: begin.Add(time.Duration(i/3) * 1001 * time.Millisecond), Value: value,
		})
	}
	for part := range slices.Chunk(batch.Observations, 500) { // a pack each
		require.NoError(t, city.Publish(t.Context(), agent.Batch{Epoch: batch.Epoch, Observations: part}))
	}

	next, time_, seq := 0, 0.0, uint64(0)
	for _, text := range decodeSenML(t, packs) {
		var records []struct {
			Time    *float64 `json:"bt"`
			Name    string   `json:"n"`
			Unit    string   `json:"u"`
			Value   float64  `json:"v"`
			Seq     uint64   `json:"seq"`
			Epoch   string   `json:"epoch"`
			Quality string   `json:"q"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &records), text)
		require.Equal(t, "0123456789abcdef", records[0].Epoch)
		for _, r := range records {
			if r.Time != nil {
				time_ = *r.Time
			}
			if seq++; r.Seq != 0 {
				seq = r.Seq
			}
			want := batch.Observations[next]
			require.Equal(t, want.Datastream.Name, r.Name)
			require.Equal(t, want.Value, r.Value)
			require.Equal(t, want.Seq, seq)
			require.InDelta(t, float64(want.Time.UnixMilli())/1000, time_, 1e-4)
			next++
		}
	}
	require.Equal(t, len(batch.Observations), next)
}
