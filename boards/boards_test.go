package boards

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDetect(t *testing.T) {
	all := []Board{RaspberryPi, Linux, Sim}
	model := func(text string) fstest.MapFS {
		return fstest.MapFS{"proc/device-tree/model": {Data: []byte(text + "\x00")}, "dev/i2c-1": {}}
	}
	tests := map[string]struct {
		root fstest.MapFS
		want string
	}{
		"Zero 2 W":           {model("Raspberry Pi Zero 2 W Rev 1.0"), "raspberrypi"},
		"3":                  {model("Raspberry Pi 3 Model B"), "raspberrypi"},
		"4":                  {model("Raspberry Pi 4 Model B Rev 1.4"), "raspberrypi"},
		"5":                  {model("Raspberry Pi 5 Model B Rev 1.0"), "raspberrypi"},
		"Compute Module 4":   {model("Raspberry Pi Compute Module 4 Rev 1.1"), "raspberrypi"},
		"another maker":      {model("OrangePi Zero2"), "linux"},
		"a PC with an i2c":   {fstest.MapFS{"dev/i2c-0": {}}, "linux"},
		"a PC with GPIO":     {fstest.MapFS{"dev/gpiochip0": {}}, "linux"},
		"nothing to read on": {fstest.MapFS{}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := Detect(all, tt.root)
			assert.Equal(t, tt.want, got.Name)
			assert.Equal(t, tt.want != "", ok)
		})
	}
}

func TestBuses(t *testing.T) {
	host := RaspberryPi.Open()
	byDefault, err := host.I2C("")
	require.NoError(t, err)
	for _, name := range []string{"1", "i2c-1", "I2C1", "/dev/i2c-1"} {
		bus, err := host.I2C(name)
		require.NoError(t, err, name)
		assert.Same(t, byDefault, bus, "one bus, one lock: %s", name)
	}
	for _, name := range []string{"one", "-1", "1/3", "/dev/null"} {
		_, err := host.I2C(name)
		assert.ErrorContains(t, err, "want a number", name)
	}
	_, err = Linux.Open().I2C("")
	assert.Error(t, err, "must be named")
}

// A multiplexer that the kernel drives is left to it.
func TestBranches(t *testing.T) {
	first, second := i2cbus.Channel{Mux: 0x70, Number: 3}, i2cbus.Channel{Mux: 0x71, Number: 0}
	link := func(target string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
	}
	root := fstest.MapFS{
		"sys/bus/i2c/devices/1-0070/channel-3": link("../i2c-1/i2c-5"),
		"sys/bus/i2c/devices/2-0070/channel-3": link("../nonsense"),
	}
	for _, tt := range []struct {
		number int
		way    []i2cbus.Channel
		want   int
		left   []i2cbus.Channel
	}{
		{1, nil, 1, nil},
		{1, []i2cbus.Channel{first}, 5, nil},
		{1, []i2cbus.Channel{first, second}, 5, []i2cbus.Channel{second}},
		{1, []i2cbus.Channel{second, first}, 1, []i2cbus.Channel{second, first}},
		{2, []i2cbus.Channel{first}, 2, []i2cbus.Channel{first}},
	} {
		number, left := kernelBranch(root, tt.number, tt.way)
		assert.Equal(t, tt.want, number)
		assert.Equal(t, tt.left, left)
	}
	bus, err := RaspberryPi.Open().I2C("/mux@77/3")
	require.NoError(t, err)
	assert.Equal(t, "1/mux@77/3", bus.String())
	_, err = RaspberryPi.Open().I2C("1/mux@20/3")
	assert.ErrorContains(t, err, "want address 70 to 77")
}

func TestMissingBusSaysWhatThereIs(t *testing.T) {
	bus, err := RaspberryPi.Open().I2C("9876")
	require.NoError(t, err, "opening touches no hardware")
	assert.ErrorContains(t, bus.Tx(t.Context(), 0x44, nil, make([]byte, 1)), "no /dev/i2c-9876")
}

func TestLines(t *testing.T) {
	for name, want := range map[string]string{"17": "GPIO17", "GPIO17": "GPIO17", "gpiochip2/3": "gpiochip2/3"} {
		line, err := RaspberryPi.Open().Line(name)
		require.NoError(t, err)
		assert.Equal(t, want, line.Name())
	}
}

func TestSim(t *testing.T) {
	host := Sim.Open()
	_, err := host.I2C("any")
	assert.NoError(t, err)
	_, err = host.Line("any")
	assert.NoError(t, err)
	_, err = host.Serial("/dev/serial0", 9600)
	assert.Error(t, err)
}
