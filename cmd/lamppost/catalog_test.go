package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/lamppost-city/lamppost/agent/process"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadme checks that README.md shows the catalog as it is. If it does not,
// put the output of "lamppost list" between the marks.
func TestReadme(t *testing.T) {
	var want strings.Builder
	for _, table := range tables() {
		table.write(&want)
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, shown, _ := strings.Cut(string(readme), "<!-- lamppost list -->\n")
	shown, _, _ = strings.Cut(shown, "<!-- end -->\n")
	assert.Equal(t, strings.TrimSpace(want.String()), strings.TrimSpace(shown))
}

func TestCatalog(t *testing.T) {
	names := make(map[string]bool)
	for _, d := range catalog.Drivers {
		assert.Falsef(t, names[d.Name], "two drivers are named %s", d.Name)
		names[d.Name] = true
		documented(t, d.Name, reflect.TypeOf(d.Defaults()))
	}
	for _, k := range process.Kinds {
		documented(t, k.Name, reflect.TypeOf(k.Defaults()))
	}
	for _, p := range catalog.Protocols {
		assert.NotEmpty(t, p.Acks, p.Name)
		documented(t, p.Name, reflect.TypeOf(p.Defaults()))
	}
}

// documented checks that every setting has a doc tag.
func documented(t *testing.T, name string, settings reflect.Type) {
	for i := range settings.NumField() {
		f := settings.Field(i)
		if f.Anonymous {
			documented(t, name, f.Type)
			continue
		}
		assert.NotEmptyf(t, f.Tag.Get("doc"), "%s: setting %s has no doc", name, f.Name)
	}
}
