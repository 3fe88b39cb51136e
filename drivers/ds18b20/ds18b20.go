// Package ds18b20 drives the Maxim DS18B20 thermometer and its relatives on a
// 1-wire bus, through the Linux kernel.
//
// A part that lost power says 85 °C until it has converted. That value is refused
// unless the part was about as hot a moment ago.
package ds18b20

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"regexp"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Driver reads one DS18B20 or relative.
var Driver = drivers.New(drivers.Info{
	Name:      "ds18b20",
	Summary:   "Maxim DS18B20, DS1822, DS1825, DS28EA00: temperature of a probe (1-wire, by the kernel)",
	Datasheet: "https://www.analog.com/media/en/technical-documentation/data-sheets/DS18B20.pdf",
	Observes: []drivers.Observable{
		{Property: agent.ProbeTemperature, Resolution: 2, Class: agent.Telemetry},
	},
}, Settings{}, open, simulate)

// Settings are the keys of a sensor with driver = "ds18b20".
type Settings struct {
	ID string `doc:"its folder in /sys/bus/w1/devices, as \"28-011627f794ee\"; may be left out where there is one part"`
}

// families that keep the temperature as the DS18B20 does, in sixteenths (the
// kernel's w1_therm): 0x28 itself, DS1822, DS1825, DS28EA00.
var known = regexp.MustCompile(`^(28|22|3b|42)-[0-9a-f]{12}$`)

// Validate rejects what is no part's.
func (s Settings) Validate() error {
	if s.ID != "" && !known.MatchString(s.ID) {
		return fmt.Errorf("id %q: want a folder of /sys/bus/w1/devices, as \"28-011627f794ee\"", s.ID)
	}
	return nil
}

const folder = "sys/bus/w1/devices"

// What a part says that has not converted yet (datasheet, table 1), and how far
// from it the last value may be for it to be believed.
const (
	powerOn   = 85.0
	plausible = 10.0
)

type sensor struct {
	files fs.FS
	id    string
	last  float64 // NaN: not known
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	return &sensor{host.FS(), s.ID, math.NaN()}, nil
}

// Observe implements agent.Sensor. The kernel converts while the file is read,
// which takes 750 ms and cannot be cut short.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	v, err := s.read()
	if err == nil && v == powerOn && !(math.Abs(s.last-powerOn) <= plausible) {
		err = fmt.Errorf("%w: it says 85 °C, as after power-on", drivers.ErrBrownOut)
	}
	s.last = v
	if err != nil {
		s.last = math.NaN()
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, agent.Result{Property: agent.ProbeTemperature, Value: v}), nil
}

// Close implements agent.Sensor.
func (s *sensor) Close() error { return nil }

// read has the kernel convert and returns the temperature in °C.
func (s *sensor) read() (float64, error) {
	id := s.id
	if id == "" {
		var err error
		if id, err = only(s.files); err != nil {
			return 0, err
		}
	}
	b, err := fs.ReadFile(s.files, path.Join(folder, id, "w1_slave"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w: %w; see /%s", agent.ErrAbsent, err, folder)
	}
	if err != nil {
		return 0, err
	}
	return parse(string(b))
}

// only returns the part that there is, if it is the only one.
func only(files fs.FS) (string, error) {
	all, err := fs.ReadDir(files, folder)
	if err != nil {
		return "", fmt.Errorf("%w: %w; add dtoverlay=w1-gpio to config.txt", agent.ErrAbsent, err)
	}
	var found []string
	for _, f := range all {
		if known.MatchString(f.Name()) {
			found = append(found, f.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: no thermometer in /%s", agent.ErrAbsent, folder)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("there are %s; choose one with id", strings.Join(found, ", "))
}

// parse reads what the kernel says: the nine bytes of the scratchpad, whether
// their checksum is right, and the same again with the temperature, which is in
// the first two (kernel documentation, w1_therm).
func parse(text string) (float64, error) {
	line, _, _ := strings.Cut(text, "\n")
	hexed, verdict, ok := strings.Cut(line, " : crc=")
	b, err := hex.DecodeString(strings.ReplaceAll(hexed, " ", ""))
	if !ok || err != nil || len(b) != 9 {
		return 0, fmt.Errorf("%w: %q", drivers.ErrNoReading, line)
	}
	if !strings.HasSuffix(verdict, " YES") || crc8(b[:8]) != b[8] {
		return 0, fmt.Errorf("%w in % x", drivers.ErrChecksum, b)
	}
	if b[4] == 0 { // the configuration is never zero, but all is where a line is stuck
		return 0, fmt.Errorf("%w: % x", drivers.ErrNoReading, b)
	}
	v := float64(int16(uint16(b[0])|uint16(b[1])<<8)) / 16
	return v, drivers.Within(v, -55, 125)
}

// crc8 is the checksum of 1-wire parts: polynomial 0x31 reflected, start 0
// (datasheet, "CRC generation").
func crc8(b []byte) (crc byte) {
	for _, x := range b {
		crc ^= x
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8c
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) {
	id := s.ID
	if id == "" {
		id = "28-011627f794ee"
	}
	host.AddFile(path.Join(folder, id, "w1_slave"), func() []byte {
		return file(int16(math.Round(sim.AirTemperature() * 16)))
	})
}

// file is what the kernel says of a part that measured so many sixteenths.
func file(sixteenths int16) []byte {
	b := []byte{byte(sixteenths), byte(uint16(sixteenths) >> 8), 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10}
	b = append(b, crc8(b))
	return fmt.Appendf(nil, "% x : crc=%02x YES\n% x t=%d\n", b, b[8], b, int(sixteenths)*1000/16)
}
