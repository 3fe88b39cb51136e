// Package gpioline is one digital line behind periph's gpio interfaces, with
// what they leave out: the kernel's timestamps, its count of every edge, its
// debounce, and outputs that start at the level they are meant to have.
package gpioline

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

// An Event is one edge of a line.
type Event struct {
	// Time is when the kernel saw the edge; a debounced one when it had settled.
	// It carries a monotonic reading, so that a step of the wall clock between
	// the edge and now does not move it.
	Time time.Time

	// Seq counts the edges of the line since Watch, from 1, also those that were
	// lost on the way because too many came at once. It wraps around.
	Seq uint32

	Rising bool
}

// Options say how to watch a line. The zero value watches no edge.
type Options struct {
	Pull     gpio.Pull
	Edge     gpio.Edge
	Debounce time.Duration // 0, or how long a level must last to count
}

// A Pin is a line that can be watched. Its PinIn part serves code that knows
// periph only.
type Pin interface {
	gpio.PinIn

	// Watch makes the line an input and calls handle for each edge, in order and
	// from one goroutine, until the watch is closed. A line has one watch at a time.
	Watch(o Options, handle func(Event)) (Watch, error)
}

// A Watch is a line being watched.
type Watch interface {
	// Level reads the line now.
	Level() (gpio.Level, error)
	// Close lets go of the line. handle is not called after it has returned.
	Close() error
}
