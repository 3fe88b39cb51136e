package ngsild_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// keyValues returns all entities the gateway makes of everything, in the form of
// the Smart Data Models' schemas.
func keyValues(t *testing.T) map[string]map[string]any {
	d := open(t, double.Options{}, "")
	c := d.connected(nil)
	var streams []*agent.Datastream
	b := batch()
	for i, p := range vocabulary.Properties() {
		ds := stream("roof-air", p, 1)
		streams = append(streams, ds)
		b.Observations = append(b.Observations, observed(uint64(i)+1, ds, 0, 99.9))
	}
	require.NoError(t, c.Announce(t.Context(), thing, streams, nil))
	require.NoError(t, c.Publish(t.Context(), b))
	all := make(map[string]map[string]any)
	for _, r := range d.faults.Requests("POST", upserts) {
		var entities []map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.Body), &entities))
		for _, e := range entities {
			values := make(map[string]any)
			for name, v := range e {
				switch a := v.(type) {
				case map[string]any:
					values[name] = value(a)
				default:
					values[name] = v
				}
			}
			delete(values, "@context")
			all[fmt.Sprint(e["id"])] = values
		}
	}
	return all
}

// value is what the key-values form keeps of an attribute.
func value(a map[string]any) any {
	if a["type"] == "Relationship" {
		return a["object"]
	}
	if typed, ok := a["value"].(map[string]any); ok && typed["@value"] != nil {
		return typed["@value"]
	}
	return a["value"]
}

// TestModels checks every entity against what its Smart Data Model requires. With
// LAMPPOST_ENTITIES set it writes them there, a file each, for other validators.
func TestModels(t *testing.T) {
	all := keyValues(t)
	models, want := map[string]bool{}, 1 // the Device
	for _, p := range vocabulary.Properties() {
		term, ok := vocabulary.Of(p)
		require.True(t, ok)
		if !models[term.Model] || term.Model == vocabulary.DeviceMeasurement {
			want++ // one for all of the weather, one for all of the air, one for each other
		}
		models[term.Model] = true
	}
	require.Len(t, all, want)
	dir := os.Getenv("LAMPPOST_ENTITIES")
	for id, e := range all {
		model := fmt.Sprint(e["type"])
		if dir != "" {
			text, err := json.MarshalIndent(e, "", "  ")
			require.NoError(t, err)
			name := model + "." + id[strings.LastIndex(id, ":")+1:] + ".json"
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
		}
		t.Run(id, func(t *testing.T) { loadSchema(t, model+".schema.json").check(t, e) })
	}
}

// A schema is what of a JSON Schema is checked here: required members, types,
// enumerations and ranges.
type schema struct {
	required   []string
	properties map[string]rule
}

type rule struct {
	Ref                                string `json:"$ref"`
	Type                               string
	Enum                               []any
	Minimum, Maximum                   *float64
	Items                              *rule
	AllOf                              []rule
	Required                           []string
	Properties                         map[string]rule
	ExclusiveMinimum, ExclusiveMaximum *float64
}

func schemaFile(t *testing.T, name string) []byte {
	dir := os.Getenv("LAMPPOST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "schemas", name))
	if err != nil {
		t.Skipf("schemas are absent: %v", err)
	}
	return raw
}

func loadSchema(t *testing.T, name string) schema {
	var top rule
	require.NoError(t, json.Unmarshal(schemaFile(t, name), &top))
	s := schema{properties: make(map[string]rule)}
	s.add(t, top)
	return s
}

func (s *schema) add(t *testing.T, r rule) {
	r = resolve(t, r)
	s.required = append(s.required, r.Required...)
	for name, p := range r.Properties {
		s.properties[name] = resolve(t, p)
	}
	for _, part := range r.AllOf {
		s.add(t, part)
	}
}

// resolve follows a reference into one of the files.
func resolve(t *testing.T, r rule) rule {
	if r.Ref == "" {
		return r
	}
	url, pointer, _ := strings.Cut(r.Ref, "#")
	var at any
	require.NoError(t, json.Unmarshal(schemaFile(t, path.Base(url)), &at))
	for step := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		at = at.(map[string]any)[step]
	}
	text, err := json.Marshal(at)
	require.NoError(t, err)
	var found rule
	require.NoError(t, json.Unmarshal(text, &found), r.Ref)
	return resolve(t, found)
}

func (s schema) check(t *testing.T, e map[string]any) {
	for _, name := range s.required {
		assert.Contains(t, e, name, "required")
	}
	for name, v := range e {
		r, ok := s.properties[name]
		if assert.Truef(t, ok, "the model has no %s", name) {
			r.check(t, name, v)
		}
	}
}

func (r rule) check(t *testing.T, name string, v any) {
	switch x := v.(type) {
	case float64:
		assert.Contains(t, []string{"number", ""}, r.Type, name)
		if r.Minimum != nil {
			assert.GreaterOrEqual(t, x, *r.Minimum, name)
		}
		if r.Maximum != nil {
			assert.LessOrEqual(t, x, *r.Maximum, name)
		}
	case string:
		assert.Contains(t, []string{"string", ""}, r.Type, name)
		if strings.HasPrefix(name, "date") {
			_, err := time.Parse(time.RFC3339, x)
			assert.NoError(t, err, name)
		}
	case []any:
		assert.Equal(t, "array", r.Type, name)
		for _, item := range x {
			r.Items.check(t, name, item)
		}
	}
	if len(r.Enum) > 0 {
		assert.True(t, slices.Contains(r.Enum, v), "%s: %v is none of %v", name, v, r.Enum)
	}
}
