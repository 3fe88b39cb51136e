package gpioline

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// The methods of gpio.PinIO, for code that knows periph only.

var _ interface {
	gpio.PinIO
	Pin
} = (*Line)(nil)

// Name returns the line's name.
func (l *Line) Name() string { return l.name }

// Number returns the offset on its chip, or -1.
func (l *Line) Number() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.got == nil {
		return -1
	}
	return l.offset
}

// Function says whether the line is ours, and as what. It never changes that.
func (l *Line) Function() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.output:
		return "Out/" + l.level.String()
	case l.got != nil:
		return "In"
	}
	return ""
}

// Halt gives the line back to the kernel.
func (l *Line) Halt() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.release()
}

// In makes the line an input and, if edge is not NoEdge, lets WaitForEdge see
// its edges.
func (l *Line) In(pull gpio.Pull, edge gpio.Edge) error {
	_, err := l.Watch(Options{Pull: pull, Edge: edge}, func(Event) {
		select {
		case l.waiting <- struct{}{}:
		default:
		}
	})
	return err
}

// Read returns the level, Low if it cannot be read. Of an output it returns
// what was written: the line stays an output.
func (l *Line) Read() gpio.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	level, err := l.value()
	return err == nil && level
}

// WaitForEdge waits for an edge since In or the last call, for ever if timeout
// is negative.
func (l *Line) WaitForEdge(timeout time.Duration) bool {
	if timeout < 0 {
		<-l.waiting
		return true
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-l.waiting:
		return true
	case <-t.C:
		return false
	}
}

// Pull returns the pull that was asked for.
func (l *Line) Pull() gpio.Pull {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pull
}

// DefaultPull returns PullNoChange: the kernel does not tell.
func (l *Line) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// Out drives the line. The first call takes it as an output that has that level
// from the start.
func (l *Line) Out(level gpio.Level) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.output {
		if err := l.request(output(level), nil); err != nil {
			return err
		}
	} else if err := l.got.set(level); err != nil {
		return fmt.Errorf("line %s: write: %w", l.name, err)
	}
	l.output, l.level = true, level
	return nil
}

// PWM fails: the kernel's GPIO lines have none.
func (l *Line) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("line " + l.name + ": no PWM")
}
