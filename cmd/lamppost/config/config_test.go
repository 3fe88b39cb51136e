package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/nmea"
	"github.com/lamppost-city/lamppost/drivers/pulse"
	"github.com/lamppost-city/lamppost/drivers/sht4x"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var catalog = Catalog{
	Boards:    []boards.Board{boards.RaspberryPi, boards.Sim},
	Drivers:   []drivers.Driver{sht4x.Driver, pulse.Driver},
	Protocols: []uplink.Protocol{senml.Protocol},
}

const whole = `
board = "sim"

[thing]
id = "lamp-042"
name = "Lamp post 42"
location = [6.6323, 46.5197, 412]

[buffer]
dir = "data"
max_size = "64MB"
min_free = 1000
commit_every = "10s"
durability = "strict"

[[bus]]
name = "1"
scl = "GPIO3"
sda = "GPIO2"

[[sensor]]
name = "roof-air"
driver = "sht4x"
every = "30s"
phase = "5s"
class = "diagnostic"
address = 0x45

[[sensor]]
name = "rain"
driver = "pulse"
pin = "GPIO17"
per_pulse = 0.2
debounce = "20ms"

[[city]]
name = "platform"
protocol = "senml"
url = "mqtts://broker.city.example"
username = "lamp-042"
password_file = "/etc/lamppost/platform.password"
ack = "broker"
from = "now"
rate = 100
`

func TestParse(t *testing.T) {
	c, err := Parse("/etc/lamppost/lamppost.toml", []byte(whole), catalog)

	require.NoError(t, err)
	assert.Equal(t, agent.Thing{ID: "lamp-042", Name: "Lamp post 42", Location: []float64{6.6323, 46.5197, 412}}, c.Thing)
	assert.Equal(t, Buffer{Dir: "/etc/lamppost/data", MaxSize: 64e6, MinFree: 1000, CommitEvery: 10 * time.Second, Durability: "strict", ClockHold: 10 * time.Minute}, c.Buffer)
	require.Len(t, c.Sensors, 2)
	air, rain := c.Sensors[0], c.Sensors[1]
	assert.Equal(t, 30*time.Second, air.Every)
	assert.Equal(t, 5*time.Second, air.Phase)
	for _, ds := range air.Streams {
		assert.Equal(t, agent.Diagnostic, ds.Class)
	}
	assert.EqualValues(t, 0x45, air.Settings.(sht4x.Settings).Address)
	assert.Equal(t, time.Minute, rain.Every, "the driver's own")
	assert.Equal(t, pulse.Settings{Pin: "GPIO17", Edge: "falling", Pull: "up", Debounce: 20 * time.Millisecond, PerPulse: 0.2, Unit: "1"}, rain.Settings)
	assert.Len(t, rain.Observes, 3, "per_pulse adds a property")
	require.Len(t, c.Cities, 1)
	assert.Equal(t, agent.AckBroker, c.Cities[0].Ack)
	assert.Equal(t, "now", c.Cities[0].From)
	assert.EqualValues(t, 100, c.Cities[0].Rate)
}

// The smallest size that a message names is taken.
func TestSmallestSizes(t *testing.T) {
	c, err := Parse("x.toml", []byte("[thing]\nid = \"a\"\n[buffer]\nmax_size = \"1MB\"\nwrite_budget = \"1MB\"\n[[sensor]]\nname = \"b\"\ndriver = \"sht4x\""), catalog)
	require.NoError(t, err)
	assert.EqualValues(t, 1e6, c.Buffer.MaxSize)
	assert.EqualValues(t, 1e6, c.Buffer.WriteBudget)
}

func TestDefaults(t *testing.T) {
	c, err := Parse("x.toml", []byte("[thing]\nid = \"a\"\n[[sensor]]\nname = \"b\"\ndriver = \"sht4x\""), catalog)
	require.NoError(t, err)
	assert.Equal(t, AutoBoard, c.Board)
	assert.Equal(t, DefaultDir, c.Buffer.Dir)
	assert.Equal(t, time.Second, c.Buffer.CommitEvery)
	assert.Empty(t, c.Cities)
}

// TestMistakes changes one line of a good file and expects one mistake, at that
// line.
func TestMistakes(t *testing.T) {
	tests := []struct{ line, instead, want string }{
		{`board = "sim"`, `board = 7`, "want a text in quotes"},
		{`id = "lamp-042"`, `id = "-lamp"`, "want a name of small letters"},
		{`location = [6.6323, 46.5197, 412]`, `location = [46.5197]`, "want longitude, latitude"},
		{`location = [6.6323, 46.5197, 412]`, `location = [6, 91]`, "want longitude, latitude"},
		{`location = [6.6323, 46.5197, 412]`, `location = "here"`, "want a list of numbers"},
		{`max_size = "64MB"`, `max_size = "64 parsecs"`, `want a size such as "512MB"`},
		{`max_size = "64MB"`, `max_size = -1`, `want a size such as "512MB"`},
		{`max_size = "64MB"`, `max_size = "999kB"`, "want 1MB or more"},
		{`max_size = "64MB"`, `write_budget = "50"`, "write_budget: want 1MB or more"},
		{`max_size = "64MB"`, `write_budget = "50MB"`, "write_budget: with durability = \"strict\" nothing can wait"},
		{`commit_every = "10s"`, `commit_every = 10`, `want a duration such as "30s"`},
		{`commit_every = "10s"`, `commit_every = "2h"`, "want 100ms to 1h"},
		{`durability = "strict"`, `durability = "high"`, "want default or strict"},
		{`scl = "GPIO3"`, `scl = ""`, "scl: want the line of the wire"},
		{`sda = "GPIO2"`, `sda = "GPIO3"`, `line "GPIO3" is that of bus "1"`},
		{`name = "1"`, `name = "1/mux@70/3"`, "only the bus of the controller has wires"},
		{`name = "1"`, `name = ""`, "a bus without a name"},
		{`driver = "sht4x"`, `driver = "sht3x"`, `unknown driver "sht3x"; did you mean "sht4x"?`},
		{`every = "30s"`, `every = "500ms"`, "want 1s or more"},
		{`phase = "5s"`, `phase = "30s"`, "want less than every"},
		{`class = "diagnostic"`, `class = "urgent"`, "want alarm, telemetry or diagnostic"},
		{`address = 0x45`, `address = 70000`, "want a whole number"},
		{`address = 0x45`, `address = 0x50`, "the part has 0x44, 0x45, 0x46"},
		{`address = 0x45`, `adress = 0x45`, `unknown key "adress"; did you mean "address"?`},
		{`pin = "GPIO17"`, `pin = 17`, "want a text in quotes"},
		{`per_pulse = 0.2`, `per_pulse = nan`, "want a number"},
		{`per_pulse = 0.2`, `per_puls = 0.2`, `did you mean "per_pulse"?`},
		{`name = "rain"`, `name = "roof-air"`, "the name is taken"},
		{`protocol = "senml"`, `protocol = "mqtt"`, `unknown protocol "mqtt"; there is senml`},
		{`url = "mqtts://broker.city.example"`, `url = "mqtt://broker.city.example"`, "insecure = true"},
		{`ack = "broker"`, `ack = "stored"`, "protocol senml gives broker"},
		{`ack = "broker"`, `ack = "loud"`, `unknown ack "loud"`},
		{`from = "now"`, `from = "then"`, "want oldest or now"},
		{`rate = 100`, `rate = -1`, "want observations a second"},
	}
	for _, tt := range tests {
		t.Run(tt.instead, func(t *testing.T) {
			line := 1 + strings.Count(whole[:strings.Index(whole, tt.line)], "\n")
			text := strings.Replace(whole, tt.line, tt.instead, 1)

			_, err := Parse("x.toml", []byte(text), catalog)

			require.ErrorContains(t, err, tt.want)
			first, _, _ := strings.Cut(err.Error(), "\n")
			assert.Truef(t, strings.HasPrefix(first, fmt.Sprintf("x.toml:%d: ", line)), "want line %d: %v", line, err)
		})
	}
}

func TestSharedPlaces(t *testing.T) {
	const text = `[thing]
id = "a"
[[sensor]]
name = "one"
driver = "pulse"
pin = "GPIO17"
[[sensor]]
name = "two"
driver = "pulse"
pin = "GPIO17"
`
	_, err := Parse("x.toml", []byte(text), catalog)
	assert.EqualError(t, err, `x.toml:10: sensor "two": line "GPIO17" is that of sensor "one"`)
}

func TestOtherShapes(t *testing.T) {
	const inline = `thing = { id = "a" }
sensor = [ { name = "b", driver = "sht4x" }, { name = "c", driver = "sht4x", bus = "2" } ]`
	c, err := Parse("x.toml", []byte(inline), catalog)
	require.NoError(t, err)
	assert.Len(t, c.Sensors, 2)
	for _, text := range []string{"sensor = 1", "thing = 1", "[sensor]\nname = \"b\"", "buffer = []", "[[thing]]"} {
		_, err := Parse("x.toml", []byte(text), catalog)
		assert.Error(t, err, text)
	}
}

func TestKey(t *testing.T) {
	for field, want := range map[string]string{
		"Name": "name", "PerPulse": "per_pulse", "CAFile": "ca_file", "URL": "url", "ID": "id", "PasswordFile": "password_file",
	} {
		assert.Equal(t, want, Key(field))
	}
}

func TestLoadRefusesOpenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lamppost.toml")
	require.NoError(t, os.WriteFile(path, []byte(whole), 0o600))
	_, err := Load(path, catalog)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = Load(path, catalog)
	assert.ErrorContains(t, err, "anybody may write it")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("[[sensor]]\nname = [[1]]\n[sensor.x]\ny = 1979-05-27\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("x.toml", data, catalog)
		if err == nil && len(c.Sensors) == 0 {
			t.Error("a configuration without a sensor is good")
		}
	})
}

func TestNotes(t *testing.T) {
	load := func(text string) *Config {
		c, err := Parse("x.toml", []byte(text), catalog)
		require.NoError(t, err)
		return c
	}
	const sensor = "[[sensor]]\nname = \"meter\"\ndriver = \"pulse\"\npin = \"GPIO17\"\nper_pulse = 1\nunit = \"kW.h\"\nevery = \"1m\"\n"
	const city = "[[city]]\nname = \"a\"\nprotocol = \"senml\"\nurl = \"mqtts://x\"\n"
	fine := "[thing]\nid = \"lamp\"\nlocation = [6.632345, 46.519712, 412.0]\n"
	notes := load(fine + sensor + city).Notes()
	require.Len(t, notes, 2)
	assert.Contains(t, notes[0], "round_location = 3 tells the street")
	assert.Contains(t, notes[1], `sensor "meter": quantity every 1m0s shows when people are at home`)
	assert.Len(t, load(fine+sensor).Notes(), 1, "nobody is told the place")

	c := load(strings.Replace(fine, "location", "round_location = 3\nlocation", 1) + sensor + "[[sensor.process]]\nkind = \"window\"\nproperty = \"quantity\"\nspan = \"15m\"\n" + city)
	assert.Equal(t, []float64{6.632, 46.52, 412}, c.Thing.Location)
	assert.Empty(t, c.Notes(), "the place is coarse enough, and so is what is told of the meter")
	assert.True(t, metered(agent.Energy), "a total, whose differences tell the same")
	assert.False(t, metered(agent.Pulses))

	with := catalog
	with.Drivers = append(with.Drivers, nmea.Driver)
	moving, err := Parse("x.toml", []byte("[thing]\nid = \"bus\"\n[[sensor]]\nname = \"gps\"\ndriver = \"nmea\"\nport = \"/dev/ttyUSB0\"\n"), with)
	require.NoError(t, err)
	require.Len(t, moving.Notes(), 1)
	assert.Contains(t, moving.Notes()[0], `sensor "gps": tells where it is`)
	_, err = Parse("x.toml", []byte(strings.Replace(fine, "location", "round_location = 10\nlocation", 1)+sensor), catalog)
	assert.ErrorContains(t, err, "round_location = 10: want 0 to 9 decimals")
}
