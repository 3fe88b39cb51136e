package ds18b20

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("ID", func(t *testing.T) {
		drivertest.Run(t, Driver, func(s *Settings) { s.ID = "28-0216255487ee" })
	})
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		scratchpad string
		want       float64
	}{
		{"82014b467fff0c10e1", 24.125},  // two real parts
		{"81014b467fff0c1024", 24.0625}, //
		{"d0074b467fff0c10f4", 125},     // datasheet, table 1, and on
		{"91014b467fff0c1070", 25.0625},
		{"a2004b467fff0c1074", 10.125},
		{"08004b467fff0c10e2", 0.5},
		{"00004b467fff0c10c8", 0},
		{"f8ff4b467fff0c10c3", -0.5},
		{"5eff4b467fff0c106a", -10.125},
		{"6ffe4b467fff0c10e8", -25.0625},
		{"90fc4b467fff0c104f", -55},
	} {
		b, err := hex.DecodeString(tt.scratchpad)
		require.NoError(t, err)
		text := fmt.Sprintf("% x : crc=%02x YES\n% x t=%d\n", b, b[8], b, int(tt.want*1000))

		got, err := parse(text)

		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
		for bit := range 72 {
			bad := append([]byte(nil), b...)
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := parse(fmt.Sprintf("% x : crc=%02x YES\n", bad, bad[8]))
			assert.ErrorIs(t, err, drivers.ErrChecksum)
		}
	}
}

// What the kernel says of the parts in the recording.
func TestVectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "ds18b20_1wire.json") {
		b, err := hex.DecodeString(v.Conditions["scratchpad"].(string))
		require.NoError(t, err)

		got, err := parse(fmt.Sprintf("% x : crc=%02x YES\n% x t=%d\n", b, b[8], b, int(v.Expect[0].Value*1000)))

		require.NoError(t, err, v.ID)
		assert.Equal(t, v.Expect[0].Value, got, v.ID)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"": drivers.ErrNoReading,
		"82 01 4b 46 7f ff 0c 10 e1 : crc=e1 NO\n":  drivers.ErrChecksum,
		"82 01 4b 46 7f ff 0c 10 : crc=e1 YES\n":    drivers.ErrNoReading,
		"00 00 00 00 00 00 00 00 00 : crc=00 YES\n": drivers.ErrNoReading, // a line that is stuck
		"ff ff ff ff ff ff ff ff ff : crc=ff YES\n": drivers.ErrChecksum,
		string(file(126 * 16)):                      drivers.ErrRange,
	} {
		_, err := parse(text)
		assert.ErrorIsf(t, err, want, "%q", text)
	}
}

// 85 °C is what a part says that lost power.
func TestPowerOnValue(t *testing.T) {
	now := 85.0
	host := new(sim.Host)
	host.AddFile("sys/bus/w1/devices/28-011627f794ee/w1_slave", func() []byte { return file(int16(now * 16)) })
	s, err := open(host, Settings{})
	require.NoError(t, err)
	for _, step := range []struct {
		now float64
		ok  bool
	}{{85, false}, {85, false}, {20, true}, {85, false}, {76, true}, {85, true}, {85, true}, {84.9375, true}, {74.9375, true}, {85, false}} {
		now = step.now
		got, err := s.Observe(t.Context(), nil)
		if step.ok {
			require.NoError(t, err)
			assert.Equal(t, []agent.Result{{Property: agent.ProbeTemperature, Value: now}}, got)
			continue
		}
		assert.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Empty(t, got)
	}
}

func TestWhichPart(t *testing.T) {
	host := new(sim.Host)
	read := func(id string) error {
		s, err := open(host, Settings{id})
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		return err
	}
	assert.ErrorIs(t, read(""), agent.ErrAbsent)
	host.AddFile("sys/bus/w1/devices/00-400000000000/id", func() []byte { return nil })
	assert.ErrorContains(t, read(""), "no thermometer")
	for _, id := range []string{"28-011627f794ee", "28-0216255487ee"} {
		host.AddFile(folder+"/"+id+"/w1_slave", func() []byte { return file(16) })
		assert.NoError(t, read(id))
		if id[4] == '1' {
			assert.NoError(t, read(""), "the only one")
		}
	}
	assert.ErrorContains(t, read(""), "there are 28-011627f794ee, 28-0216255487ee; choose one with id")
	assert.ErrorIs(t, read("28-000000000001"), agent.ErrAbsent)
	assert.Error(t, Settings{"../28-011627f794ee"}.Validate())
	assert.Error(t, Settings{"10-011627f794ee"}.Validate(), "a DS18S20 counts otherwise")
	assert.NoError(t, Settings{}.Validate())
}

func FuzzParse(f *testing.F) {
	f.Add(string(file(400)))
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parse(text)
		if err == nil {
			assert.Contains(t, text, "YES")
			assert.GreaterOrEqual(t, v, -55.0)
			assert.LessOrEqual(t, v, 125.0)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := string(file(400))
	for b.Loop() {
		_, _ = parse(text)
	}
}
