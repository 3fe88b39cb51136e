package agent

import (
	"context"
	"errors"
	"time"
)

// A Sensor is one configured part.
//
// The agent calls a sensor's methods from one goroutine at a time, so a driver
// needs no locks for its own state. Buses are shared and lock themselves.
type Sensor interface {
	// Observe takes one reading and appends to into one result for each thing it
	// could read. It returns what it has even when err is not nil, and never a
	// made-up value in place of one it could not read. It gives up when ctx is
	// done. The first call initialises the part, and so does the call after any
	// error.
	Observe(ctx context.Context, into []Result) ([]Result, error)

	// Close puts the part to rest. The sensor is not used afterwards.
	Close() error
}

// A Waker is a Sensor that knows when there is something to observe, such as a
// door contact. The agent observes it when its interval has passed or when a
// value arrives on Wake, whichever is first.
type Waker interface {
	Sensor
	Wake() <-chan struct{}
}

// A Resumer is a Sensor whose counts go on over restarts. The agent calls
// Resume once, before the first Observe, with the last recorded total of each
// of its Count properties.
type Resumer interface {
	Sensor
	Resume(property Property, total float64)
}

// A Processor makes of what a sensor says what is recorded. It is called from
// one goroutine at a time.
type Processor interface {
	// Process changes the results of one reading, which have their times, in
	// place and returns those that are recorded.
	Process(rs []Result) []Result

	// Flush appends what it holds back, when the sensor is read no more.
	Flush(rs []Result) []Result
}

// A Result is a value from a sensor, before it has a Seq.
type Result struct {
	Property Property
	Value    float64
	Quality  Quality

	// Time is when the value was true, if the sensor knows better than the
	// agent, which otherwise takes the moment Observe was called. It keeps its
	// monotonic reading, so that a step of the wall clock does not move it.
	Time time.Time

	// Span is 0, or the window that Value sums up.
	Span time.Duration
}

// ErrAbsent is in the chain of an error that says that nothing answers where
// the part should be. The sensor's state is then absent and not failing.
var ErrAbsent = errors.New("nothing answers")
