// Package uplink carries observations from the buffer to a city platform until
// the city has acknowledged every one.
//
// What is recorded while the city is connected goes first (the live lane), what
// waited goes beside it, oldest first (the backlog lane). Several batches are
// under way at a time. Sending changes nothing in the buffer; only an
// acknowledgement does.
package uplink

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// A Queue is what the uplink needs of the buffer: what one city lacks.
type Queue interface {
	// Connected says that a session begins: what comes from now on is live, or,
	// if lanes is false, all is backlog.
	Connected(lanes bool)

	// Live and Backlog hand out up to limit observations that the city lacks, in
	// Seq order, or none. They stay handed out until Settle or Release.
	Live(limit int) agent.Batch
	Backlog(limit int) agent.Batch

	// Urgent likewise hands out what has an alarm, of any lane.
	Urgent(limit int) agent.Batch

	// Settle says that the city has the batch, except for those it will never
	// take, which are given with their reasons by Seq.
	Settle(batch agent.Batch, refused map[uint64]string)

	// Release gives a batch back to the backlog lane.
	Release(batch agent.Batch)

	// Streams returns the datastreams that the city may hear of.
	Streams() []*agent.Datastream

	// Latest returns the newest observation of each datastream that has one in
	// this run, whoever has it.
	Latest() []agent.Observation

	// Notices returns up to limit notices the city has not got, oldest first;
	// Notified says that it has all up to an id.
	Notices(limit int) []agent.Notice
	Notified(id uint64)

	// Heartbeat returns how the books stand.
	Heartbeat() agent.Notice

	// Grown receives a value after any of the above may give more.
	Grown() <-chan struct{}
}

// Uplink is the configuration of an uplink to one city, and runs it. Queue,
// Dial and Target.Log are required; zero numbers stand for the defaults named.
type Uplink struct {
	Queue  Queue
	Dial   Dial
	Target Target

	// Describe adds to a heartbeat what the buffer does not know. May be nil.
	Describe func(*agent.Heartbeat)

	Limit     int           // observations in a batch: 1000
	Window    int           // batches under way: 16
	Rate      float64       // backlog observations a second; 0 is without bound
	Timeout   time.Duration // for one Dial, Announce, Publish or Notify, and 20 ms for each observation: 30 s
	MinDelay  time.Duration // before the first retry, at most; doubles: 1 s
	MaxDelay  time.Duration // before any retry, at most: 60 s
	Heartbeat time.Duration // between two heartbeats: 5 min

	mu     sync.Mutex
	status Status

	limit     int    // observations in a batch: fewer after time-outs
	held      []held // batches that come again as they were, in the order of their Seqs
	published uint64 // batches that the city has acknowledged
	told      uint64 // times that it has acknowledged notices
	muted     int    // sessions in a row that ended with notices
	patient   patient
}

// Status is how an uplink is doing.
type Status struct {
	Connected bool
	Since     time.Time // of the connection or of its loss
	Err       string    // why there is none, or why it takes nothing for now
	Alive     time.Time // when the uplink last did or waited for something
}

// Status returns how the uplink is doing.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

func (u *Uplink) alive() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status.Alive = time.Now()
}

// connected notes and logs the change, if it is one.
func (u *Uplink) connected(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.status
	switch {
	case err == nil && !s.Connected:
		attrs := []any{}
		if !s.Since.IsZero() {
			attrs = append(attrs, "outage", time.Since(s.Since).Round(time.Second))
		}
		u.Target.Log.Info("city connected", attrs...)
	case err != nil && (s.Connected || s.Err == ""):
		u.Target.Log.Warn("city unreachable; observations are kept", "err", err)
	case err != nil && s.Err != err.Error():
		u.Target.Log.Warn("city still unreachable", "err", err)
	}
	if s.Since.IsZero() || s.Connected != (err == nil) {
		s.Since = time.Now()
	}
	s.Connected, s.Err = err == nil, ""
	if err != nil {
		s.Err = err.Error()
	}
}

func (u *Uplink) defaults() {
	set(&u.Limit, 1000)
	set(&u.Window, 16)
	set(&u.Timeout, 30*time.Second)
	set(&u.MinDelay, time.Second)
	set(&u.MaxDelay, 60*time.Second)
	set(&u.Heartbeat, 5*time.Minute)
}

func set[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

// Run carries observations until ctx is done. A city that cannot be reached is
// no failure: that is what the buffer is for.
func (u *Uplink) Run(ctx context.Context) {
	u.defaults()
	delay := u.MinDelay
	for ctx.Err() == nil {
		begun := time.Now()
		err := u.session(ctx)
		if ctx.Err() != nil {
			return
		}
		u.connected(err)
		if time.Since(begun) >= u.MaxDelay {
			delay = u.MinDelay
		}
		// All of the delay is random, so that the gateways of a city do not
		// return at once after an outage.
		u.rest(ctx, rand.N(delay)+time.Millisecond)
		delay = min(2*delay, u.MaxDelay)
	}
}

// rest waits, and says all the while that it lives.
func (u *Uplink) rest(ctx context.Context, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		u.alive()
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

// perObservation is what a batch has more time for each of its observations: a
// FIWARE platform takes 11 ms, a SensorThings one 2 ms.
const perObservation = 20 * time.Millisecond

// within calls f with the uplink's timeout for a number of observations.
func (u *Uplink) within(ctx context.Context, observations int, f func(context.Context) error) error {
	u.alive()
	ctx, cancel := context.WithTimeout(ctx, u.Timeout+time.Duration(observations)*perObservation)
	defer cancel()
	return f(ctx)
}
