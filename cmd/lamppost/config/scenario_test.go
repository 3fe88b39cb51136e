package config

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const simulated = `board = "sim"
thing = { id = "a" }
[sim]
series = "day.csv"
speed = 60
[[sensor]]
name = "air"
driver = "sht4x"
bus = "2"
[[sensor]]
name = "rain"
driver = "pulse"
pin = "GPIO17"
`

func TestSeries(t *testing.T) {
	const day = "time,sensor,property,unit,value\n1700000000,air,airTemperature,Cel,-3.5\n1700000090,air,absent,1,1\n1700000090,rain,pulses,1,4\n"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(day))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, content := range map[string]string{"day.csv": day, "day.csv.gz": zipped.String()} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		text := bytes.ReplaceAll([]byte(simulated), []byte("day.csv"), []byte(name))

		c, err := Parse(filepath.Join(dir, "x.toml"), text, catalog)

		require.NoError(t, err)
		assert.Equal(t, []Event{
			{Property: "airTemperature", Value: -3.5},
			{After: 1500 * time.Millisecond, Property: Absent, Value: 1, Bus: "2", Address: 0x44},
			{After: 1500 * time.Millisecond, Property: Pulses, Value: 4, Pin: "GPIO17"},
		}, c.Events)
	}
}

func TestSeriesMistakes(t *testing.T) {
	const header = "time,sensor,property,value\n"
	for _, tt := range []struct{ old, new, day, want string }{
		{`board = "sim"`, `board = "raspberrypi"`, header, `3: sim: want board = "sim"`},
		{`series = "day.csv"`, ``, header, "3: sim: want series"},
		{`speed = 60`, `speed = 0`, header, "5: speed = 0: want more than 0"},
		{`speed = 60`, `speed = nan`, header, "5: speed = NaN: want a number"},
		{`speed = 60`, `pace = 60`, header, `5: unknown key "pace"`},
		{"day.csv", "night.csv", header, "night.csv: no such file"},
		{"", "", "", "4: series day.csv: it is empty"},
		{"", "", "time,property\n", `line 1: no column "value"`},
		{"", "", header + "now,,airTemperature,1\n", "line 2: want numbers"},
		{"", "", header + "0,,airTemperature,NaN\n", "line 2: want numbers"},
		{"", "", header + "5,,airTemperature,1\n4,,airTemperature,1\n", "line 3: its time is before"},
		{"", "", header + "0,,happiness,1\n", `line 2: property "happiness": want one of airTemperature, atmosphericPressure`},
		{"", "", header + "0,cellar,absent,1\n", `line 2: absent: no sensor "cellar" is configured`},
		{"", "", header + "0,rain,absent,1\n", `line 2: absent: sensor "rain" is on no bus`},
		{"", "", header + "0,air,level,1\n", `line 2: level: sensor "air" has no line`},
		{"", "", header + "0,rain,level,2\n", "line 2: level = 2: want 0 or 1"},
		{"", "", header + "0,rain,pulses,-1\n", "line 2: pulses = -1"},
		{"", "", header + "0,rain,pulses,1.5\n", "line 2: pulses = 1.5"},
		{"", "", header + "0,rain\n", "wrong number of fields"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "day.csv"), []byte(tt.day), 0o600))
		text := bytes.Replace([]byte(simulated), []byte(tt.old), []byte(tt.new), 1)
		_, err := Parse(filepath.Join(dir, "x.toml"), text, catalog)
		assert.ErrorContains(t, err, tt.want)
	}
}
