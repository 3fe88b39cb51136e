package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"periph.io/x/conn/v3/gpio"
)

// Lines tells about the lines that were named so far, by name.
func (h *Host) Lines() ([]gpioline.Info, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []gpioline.Info
	for i, name := range slices.Sorted(maps.Keys(h.lines)) {
		info := gpioline.Info{Chip: "sim", Offset: i, Name: name}
		l := h.lines[name]
		l.mu.Lock()
		if l.watch != nil {
			info.Consumer, info.Used = "lamppost", true
		}
		l.mu.Unlock()
		all = append(all, info)
	}
	return all, nil
}

// Line is a simulated digital line: [gpioline.Pin] for drivers, Set and Pulse
// for whoever plays the world.
type Line struct {
	host *Host
	name string

	mu    sync.Mutex
	level gpio.Level
	drop  int // edges to lose on the way, counted all the same
	seq   uint32
	watch *lineWatch
}

type lineWatch struct {
	line    *Line
	options gpioline.Options
	handle  func(gpioline.Event)
}

var _ gpioline.Pin = (*Line)(nil)

// Watch implements gpioline.Pin.
func (l *Line) Watch(o gpioline.Options, handle func(gpioline.Event)) (gpioline.Watch, error) {
	if err := l.host.outcome(Op{Bus: l.name}); err != nil {
		return nil, fmt.Errorf("line %s: %w", l.name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watch != nil {
		return nil, fmt.Errorf("line %s: in use by another sensor", l.name)
	}
	if o.Pull == gpio.PullUp && l.seq == 0 {
		l.level = gpio.High
	}
	l.seq = 0
	l.watch = &lineWatch{l, o, handle}
	return l.watch, nil
}

// Level implements gpioline.Watch.
func (w *lineWatch) Level() (gpio.Level, error) {
	if err := w.line.host.outcome(Op{Bus: w.line.name}); err != nil {
		return gpio.Low, fmt.Errorf("line %s: read: %w", w.line.name, err)
	}
	return w.line.Read(), nil
}

// Close implements gpioline.Watch.
func (w *lineWatch) Close() error {
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	if w.line.watch == w {
		w.line.watch = nil
	}
	return nil
}

// Set changes the level, which is an edge if it was another.
func (l *Line) Set(level gpio.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.level == level {
		return
	}
	l.level = level
	w := l.watch
	if w == nil || w.options.Edge == gpio.NoEdge ||
		w.options.Edge == gpio.RisingEdge && !bool(level) || w.options.Edge == gpio.FallingEdge && bool(level) {
		return
	}
	l.seq++
	if l.drop > 0 {
		l.drop--
		return
	}
	w.handle(gpioline.Event{Time: time.Now(), Seq: l.seq, Rising: bool(level)})
}

// Pulse is a short change to the other level and back.
func (l *Line) Pulse() {
	level := l.Read()
	l.Set(!level)
	l.Set(level)
}

// Drop loses the next n edges between the kernel and the driver: they are
// counted and not told.
func (l *Line) Drop(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop = n
}

// The rest of gpio.PinIn.

func (l *Line) String() string         { return l.name }
func (l *Line) Name() string           { return l.name }
func (l *Line) Number() int            { return -1 }
func (l *Line) Function() string       { return "In" }
func (l *Line) Halt() error            { return nil }
func (l *Line) Pull() gpio.Pull        { return gpio.PullNoChange }
func (l *Line) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// In implements gpio.PinIn, for lines that are only read.
func (l *Line) In(_ gpio.Pull, edge gpio.Edge) error {
	if edge != gpio.NoEdge {
		return errors.New("line " + l.name + ": edges come through Watch")
	}
	return nil
}

// Read implements gpio.PinIn.
func (l *Line) Read() gpio.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level
}

// WaitForEdge implements gpio.PinIn: there never is one.
func (l *Line) WaitForEdge(time.Duration) bool { return false }
