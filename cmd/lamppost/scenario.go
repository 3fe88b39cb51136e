package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"periph.io/x/conn/v3/gpio"
)

// A scenario lets the events of a series happen to a simulated host.
type scenario struct {
	host  *sim.Host
	left  []config.Event
	start time.Time
	plugs map[place]func() // of parts that are unplugged
}

// place is where a part is.
type place struct {
	bus     string
	address uint16
}

// newScenario returns a scenario after what happens at its start. Without events,
// and on real hardware, nothing ever happens.
func newScenario(host drivers.Host, events []config.Event) *scenario {
	s := &scenario{left: events, start: time.Now(), plugs: make(map[place]func())}
	var ok bool
	if s.host, ok = host.(*sim.Host); !ok {
		s.left = nil
	}
	for len(s.left) > 0 && s.left[0].After == 0 {
		s.next()
	}
	return s
}

// run lets the rest happen, each in its time. After the last, all stays as it is.
func (s *scenario) run(ctx context.Context, log *slog.Logger) {
	if len(s.left) == 0 {
		return
	}
	for len(s.left) > 0 {
		if d := time.Until(s.start.Add(s.left[0].After)); d > 0 && !wait(ctx, d) {
			return
		}
		s.next()
	}
	log.Info("the series has ended; all stays as it is")
}

// next lets one event happen.
func (s *scenario) next() {
	e := s.left[0]
	s.left = s.left[1:]
	switch e.Property {
	case config.Absent:
		at := place{e.Bus, e.Address}
		if plug := s.plugs[at]; e.Value == 0 && plug != nil {
			plug()
			delete(s.plugs, at)
		} else if e.Value != 0 && plug == nil {
			s.plugs[at] = s.host.Unplug(e.Bus, e.Address)
		}
	case config.Level:
		s.host.SimLine(e.Pin).Set(gpio.Level(e.Value != 0))
	case config.Pulses:
		for range int(e.Value) {
			s.host.SimLine(e.Pin).Pulse()
		}
	default:
		sim.Set(e.Property, e.Value)
	}
}
