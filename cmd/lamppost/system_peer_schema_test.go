//go:build system

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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
