package thermal

import (
	"io/fs"
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
	t.Run("Zone1", func(t *testing.T) {
		drivertest.Run(t, Driver, func(s *Settings) { s.Zone = 1 })
	})
}

func TestObserve(t *testing.T) {
	tests := []struct {
		content     string
		temperature float64
	}{
		{"48312\n", 48.312}, // a Raspberry Pi 4
		{"0\n", 0},
		{"-12500\n", -12.5},
		{"85000", 85},
	}
	for _, tt := range tests {
		host := new(sim.Host)
		host.AddFile("sys/class/thermal/thermal_zone0/temp", func() []byte { return []byte(tt.content) })
		s, err := open(host, Settings{})
		require.NoError(t, err)

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		assert.Equal(t, []agent.Result{{Property: agent.PartTemperature, Value: tt.temperature}}, got)
	}
}

func TestObserveRefuses(t *testing.T) {
	for content, want := range map[string]error{
		"":                         drivers.ErrNoReading,
		"\n":                       drivers.ErrNoReading,
		"48.3\n":                   drivers.ErrNoReading,
		"48312 C\n":                drivers.ErrNoReading,
		"-274000\n":                drivers.ErrRange,
		"151000\n":                 drivers.ErrRange,
		"99999999999999999999999 ": drivers.ErrNoReading,
	} {
		host := new(sim.Host)
		host.AddFile("sys/class/thermal/thermal_zone0/temp", func() []byte { return []byte(content) })
		s, err := open(host, Settings{})
		require.NoError(t, err)

		got, err := s.Observe(t.Context(), nil)

		assert.ErrorIsf(t, err, want, "%q", content)
		assert.Empty(t, got)
	}
}

func TestZoneAbsent(t *testing.T) {
	s, err := open(new(sim.Host), Settings{Zone: 7})
	require.NoError(t, err)

	got, err := s.Observe(t.Context(), nil)

	assert.ErrorIs(t, err, agent.ErrAbsent)
	assert.ErrorIs(t, err, fs.ErrNotExist, "the cause stays in the chain")
	assert.ErrorContains(t, err, "thermal_zone7")
	assert.Empty(t, got)
}

func TestDiagnostic(t *testing.T) {
	assert.Equal(t, agent.Diagnostic, Driver.Observes[0].Class)
	assert.NoError(t, Settings{Zone: 0}.Validate())
	assert.Error(t, Settings{Zone: -1}.Validate())
}

// zone returns a sensor whose file says text.
func zone(text *string) agent.Sensor {
	host := new(sim.Host)
	host.AddFile(Settings{}.path(), func() []byte { return []byte(*text) })
	s, _ := open(host, Settings{}) // it only joins the path
	return s
}

func FuzzObserve(f *testing.F) {
	for _, text := range []string{"48312\n", "-274000\n", "NaN", "0x10", "1e9", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := zone(&text).Observe(t.Context(), nil); err == nil {
			assert.True(t, -55 <= got[0].Value && got[0].Value <= 150, got)
		} else {
			assert.Empty(t, got)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	text := "48312\n"
	s := zone(&text)
	var room [1]agent.Result
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Observe(b.Context(), room[:0])
	}
}
