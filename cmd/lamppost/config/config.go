// Package config reads the configuration file. It finds all mistakes at once
// and touches neither hardware nor network.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/process"
	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Default places.
const (
	DefaultPath = "/etc/lamppost/lamppost.toml"
	DefaultDir  = "/var/lib/lamppost"
)

// AutoBoard is the board that is found out at the start.
const AutoBoard = "auto"

// A Catalog is what a configuration can name.
type Catalog struct {
	Boards    []boards.Board
	Drivers   []drivers.Driver
	Protocols []uplink.Protocol
}

// Config is a configuration without mistakes.
type Config struct {
	Path    string
	Board   string // the name of one, or AutoBoard
	Thing   agent.Thing
	Buffer  Buffer
	Buses   []Bus
	Sensors []Sensor
	Cities  []City
	Events  []Event // what happens in a simulated world, in order
}

// Buffer is the [buffer] table.
type Buffer struct {
	Dir         string        `doc:"where observations are kept"`
	MaxSize     Size          `doc:"bytes they may take: \"512MB\"; the smaller of that and half of the file system if left out"`
	MinFree     Size          `doc:"bytes left free on the file system; the larger of 16MB and 2 % of it if left out"`
	WriteBudget Size          `doc:"bytes a day that may be written: to keep it, observations are on flash later, by a minute at most, but for alarms; none if left out"`
	CommitEvery time.Duration `doc:"how old an observation may get before it is on flash"`
	ClockHold   time.Duration `doc:"how long observations are kept back, at most, while the clock shows a time that cannot be"`
	Durability  string        `doc:"default, or strict: on flash before it is sent"`
}

// thingKeys are those of the [thing] table.
type thingKeys struct {
	ID            string    `doc:"the gateway's id, unique in the city"`
	Name          string    `doc:"its name, for people"`
	Location      []float64 `doc:"longitude, latitude and perhaps altitude in m (WGS 84)"`
	RoundLocation int       `doc:"decimals of longitude and latitude that cities are told: 3 is about 100 m"`
}

// unrounded decimals are a tenth of a millimetre.
const unrounded = 9

// Sensor is a [[sensor]] table.
type Sensor struct {
	Name   string
	Driver string
	Every  time.Duration
	Phase  time.Duration
	drivers.Configured

	Steps   process.Chain      // what its results go through
	Streams []agent.Datastream // property, resolution and class of what comes out
}

// City is a [[city]] table.
type City struct {
	Name     string
	Protocol string
	Ack      agent.Ack
	From     string
	Rate     float64
	Dial     uplink.Dial
}

// Size is a number of bytes, in a file a number or a text such as "512MB".
type Size int64

// minEvery is the shortest interval: faster things are counted.
const minEvery = time.Second

// sensorKeys are the keys of every sensor; its driver has others.
type sensorKeys struct {
	Name   string        `doc:"the sensor's name, the first part of its datastreams'"`
	Driver string        `doc:"what reads it: see lamppost list"`
	Every  time.Duration `doc:"the interval; on the minute for \"1m\""`
	Phase  time.Duration `doc:"shifts the interval's grid"`
	Class  string        `doc:"alarm, telemetry or diagnostic"`

	Process []map[string]any `doc:"[[sensor.process]] tables: what is made of the values, in this order"`
}

// processKeys are the keys of every [[sensor.process]] table; its kind has others.
type processKeys struct {
	Kind     string `doc:"what is done: see lamppost list processes"`
	Property string `doc:"to the values of which property"`
}

// cityKeys are the keys of every city; its protocol has others.
type cityKeys struct {
	Name     string  `doc:"the city's name: with another one it is another city"`
	Protocol string  `doc:"how it is spoken to: see lamppost list"`
	Ack      string  `doc:"who must acknowledge: sent, broker, queued, stored, read-back; the strongest there is if left out"`
	From     string  `doc:"where a new city starts: oldest or now"`
	Rate     float64 `doc:"observations a second, at most, of what waited; 0 is without bound"`
}

// Load reads a configuration file. Its error has a line for each mistake.
func Load(path string, catalog Catalog) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return nil, fmt.Errorf("%s: anybody may write it; chmod o-w %s", path, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, catalog)
}

// Parse reads a configuration; path is its name in errors, and relative
// directories in it start there.
func Parse(path string, data []byte, catalog Catalog) (*Config, error) {
	d, err := newDecoder(path, data)
	if err != nil {
		return nil, err
	}
	c := &Config{Path: path}
	var top struct {
		Board  string
		Thing  map[string]any
		Buffer map[string]any
		Bus    []map[string]any
		Sensor []map[string]any
		City   []map[string]any
		Sim    map[string]any
	}
	top.Board = AutoBoard
	d.fill(place{}, d.tree, &top)
	c.Board = top.Board
	if c.Board != AutoBoard && !slices.ContainsFunc(catalog.Boards, func(b boards.Board) bool { return b.Name == c.Board }) {
		d.mistake(place{}.key("board"), "unknown board %q%s", c.Board, instead(c.Board, append(boardNames(catalog), AutoBoard)))
	}
	c.thing(d, top.Thing)
	c.buffer(d, top.Buffer)
	c.buses(d, top.Bus, catalog)
	c.sensors(d, top.Sensor, catalog)
	c.cities(d, top.City, catalog)
	c.scenario(d, top.Sim)
	return c, d.err()
}

func boardNames(c Catalog) (names []string) {
	for _, b := range c.Boards {
		names = append(names, b.Name)
	}
	return names
}

func (c *Config) thing(d *decoder, table map[string]any) {
	at := place{}.key("thing")
	keys := thingKeys{RoundLocation: unrounded}
	d.fill(at, table, &keys)
	if !isName(keys.ID) {
		d.mistake(at.key("id"), "id = %q: want a name of small letters, digits and -, unique in the city", keys.ID)
	}
	if n := len(keys.Location); n != 0 && (n < 2 || n > 3 || keys.Location[0] < -180 || keys.Location[0] > 180 ||
		keys.Location[1] < -90 || keys.Location[1] > 90) {
		d.mistake(at.key("location"), "location: want longitude, latitude and perhaps altitude: [6.6323, 46.5197, 412.0]")
	}
	if n := keys.RoundLocation; n < 0 || n > unrounded {
		d.mistake(at.key("round_location"), "round_location = %d: want 0 to %d decimals", n, unrounded)
	} else if len(keys.Location) >= 2 && n < unrounded {
		keys.Location[0], keys.Location[1] = agent.Round(keys.Location[0], int8(n)), agent.Round(keys.Location[1], int8(n))
	}
	c.Thing = agent.Thing{ID: keys.ID, Name: keys.Name, Location: keys.Location}
}

func (c *Config) buffer(d *decoder, table map[string]any) {
	at := place{}.key("buffer")
	b := &c.Buffer
	*b = Buffer{Dir: DefaultDir, CommitEvery: time.Second, Durability: "default", ClockHold: 10 * time.Minute}
	d.fill(at, table, b)
	if !filepath.IsAbs(b.Dir) {
		b.Dir = filepath.Join(filepath.Dir(c.Path), b.Dir)
	}
	if b.CommitEvery < 100*time.Millisecond || b.CommitEvery > time.Hour {
		d.mistake(at.key("commit_every"), "commit_every = %q: want 100ms to 1h", b.CommitEvery)
	}
	if b.ClockHold < 0 || b.ClockHold > 24*time.Hour {
		d.mistake(at.key("clock_hold"), "clock_hold = %q: want 0s to 24h", b.ClockHold)
	}
	if b.Durability != "default" && b.Durability != "strict" {
		d.mistake(at.key("durability"), "durability = %q: want default or strict", b.Durability)
	}
	if b.MaxSize != 0 && b.MaxSize < 1e6 {
		d.mistake(at.key("max_size"), "max_size: want 1MB or more")
	}
	switch {
	case b.WriteBudget != 0 && b.WriteBudget < 1e6:
		d.mistake(at.key("write_budget"), "write_budget: want 1MB or more")
	case b.WriteBudget != 0 && b.Durability == "strict":
		d.mistake(at.key("write_budget"), "write_budget: with durability = \"strict\" nothing can wait to keep it; leave one of them out")
	}
}

// FindBoard returns the configured board, or the one this computer is.
func (c *Config) FindBoard(catalog Catalog) (boards.Board, error) {
	if c.Board == AutoBoard {
		b, ok := boards.Detect(catalog.Boards, os.DirFS("/"))
		if !ok {
			return b, errors.New("no board that the agent knows; set board = \"linux\", or \"sim\" to try it without hardware")
		}
		return b, nil
	}
	i := slices.IndexFunc(catalog.Boards, func(b boards.Board) bool { return b.Name == c.Board })
	return catalog.Boards[i], nil
}

// isName tells whether s can be part of a topic, a file name and a URN.
func isName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
