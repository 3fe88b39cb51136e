// Package linuxchip reads chips that the Linux kernel has a driver for: those of
// its hwmon and of its industrial I/O (iio) subsystems. A line of config.txt such
// as dtoverlay=i2c-sensor,bme280 gives a chip to the kernel.
//
// The kernel initialises the chip, and does so again after a reboot only: where
// this program has a driver of its own for a chip, that one notices more.
package linuxchip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// Chip says which chip: the settings that both drivers embed.
type Chip struct {
	Chip   string `doc:"the chip's name, as in the file name of its folder: \"bme280\""`
	Device string `doc:"where several chips have the name: its folder in /sys/bus/i2c/devices, as \"1-0076\""`
}

var devicePattern = regexp.MustCompile(`^[0-9]{1,3}-[0-9a-f]{4}$`)

func (c Chip) check() error {
	if c.Chip == "" || strings.ContainsAny(c.Chip, "/\n") {
		return fmt.Errorf("chip %q: want the chip's name, as \"bme280\"", c.Chip)
	}
	if c.Device != "" && !devicePattern.MatchString(c.Device) {
		return fmt.Errorf("device %q: want a folder of /sys/bus/i2c/devices, as \"1-0076\"", c.Device)
	}
	return nil
}

// A quantity is what a kind of channel has.
type quantity struct {
	drivers.Observable
	scale           float64 // of the file's number to the unit
	lowest, highest float64 // what any chip can say
}

func of(p agent.Property, resolution int8, scale, lowest, highest float64) quantity {
	return quantity{drivers.Observable{Property: p, Resolution: resolution, Class: agent.Telemetry}, scale, lowest, highest}
}

// A subsystem is one of the kernel's.
type subsystem struct {
	class  string // the folder that has one for each chip
	prefix string // of a chip's folder
	below  string // where it is below a device
	kinds  map[string]quantity
	number *regexp.Regexp // splits a channel into kind and number
}

// channels splits a list and finds what each is.
func (s subsystem) channels(list string) (names []string, all []quantity, err error) {
	seen := make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		m := s.number.FindStringSubmatch(name)
		if m == nil {
			return nil, nil, fmt.Errorf("channel %q: want %s", name, s.example())
		}
		q, ok := s.kinds[m[1]]
		if !ok {
			return nil, nil, fmt.Errorf("channel %q: want %s", name, s.example())
		}
		if seen[q.Name] {
			return nil, nil, fmt.Errorf("channel %q: a sensor has one %s; make another sensor", name, q.Name)
		}
		seen[q.Name] = true
		names, all = append(names, name), append(all, q)
	}
	return names, all, nil
}

func (s subsystem) example() string {
	if s.prefix == "hwmon" {
		return "a kind and a number: temp1, humidity1, in1, curr1 or power1"
	}
	return "temp, pressure, humidityrelative or illuminance"
}

func observes(all []quantity) (o []drivers.Observable) {
	for _, q := range all {
		o = append(o, q.Observable)
	}
	return o
}

// find returns the folder of a chip.
func (s subsystem) find(files fs.FS, c Chip) (string, error) {
	class := s.class
	if c.Device != "" {
		class = path.Join("sys/bus/i2c/devices", c.Device, s.below)
	}
	all, err := fs.ReadDir(files, class)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %w; is the kernel's driver loaded?", agent.ErrAbsent, err)
	}
	if err != nil {
		return "", err
	}
	var found, names []string
	for _, f := range all {
		if !strings.HasPrefix(f.Name(), s.prefix) {
			continue
		}
		name, err := fs.ReadFile(files, path.Join(class, f.Name(), "name"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		names = append(names, strings.TrimSpace(string(name)))
		if names[len(names)-1] == c.Chip {
			found = append(found, path.Join(class, f.Name()))
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: no chip %q in /%s; there is %s", agent.ErrAbsent, c.Chip, class, strings.Join(names, ", "))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("/%s: several are named %q; choose one with device", class, c.Chip)
}

type sensor struct {
	subsystem
	files  fs.FS
	chip   Chip
	names  []string
	all    []quantity
	number func(s *sensor, folder, channel string) (float64, error)
}

// Observe implements agent.Sensor. The kernel keeps the state; a chip that came
// back may have another folder, so it is looked for each time.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	folder, err := s.find(s.files, s.chip)
	if err != nil {
		return into, fmt.Errorf("find chip: %w", err)
	}
	var errs []error // one channel's fault is not the others'
	for i, name := range s.names {
		v, err := s.number(s, folder, name)
		if err == nil {
			v *= s.all[i].scale
			err = drivers.Within(v, s.all[i].lowest, s.all[i].highest)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", name, err))
			continue
		}
		into = append(into, agent.Result{Property: s.all[i].Property, Value: v})
	}
	return into, errors.Join(errs...)
}

// Close implements agent.Sensor.
func (s *sensor) Close() error { return nil }

// read returns the number in a file.
func (s *sensor) read(folder, name string) (float64, error) {
	b, err := fs.ReadFile(s.files, path.Join(folder, name))
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", drivers.ErrNoReading, err)
	}
	return v, nil
}
