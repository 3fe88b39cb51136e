// Package health tells how the gateway itself is: its supply, disk, memory and
// load. What a cabinet does to a board shows here first.
package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Supply tells whether the voltage of a Raspberry Pi is too low.
var Supply = drivers.New(drivers.Info{
	Name:      "supply",
	Summary:   "Raspberry Pi: whether the supply voltage is too low",
	Datasheet: "https://www.raspberrypi.com/documentation/computers/os.html#get_throttled",
	Observes: []drivers.Observable{
		{Property: agent.UnderVoltage, Resolution: 0, Class: agent.Diagnostic},
	},
}, SupplySettings{}, openSupply, simulateSupply)

// Gateway tells about the computer's disk, memory and load.
var Gateway = drivers.New(drivers.Info{
	Name:      "gateway",
	Summary:   "Linux: free disk, available memory and load of the gateway itself",
	Datasheet: "https://docs.kernel.org/filesystems/proc.html",
	Observes: []drivers.Observable{
		{Property: agent.FreeDisk, Resolution: 0, Class: agent.Diagnostic},
		{Property: agent.FreeMemory, Resolution: 0, Class: agent.Diagnostic},
		{Property: agent.Load, Resolution: 2, Class: agent.Diagnostic},
	},
}, GatewaySettings{Path: "/var/lib/lamppost"}, openGateway, simulateGateway)

// SupplySettings are the keys of a sensor with driver = "supply": none.
type SupplySettings struct{}

// GatewaySettings are the keys of a sensor with driver = "gateway".
type GatewaySettings struct {
	Path string `doc:"a folder of the file system whose free space is told"`
}

// Validate rejects paths that depend on where the agent was started.
func (s GatewaySettings) Validate() error {
	if !path.IsAbs(s.Path) {
		return fmt.Errorf("path %q: want a folder from / on", s.Path)
	}
	return nil
}

// Where a Raspberry Pi tells about its supply: the kernel's driver raspberrypi-hwmon,
// whose chip is rpi_volt, or the firmware's own word, of which bit 0 is the
// voltage now (datasheet, "get_throttled").
const (
	hwmon     = "sys/class/hwmon"
	chip      = "rpi_volt"
	alarm     = "in0_lcrit_alarm"
	throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
)

type supply struct{ files fs.FS }

func openSupply(host drivers.Host, _ SupplySettings) (agent.Sensor, error) {
	return &supply{host.FS()}, nil
}

// Observe implements agent.Sensor.
func (s *supply) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	low, err := s.low()
	if err != nil {
		return into, fmt.Errorf("read supply: %w", err)
	}
	return append(into, agent.Result{Property: agent.UnderVoltage, Value: float64(low)}), nil
}

// Close implements agent.Sensor.
func (s *supply) Close() error { return nil }

// low returns 1 while the voltage is too low, else 0.
func (s *supply) low() (uint64, error) {
	chips, err := fs.ReadDir(s.files, hwmon)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for _, c := range chips {
		name, err := fs.ReadFile(s.files, path.Join(hwmon, c.Name(), "name"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		if strings.TrimSpace(string(name)) != chip {
			continue
		}
		text, err := fs.ReadFile(s.files, path.Join(hwmon, c.Name(), alarm))
		if err != nil {
			return 0, err
		}
		return number(string(text), 10, 1)
	}
	text, err := fs.ReadFile(s.files, throttled)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w: no %s in /%s, no /%s; is it a Raspberry Pi?", agent.ErrAbsent, chip, hwmon, throttled)
	}
	if err != nil {
		return 0, err
	}
	bits, err := number(string(text), 16, 1<<32-1)
	return bits & 1, err
}

// number returns a number that is all of a text.
func number(text string, base int, highest uint64) (uint64, error) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(text), "0x"), base, 64)
	if err != nil || v > highest {
		return 0, fmt.Errorf("%w: %q", drivers.ErrNoReading, text)
	}
	return v, nil
}

func simulateSupply(host *sim.Host, _ SupplySettings) {
	host.AddFile(path.Join(hwmon, "hwmon1", "name"), func() []byte { return []byte(chip + "\n") })
	host.AddFile(path.Join(hwmon, "hwmon1", alarm), func() []byte { return []byte("0\n") })
}
