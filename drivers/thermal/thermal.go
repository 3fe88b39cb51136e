// Package thermal reads a thermal zone of the Linux kernel: the temperature of
// the board's own processor, which says how hot the cabinet gets.
package thermal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Driver reads one thermal zone.
var Driver = drivers.New(drivers.Info{
	Name:      "thermal",
	Summary:   "Linux thermal zone: temperature of the board's processor",
	Datasheet: "https://docs.kernel.org/driver-api/thermal/sysfs-api.html",
	Observes: []drivers.Observable{
		{Property: agent.PartTemperature, Resolution: 1, Class: agent.Diagnostic},
	},
}, Settings{}, open, simulate)

// Settings are the keys of a sensor with driver = "thermal".
type Settings struct {
	Zone int `doc:"N in /sys/class/thermal/thermal_zoneN"`
}

// Validate rejects numbers that no zone has.
func (s Settings) Validate() error {
	if s.Zone < 0 {
		return fmt.Errorf("zone %d: zones count from 0", s.Zone)
	}
	return nil
}

// path is that of the zone's temperature, below the root.
func (s Settings) path() string {
	return fmt.Sprintf("sys/class/thermal/thermal_zone%d/temp", s.Zone)
}

type sensor struct {
	files fs.FS
	path  string
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	return &sensor{host.FS(), s.path()}, nil
}

// Observe implements agent.Sensor. The kernel keeps the state; there is nothing
// to initialise.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	b, err := fs.ReadFile(s.files, s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return into, fmt.Errorf("%w: %w; see /sys/class/thermal", agent.ErrAbsent, err)
	}
	if err != nil {
		return into, fmt.Errorf("read zone: %w", err)
	}
	// Datasheet, section 2: an integer in thousandths of a degree.
	milli, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return into, fmt.Errorf("read zone: %w: %w", drivers.ErrNoReading, err)
	}
	v := float64(milli) / 1000
	// A sensor of the chip that is switched off reads −274 °C or the like.
	if err := drivers.Within(v, -55, 150); err != nil {
		return into, fmt.Errorf("read zone: %w", err)
	}
	return append(into, agent.Result{Property: agent.PartTemperature, Value: v}), nil
}

// Close implements agent.Sensor.
func (s *sensor) Close() error { return nil }

// simulate makes a zone that is warmer than the simulated air.
func simulate(host *sim.Host, s Settings) {
	host.AddFile(s.path(), func() []byte {
		milli := 1000 * (sim.AirTemperature() + sim.Wave(22, 3, 3*time.Minute))
		return fmt.Appendf(nil, "%d\n", int(milli))
	})
}
