// Package pulse counts the pulses of a meter: of rain, wind, water, gas or
// electricity.
//
// The count is the kernel's, which also has the edges that came too fast to be
// told one by one. It goes on when the line fails and comes back.
package pulse

import (
	"context"
	"errors"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Driver counts the pulses of one line.
var Driver = drivers.New(drivers.Info{
	Name:      "pulse",
	Summary:   "pulses of a rain gauge, anemometer or meter on a GPIO line: total and rate",
	Datasheet: "https://docs.kernel.org/userspace-api/gpio/chardev.html",
	Observes:  Settings{}.Observes(),
}, Settings{Edge: "falling", Pull: "up", Unit: "1"}, open, simulate)

type sensor struct {
	settings Settings
	pin      gpioline.Pin
	watch    gpioline.Watch // nil while the line is not watched
	gap      bool           // the line was not watched for a while
	counter  counter
}

var _ agent.Resumer = (*sensor)(nil)

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	pin, err := host.Line(s.Pin)
	return &sensor{settings: s, pin: pin}, err
}

// Resume implements agent.Resumer: the count goes on from total.
func (s *sensor) Resume(property agent.Property, total float64) {
	if property == agent.Pulses && total >= 0 && total < 1<<53 {
		s.counter.total = uint64(total)
	}
}

// Observe implements agent.Sensor. The first results after a time in which the
// line was not watched are marked incomplete.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	if s.watch == nil {
		watch, err := s.pin.Watch(gpioline.Options{
			Pull: pulls[s.settings.Pull], Edge: edges[s.settings.Edge], Debounce: s.settings.Debounce,
		}, s.counter.edge)
		if err != nil {
			s.gap = true
			return into, fmt.Errorf("watch: %w", err)
		}
		s.watch = watch
	}
	// The level says nothing about the count, but that the line is there.
	if _, err := s.watch.Level(); err != nil {
		s.gap = true
		return into, errors.Join(fmt.Errorf("read level: %w", err), s.Close())
	}
	s.counter.update()
	var quality agent.Quality
	if s.gap {
		quality = agent.Incomplete
		s.gap = false
	}
	total := float64(s.counter.total)
	into = append(into,
		agent.Result{Property: agent.Pulses, Value: total, Quality: quality},
		agent.Result{Property: agent.PulseRate, Value: s.counter.rateNow(), Quality: quality})
	if s.settings.PerPulse > 0 {
		into = append(into, agent.Result{
			Property: s.settings.quantity(), Value: total * s.settings.PerPulse, Quality: quality,
		})
	}
	return into, nil
}

// Close implements agent.Sensor. What the line had told until now is counted.
func (s *sensor) Close() error {
	if s.watch == nil {
		return nil
	}
	err := s.watch.Close()
	s.watch = nil
	s.counter.update()
	s.counter.restart()
	return err
}

// simulate makes the line: there are no pulses until somebody drives it.
func simulate(host *sim.Host, s Settings) { host.SimLine(s.Pin) }
