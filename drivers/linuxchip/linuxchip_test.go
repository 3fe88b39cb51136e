package linuxchip

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
	t.Run("hwmon", func(t *testing.T) {
		drivertest.Run(t, Hwmon, func(s *HwmonSettings) { s.Chip.Chip, s.Channels = "sht3x", "temp1, humidity1" })
	})
	t.Run("iio", func(t *testing.T) {
		drivertest.Run(t, IIO, func(s *IIOSettings) {
			s.Chip = Chip{"bme280", "1-0076"}
			s.Channels = "temp, pressure, humidityrelative, illuminance"
		})
	})
}

// files is a host with these files.
func files(all map[string]string) *sim.Host {
	host := new(sim.Host)
	for name, content := range all {
		host.AddFile(name, func() []byte { return []byte(content) })
	}
	return host
}

func observe(t *testing.T, d agent.Sensor, err error) ([]agent.Result, error) {
	t.Helper()
	require.NoError(t, err)
	return d.Observe(t.Context(), nil)
}

func TestHwmon(t *testing.T) {
	host := files(map[string]string{
		"sys/class/hwmon/hwmon0/name": "cpu_thermal\n", "sys/class/hwmon/hwmon0/temp1_input": "48312\n",
		"sys/class/hwmon/hwmon1/name": "ina226\n", "sys/class/hwmon/hwmon1/in1_input": "12034\n",
		"sys/class/hwmon/hwmon1/curr1_input": "-250\n", "sys/class/hwmon/hwmon1/power1_input": "3008500\n",
		"sys/bus/i2c/devices/1-0048/hwmon/hwmon2/name": "lm75\n", "sys/bus/i2c/devices/1-0048/hwmon/hwmon2/temp1_input": "-12500\n",
	})
	s, err := openHwmon(host, HwmonSettings{Chip{Chip: "ina226"}, "in1,curr1,power1"})
	got, err := observe(t, s, err)
	require.NoError(t, err)
	assert.Equal(t, []agent.Result{
		{Property: agent.Voltage, Value: 12.034}, {Property: agent.Current, Value: -0.25}, {Property: agent.Power, Value: 3.0084999999999997},
	}, got)
	s, err = openHwmon(host, HwmonSettings{Chip{"lm75", "1-0048"}, "temp1"})
	got, err = observe(t, s, err)
	require.NoError(t, err)
	assert.Equal(t, []agent.Result{{Property: agent.PartTemperature, Value: -12.5}}, got)

	s, err = openHwmon(host, HwmonSettings{Chip{Chip: "lm75"}, "temp1"})
	got, err = observe(t, s, err)
	assert.ErrorIs(t, err, agent.ErrAbsent)
	assert.ErrorContains(t, err, `no chip "lm75" in /sys/class/hwmon; there is cpu_thermal, ina226`)
	assert.Empty(t, got)
	s, err = openHwmon(host, HwmonSettings{Chip{"lm75", "1-0049"}, "temp1"})
	_, err = observe(t, s, err)
	assert.ErrorIs(t, err, agent.ErrAbsent)
}

// What the kernel says of a channel whose hardware it finds broken, as an open
// diode, is not a value.
func TestHwmonFault(t *testing.T) {
	const folder = "sys/class/hwmon/hwmon0/"
	for text, want := range map[string]error{"0\n": nil, "1\n": drivers.ErrNoReading, "x": drivers.ErrNoReading} {
		host := files(map[string]string{folder + "name": "tmp421\n", folder + "temp2_input": "127937\n", folder + "temp2_fault": text})
		s, err := openHwmon(host, HwmonSettings{Chip{Chip: "tmp421"}, "temp2"})
		got, err := observe(t, s, err)
		assert.ErrorIs(t, err, want, "%q", text)
		assert.Equal(t, want == nil, len(got) == 1, "%q", text)
	}
}

// A channel that fails keeps nobody from reading the others.
func TestOneChannelFails(t *testing.T) {
	const folder = "sys/class/hwmon/hwmon0/"
	host := files(map[string]string{
		folder + "name": "ina226\n", folder + "in1_input": "x", folder + "curr1_input": "-250\n",
	})
	s, err := openHwmon(host, HwmonSettings{Chip{Chip: "ina226"}, "in1,curr1,power1"})
	got, err := observe(t, s, err)
	assert.ErrorIs(t, err, drivers.ErrNoReading)
	assert.ErrorContains(t, err, "read in1")
	assert.ErrorContains(t, err, "read power1")
	assert.Equal(t, []agent.Result{{Property: agent.Current, Value: -0.25}}, got)
}

func TestIIO(t *testing.T) {
	const folder = "sys/bus/iio/devices/iio:device0/"
	host := files(map[string]string{
		folder + "name": "hdc100x\n", "sys/bus/iio/devices/trigger0/name": "hdc100x\n",
		folder + "in_temp_raw": "26624\n", folder + "in_temp_offset": "-15887.515151\n", folder + "in_temp_scale": "2.517700195\n",
		folder + "in_humidityrelative_raw": "32768\n", folder + "in_humidityrelative_scale": "1.525878906\n",
		folder + "in_pressure_input": "96.185\n",
	})
	s, err := openIIO(host, IIOSettings{Chip{Chip: "hdc100x"}, "temp,humidityrelative,pressure"})
	got, err := observe(t, s, err)
	require.NoError(t, err)
	require.Len(t, got, 3)
	assert.InDelta(t, 27.03, got[0].Value, 0.01)
	assert.InDelta(t, 50, got[1].Value, 0.01)
	assert.InDelta(t, 961.85, got[2].Value, 0.001)
}

func TestRefuses(t *testing.T) {
	for content, want := range map[string]error{
		"": drivers.ErrNoReading, "x\n": drivers.ErrNoReading, "NaN": drivers.ErrRange, "-274000\n": drivers.ErrRange,
	} {
		host := files(map[string]string{"sys/class/hwmon/hwmon0/name": "lm75", "sys/class/hwmon/hwmon0/temp1_input": content})
		s, err := openHwmon(host, HwmonSettings{Chip{Chip: "lm75"}, "temp1"})
		got, err := observe(t, s, err)
		assert.ErrorIs(t, err, want, "%q", content)
		assert.Empty(t, got)
	}
	host := files(map[string]string{
		"sys/class/hwmon/hwmon0/name": "lm75\n", "sys/class/hwmon/hwmon1/name": "lm75\n", "sys/class/hwmon/hwmon1/temp1_input": "1",
	})
	s, err := openHwmon(host, HwmonSettings{Chip{Chip: "lm75"}, "temp1"})
	_, err = observe(t, s, err)
	assert.ErrorContains(t, err, "choose one with device")
}

func TestSettings(t *testing.T) {
	for _, s := range []HwmonSettings{
		{Chip{}, "temp1"},
		{Chip{Chip: "a/b"}, "temp1"},
		{Chip{"lm75", "../1-0048"}, "temp1"},
		{Chip{Chip: "lm75"}, ""},
		{Chip{Chip: "lm75"}, "temp"},
		{Chip{Chip: "lm75"}, "fan1"},
		{Chip{Chip: "lm75"}, "temp1,temp2"},
	} {
		assert.Error(t, s.Validate(), "%+v", s)
	}
	assert.NoError(t, HwmonSettings{Chip{"lm75", "1-0048"}, "temp1, in2"}.Validate())
	assert.Error(t, IIOSettings{Chip{Chip: "bme280"}, "temp1"}.Validate())
	assert.NoError(t, IIOSettings{Chip{Chip: "bme280"}, "temp"}.Validate())
}

func FuzzObserve(f *testing.F) {
	for _, text := range []string{"-12500\n", "48312", "NaN\n", "1e400", "0x1p9", "Inf", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const folder = "sys/class/hwmon/hwmon0/"
		host := files(map[string]string{folder + "name": "x", folder + "temp1_input": text, folder + "humidity1_input": text})
		s, err := openHwmon(host, HwmonSettings{Chip{Chip: "x"}, "temp1,humidity1"})
		require.NoError(t, err)
		got, _ := s.Observe(t.Context(), nil)
		for _, r := range got {
			q := hwmon.kinds[map[agent.Property]string{agent.PartTemperature: "temp", agent.AirTemperature: "temp", agent.RelativeHumidity: "humidity"}[r.Property]]
			assert.True(t, q.lowest <= r.Value && r.Value <= q.highest, "%s: %v", r.Property.Name, r.Value)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	const folder = "sys/class/hwmon/hwmon0/"
	s, err := openHwmon(files(map[string]string{folder + "name": "x", folder + "temp1_input": "-12500\n"}), HwmonSettings{Chip{Chip: "x"}, "temp1"})
	require.NoError(b, err)
	var room [1]agent.Result
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Observe(b.Context(), room[:0])
	}
}
