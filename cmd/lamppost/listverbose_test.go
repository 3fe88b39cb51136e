package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExamples checks that the example of every driver can be pasted, and that it
// says what is so without it.
func TestExamples(t *testing.T) {
	for _, d := range catalog.Drivers {
		m := describe(d)
		cfg, err := config.Parse("lamppost.toml", []byte("board = \"sim\"\n[thing]\nid = \"lamp-042\"\n"+m.Example), catalog)
		require.NoErrorf(t, err, "%s", m.Example)
		s := cfg.Sensors[0]
		assert.Equal(t, d.Name, s.Driver)
		assert.Equal(t, d.Every, s.Every)
		want, got := settingsOf(reflect.ValueOf(d.Defaults())), settingsOf(reflect.ValueOf(s.Settings))
		for i := range want {
			if want[i].Default != "" {
				assert.Equal(t, want[i], got[i], "%s: the default", d.Name)
			}
			assert.NotEmpty(t, want[i].Doc)
		}
	}
}

func TestTOMLText(t *testing.T) {
	for _, tt := range []struct {
		value any
		key   string
		want  string
	}{
		{time.Minute, "", `"1m"`},
		{time.Hour, "", `"1h"`},
		{90 * time.Second, "", `"1m30s"`},
		{10 * time.Second, "", `"10s"`},
		{20 * time.Minute, "", `"20m"`},
		{time.Duration(0), "", `"0s"`},
		{50 * time.Millisecond, "", `"50ms"`},
		{"", "", ""},
		{"up", "", `"up"`},
		{uint16(0x44), "address", "0x44"},
		{uint16(7), "n", "7"},
		{0.0042, "", "0.0042"},
		{1.0, "", "1"},
		{true, "", "true"},
		{-3, "", "-3"},
		{[]float64(nil), "", ""},
	} {
		assert.Equal(t, tt.want, tomlText(reflect.ValueOf(tt.value), tt.key))
	}
}
