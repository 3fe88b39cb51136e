package config

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simKeys are those of the [sim] table.
type simKeys struct {
	Series string  `doc:"a CSV file, perhaps with .gz: columns time (s), property, value and, where it needs one, sensor"`
	Speed  float64 `doc:"how many seconds of the series pass in one"`
}

// What happens to a sensor in a series, instead of a quantity of the world.
const (
	Absent = "absent" // 1: its part is unplugged, 0: plugged in again
	Level  = "level"  // of its line
	Pulses = "pulses" // so many on its line
)

// An Event is one thing that happens in a simulated world.
type Event struct {
	After    time.Duration // the start
	Property string        // a quantity of package sim, or Absent, Level or Pulses
	Value    float64       // as the property has it
	Bus      string        // of the sensor's part: its path
	Address  uint16        // of the sensor's part
	Pin      string        // of the sensor's line
}

// scenario reads the [sim] table and the series it names.
func (c *Config) scenario(d *decoder, table map[string]any) {
	if table == nil {
		return
	}
	at := place{}.key("sim")
	keys := simKeys{Speed: 1}
	d.fill(at, table, &keys)
	switch {
	case c.Board != "sim":
		d.mistake(at, `sim: want board = "sim"; real sensors say what they feel`)
	case keys.Series == "":
		d.mistake(at, "sim: want series, the file with what happens")
	case !(keys.Speed > 0) || keys.Speed > 1e6:
		d.mistake(at.key("speed"), "speed = %v: want more than 0", keys.Speed)
	default:
		events, err := c.events(keys)
		if err != nil {
			d.mistakes(at.key("series"), fmt.Errorf("series %s: %w", keys.Series, err))
		}
		c.Events = events
	}
}

// events reads a series. Its first row is at the start.
func (c *Config) events(keys simKeys) ([]Event, error) {
	path := keys.Series
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(c.Path), path)
	}
	rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	var columns [4]int
	for i, name := range []string{"time", "property", "value", "sensor"} {
		if columns[i] = slices.Index(rows[0], name); columns[i] < 0 && name != "sensor" {
			return nil, fmt.Errorf("line 1: no column %q", name)
		}
	}
	var (
		events      []Event
		first, last float64
	)
	for i, row := range rows[1:] {
		t, terr := strconv.ParseFloat(row[columns[0]], 64)
		v, verr := strconv.ParseFloat(row[columns[2]], 64)
		if err := errors.Join(terr, verr); err != nil || math.IsNaN(t-t) || math.IsNaN(v-v) {
			return nil, fmt.Errorf("line %d: want numbers as time and value", i+2)
		}
		if i == 0 {
			first, last = t, t
		}
		if t < last {
			return nil, fmt.Errorf("line %d: its time is before that of the line above; sort it by time", i+2)
		}
		last = t
		e := Event{After: time.Duration((t - first) / keys.Speed * float64(time.Second)), Property: row[columns[1]], Value: v}
		sensor := ""
		if columns[3] >= 0 {
			sensor = row[columns[3]]
		}
		if err := c.happens(&e, sensor); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// happens finds what an event is about.
func (c *Config) happens(e *Event, sensor string) error {
	if e.Property != Absent && e.Property != Level && e.Property != Pulses {
		if !slices.Contains(sim.Quantities(), e.Property) {
			return fmt.Errorf("property %q: want one of %s, or %s, %s, %s of a sensor", e.Property, strings.Join(sim.Quantities(), ", "), Absent, Level, Pulses)
		}
		return nil
	}
	i := slices.IndexFunc(c.Sensors, func(s Sensor) bool { return s.Name == sensor })
	if i < 0 {
		return fmt.Errorf("%s: no sensor %q is configured", e.Property, sensor)
	}
	if c.Sensors[i].Settings == nil {
		return nil // a mistake that was told
	}
	f := settingsOf(c.Sensors[i].Settings)
	if pin, ok := f["pin"]; ok {
		e.Pin = pin.String()
	}
	if address, ok := f["address"]; ok {
		e.Bus, e.Address = f["bus"].String(), uint16(address.Uint())
	}
	switch {
	case e.Property == Absent && e.Address == 0:
		return fmt.Errorf("absent: sensor %q is on no bus", sensor)
	case e.Property != Absent && e.Pin == "":
		return fmt.Errorf("%s: sensor %q has no line", e.Property, sensor)
	case e.Property == Pulses && (e.Value < 0 || e.Value > 1e6 || e.Value != math.Trunc(e.Value)),
		e.Property != Pulses && e.Value != 0 && e.Value != 1:
		return fmt.Errorf("%s = %v: want 0 or 1, or a number of pulses", e.Property, e.Value)
	}
	return nil
}

// settingsOf returns the fields of a struct of settings by their keys.
func settingsOf(settings any) map[string]reflect.Value {
	v := reflect.New(reflect.TypeOf(settings))
	v.Elem().Set(reflect.ValueOf(settings))
	return fields(v.Interface())
}

// readCSV returns the rows of a file, of which there is one at least.
func readCSV(path string) ([][]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r io.Reader = bytes.NewReader(b)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, err
		}
	}
	rows, err := csv.NewReader(r).ReadAll()
	if err == nil && len(rows) == 0 {
		err = errors.New("it is empty")
	}
	return rows, err
}
