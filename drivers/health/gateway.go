package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// A disk tells how many bytes of a file system ordinary users can still use. It
// is a host that has one.
type disk interface {
	FreeBytes(path string) (uint64, error)
}

type gateway struct {
	files fs.FS
	disk  disk // or nil
	path  string
}

func openGateway(host drivers.Host, s GatewaySettings) (agent.Sensor, error) {
	d, _ := host.(disk)
	return &gateway{host.FS(), d, s.Path}, nil
}

var errNoDisk = errors.New("this board tells nothing about disks")

// Observe implements agent.Sensor. What can be told is told, with the error.
func (g *gateway) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	var errs []error
	for _, q := range []struct {
		agent.Property
		read func() (float64, error)
	}{
		{agent.FreeDisk, g.freeDisk}, {agent.FreeMemory, g.freeMemory}, {agent.Load, g.load},
	} {
		v, err := q.read()
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", q.Name, err))
			continue
		}
		into = append(into, agent.Result{Property: q.Property, Value: v})
	}
	return into, errors.Join(errs...)
}

// Close implements agent.Sensor.
func (g *gateway) Close() error { return nil }

// freeDisk returns bytes.
func (g *gateway) freeDisk() (float64, error) {
	if g.disk == nil {
		return 0, errNoDisk
	}
	n, err := g.disk.FreeBytes(g.path)
	return float64(n), err
}

// freeMemory returns the bytes that programs can get without swapping
// (datasheet, meminfo, MemAvailable).
func (g *gateway) freeMemory() (float64, error) {
	b, err := fs.ReadFile(g.files, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kB, err := number(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 1<<40)
			return float64(kB) * 1024, err
		}
	}
	return 0, fmt.Errorf("%w: no MemAvailable in /proc/meminfo", drivers.ErrNoReading)
}

// load returns how many tasks ran or wanted to, on average over a minute
// (datasheet, loadavg).
func (g *gateway) load() (float64, error) {
	b, err := fs.ReadFile(g.files, "proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", drivers.ErrNoReading, err)
	}
	return v, drivers.Within(v, 0, 1e6)
}

func simulateGateway(host *sim.Host, _ GatewaySettings) {
	host.AddFile("proc/meminfo", func() []byte {
		return []byte("MemTotal:         948012 kB\nMemFree:          123456 kB\nMemAvailable:     612345 kB\n")
	})
	host.AddFile("proc/loadavg", func() []byte { return []byte("0.21 0.18 0.11 1/134 2345\n") })
}
