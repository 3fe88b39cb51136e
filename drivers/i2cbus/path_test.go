package i2cbus

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParsePath(t *testing.T) {
	for path, want := range map[string]struct {
		trunk string
		way   []Channel
		err   string
	}{
		"":                        {"", nil, ""},
		"1":                       {"1", nil, ""},
		"/dev/i2c-1":              {"/dev/i2c-1", nil, ""},
		"1/mux@70/3":              {"1", []Channel{{0x70, 3}}, ""},
		"/mux@77/7":               {"", []Channel{{0x77, 7}}, ""},
		"1/mux@70/3/mux@71/0":     {"1", []Channel{{0x70, 3}, {0x71, 0}}, ""},
		"1/mux@6f/0":              {"", nil, "want address 70 to 77"},
		"1/mux@78/0":              {"", nil, "want address 70 to 77"},
		"1/mux@0x70/0":            {"", nil, "want address"},
		"1/mux@70/8":              {"", nil, "want address"},
		"1/mux@70/-1":             {"", nil, "want address"},
		"1/mux@70/03":             {"", nil, "want address"},
		"1/mux@70/3/":             {"", nil, "want address"},
		"1/mux@70":                {"", nil, "want address"},
		"1/mux@":                  {"", nil, "want address"},
		"1/mux@70/1/mux@70/2":     {"", nil, "two multiplexers"},
		"1/mux@70/1/mux@71/2/x/y": {"", nil, "want address"},
	} {
		trunk, way, err := ParsePath(path)
		assert.Equal(t, want.trunk, trunk, path)
		assert.Equal(t, want.way, way, path)
		if want.err == "" {
			assert.NoError(t, err, path)
		} else {
			assert.ErrorContains(t, err, want.err, path)
		}
		if err == nil {
			assert.Equal(t, path, New(trunk, nil).Behind(way...).String(), "and back")
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("1/mux@70/3/mux@71/0")
	f.Add("mux@/mux@70/3/")
	f.Fuzz(func(t *testing.T, path string) {
		trunk, way, err := ParsePath(path)
		if err == nil {
			assert.Equal(t, path, New(trunk, nil).Behind(way...).String())
		}
	})
}
