package health

import (
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDrivers(t *testing.T) {
	t.Run("supply", func(t *testing.T) { drivertest.Run[SupplySettings](t, Supply) })
	t.Run("gateway", func(t *testing.T) { drivertest.Run[GatewaySettings](t, Gateway) })
}

// files is a host with these files.
func files(all map[string]string) *sim.Host {
	host := new(sim.Host)
	for name, content := range all {
		host.AddFile(name, func() []byte { return []byte(content) })
	}
	return host
}

func TestSupply(t *testing.T) {
	const cpu, volt = "sys/class/hwmon/hwmon0/", "sys/class/hwmon/hwmon1/"
	for name, tt := range map[string]struct {
		files map[string]string
		want  float64
		err   error
	}{
		"good":                   {map[string]string{cpu + "name": "cpu_thermal\n", volt + "name": "rpi_volt\n", volt + alarm: "0\n"}, 0, nil},
		"low":                    {map[string]string{cpu + "name": "cpu_thermal\n", volt + "name": "rpi_volt\n", volt + alarm: "1\n"}, 1, nil},
		"nonsense":               {map[string]string{volt + "name": "rpi_volt\n", volt + alarm: "2\n"}, 0, drivers.ErrNoReading},
		"the firmware: good":     {map[string]string{throttled: "0\n"}, 0, nil},
		"the firmware: low":      {map[string]string{cpu + "name": "cpu_thermal\n", throttled: "50005\n"}, 1, nil},
		"the firmware: it was":   {map[string]string{throttled: "0x50000\n"}, 0, nil},
		"the firmware: nonsense": {map[string]string{throttled: "on\n"}, 0, drivers.ErrNoReading},
		"no Pi":                  {map[string]string{cpu + "name": "coretemp\n"}, 0, agent.ErrAbsent},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := openSupply(files(tt.files), SupplySettings{})
			require.NoError(t, err)

			got, err := s.Observe(t.Context(), nil)

			if tt.err != nil {
				assert.ErrorIs(t, err, tt.err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []agent.Result{{Property: agent.UnderVoltage, Value: tt.want}}, got)
		})
	}
}

func TestGateway(t *testing.T) {
	host := files(map[string]string{
		"proc/meminfo": "MemTotal: 948012 kB\nMemAvailable:  612345 kB\n",
		"proc/loadavg": "1.25 0.18 0.11 1/134 2345\n",
	})
	s, err := openGateway(host, GatewaySettings{"/var/lib/lamppost"})
	require.NoError(t, err)
	got, err := s.Observe(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []agent.Result{
		{Property: agent.FreeDisk, Value: 8e9}, {Property: agent.FreeMemory, Value: 612345 * 1024}, {Property: agent.Load, Value: 1.25},
	}, got)

	host = files(map[string]string{"proc/meminfo": "MemTotal: 948012 kB\n", "proc/loadavg": "much\n"})
	s, err = openGateway(host, GatewaySettings{"/var/lib/lamppost"})
	require.NoError(t, err)
	got, err = s.Observe(t.Context(), nil)
	assert.ErrorIs(t, err, drivers.ErrNoReading)
	assert.ErrorContains(t, err, "read load")
	assert.ErrorContains(t, err, "read freeMemory")
	assert.Len(t, got, 1, "what could be read comes with the error")

	assert.Error(t, GatewaySettings{"lamppost"}.Validate())
	assert.NoError(t, GatewaySettings{"/"}.Validate())
}

func FuzzObserve(f *testing.F) {
	for _, text := range []string{"0\n", "0x50005\n", "MemAvailable: 12 kB\n", "0.17 0.2 0.3 1/200 99\n", "NaN", "-1", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host := files(map[string]string{throttled: text, "proc/meminfo": text, "proc/loadavg": text})
		s, err := openSupply(host, SupplySettings{})
		require.NoError(t, err)
		if got, err := s.Observe(t.Context(), nil); err == nil {
			assert.Contains(t, []float64{0, 1}, got[0].Value)
		}
		s, err = openGateway(host, GatewaySettings{})
		require.NoError(t, err)
		got, _ := s.Observe(t.Context(), nil)
		for _, r := range got {
			assert.True(t, 0 <= r.Value && r.Value < 1e18, "%s: %v", r.Property.Name, r.Value)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	s, err := openSupply(files(map[string]string{throttled: "50005\n"}), SupplySettings{})
	require.NoError(b, err)
	var room [1]agent.Result
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Observe(b.Context(), room[:0])
	}
}
