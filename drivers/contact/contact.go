// Package contact watches a contact: of a door, a cover, a float or anything
// else that is open or closed.
//
// Each change is a result of its own with the kernel's time. Between changes, a
// reading is the level of the line.
package contact

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"periph.io/x/conn/v3/gpio"
)

// Driver watches one contact. A door that opens is the last a gateway may be
// able to tell, so it goes out before anything else.
var Driver = drivers.New(drivers.Info{
	Name:      "contact",
	Summary:   "contact of a door, cover or float on a GPIO line: open or closed",
	Datasheet: "https://docs.kernel.org/userspace-api/gpio/chardev.html",
	Observes: []drivers.Observable{
		{Property: agent.Open, Resolution: 0, Class: agent.Alarm},
	},
}, Settings{Pull: "up", Open: "high", Debounce: 50 * time.Millisecond}, open, simulate)

// maxEdges is how many edges are kept between two readings. Of more, the oldest
// are forgotten.
const maxEdges = 256

type sensor struct {
	pin     gpioline.Pin
	options gpioline.Options
	open    gpio.Level
	wake    chan struct{}
	watch   gpioline.Watch // nil while the line is not watched
	seq     uint32         // of the last edge that was observed
	gap     bool           // the line was not watched for a while

	mu    sync.Mutex
	edges []gpioline.Event
}

var _ agent.Waker = (*sensor)(nil)

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	pin, err := host.Line(s.Pin)
	return &sensor{
		pin:     pin,
		options: gpioline.Options{Pull: pulls[s.Pull], Edge: gpio.BothEdges, Debounce: s.Debounce},
		open:    levels[s.Open],
		wake:    make(chan struct{}, 1),
	}, err
}

// Wake implements agent.Waker.
func (s *sensor) Wake() <-chan struct{} { return s.wake }

// Observe implements agent.Sensor: the changes since the last call or, if there
// were none, the state now. The first result after changes that were not seen
// is marked incomplete.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := ctx.Err(); err != nil {
		return into, err
	}
	if s.watch == nil {
		watch, err := s.pin.Watch(s.options, s.edge)
		if err != nil {
			s.gap = true
			return into, fmt.Errorf("watch: %w", err)
		}
		s.watch, s.seq = watch, 0
	}
	level, err := s.watch.Level()
	if err != nil {
		err = errors.Join(fmt.Errorf("read level: %w", err), s.Close())
	}
	edges := s.take()
	for _, e := range edges {
		r := s.result(gpio.Level(e.Rising))
		r.Time = e.Time
		if e.Seq != s.seq+1 {
			r.Quality = agent.Incomplete
		}
		s.seq = e.Seq
		into = append(into, s.mark(r))
	}
	if err != nil {
		s.gap = true
		return into, err
	}
	if len(edges) == 0 {
		into = append(into, s.mark(s.result(level)))
	}
	return into, nil
}

func (s *sensor) result(level gpio.Level) agent.Result {
	r := agent.Result{Property: agent.Open}
	if level == s.open {
		r.Value = 1
	}
	return r
}

// mark says with the first result after a gap that there was one.
func (s *sensor) mark(r agent.Result) agent.Result {
	if s.gap {
		r.Quality |= agent.Incomplete
		s.gap = false
	}
	return r
}

// edge takes note of an edge and wakes the agent.
func (s *sensor) edge(e gpioline.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.edges) == maxEdges {
		copy(s.edges, s.edges[1:])
		s.edges = s.edges[:maxEdges-1]
	}
	s.edges = append(s.edges, e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the edges since the last call.
func (s *sensor) take() []gpioline.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	edges := s.edges
	s.edges = nil
	return edges
}

// Close implements agent.Sensor.
func (s *sensor) Close() error {
	if s.watch == nil {
		return nil
	}
	err := s.watch.Close()
	s.watch = nil
	return err
}

// simulate makes the line: nothing is connected until somebody drives it.
func simulate(host *sim.Host, s Settings) { host.SimLine(s.Pin) }
