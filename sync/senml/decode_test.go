package senml

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The examples of RFC 8428, 5.1.
func TestDecodeExamples(t *testing.T) {
	records, err := Decode([]byte(`[
		{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
		{"n":"current","t":-5,"v":1.2},
		{"n":"current","t":-4,"v":1.3}]`))
	require.NoError(t, err)
	require.Len(t, records, 3)
	assert.Equal(t, "urn:dev:ow:10e2073a0108006:voltage", records[0].Name)
	assert.Equal(t, "V", records[0].Unit)
	assert.Equal(t, 120.1, *records[0].Value)
	assert.Equal(t, "A", records[1].Unit)
	assert.Equal(t, time.UnixMilli(1276020076001-5000).UTC(), records[1].Time)

	records, err = Decode([]byte(`[
		{"bn":"urn:dev:ow:10e2073a01080063:","bt":1320067464,"bu":"%RH","bv":20,"v":1},
		{"u":"lon","v":24.30621},
		{"n":"label","vs":"Machine Room"},
		{"n":"open","vb":false},
		{"n":"nfc","vd":"aGkgCg"},
		{"n":"energy","bs":100,"s":0.5,"ut":60}]`))
	require.NoError(t, err)
	require.Len(t, records, 6)
	assert.Equal(t, 21.0, *records[0].Value)
	assert.Equal(t, "Machine Room", *records[2].Text)
	assert.False(t, *records[3].Truth)
	assert.Equal(t, "aGkgCg", *records[4].Data)
	assert.Equal(t, 100.5, *records[5].Sum)
	assert.Equal(t, 60.0, records[5].Update)
	assert.Nil(t, records[5].Value)
}

func TestDecodeBaseFieldsAlone(t *testing.T) {
	records, err := Decode([]byte(`[{"bn":"a:","bt":1795255200,"other":[1]},{"n":"x","v":1},{"bn":"b:"},{"n":"x","v":2}]`))

	require.NoError(t, err)
	require.Len(t, records, 2)
	assert.Equal(t, "a:x", records[0].Name)
	assert.Equal(t, "b:x", records[1].Name)
}

func TestDecodeRefuses(t *testing.T) {
	for name, pack := range map[string]string{
		"nothing":         ``,
		"object":          `{"n":"a","v":1}`,
		"two values":      `[{"n":"a","v":1,"vs":"x"}]`,
		"no value":        `[{"n":"a"}]`,
		"no name":         `[{"v":1}]`,
		"must understand": `[{"n":"a","v":1,"x_":1}]`,
		"newer version":   `[{"bver":11,"n":"a","v":1}]`,
		"huge":            `[{"n":"a","v":1e999}]`,
		"text as value":   `[{"n":"a","v":"1"}]`,
		"trailing":        `[{"n":"a","v":1}]x`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(pack))
			assert.ErrorContains(t, err, "senml: ")
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[{"bn":"a:","n":"x","v":1,"t":1e300,"seq":1,"epoch":"0"}]`))
	f.Fuzz(func(t *testing.T, pack []byte) {
		records, err := Decode(pack)
		if err != nil {
			require.Empty(t, records)
		}
	})
}
