package uplink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// pulse is how often an idle session shows that it lives.
const pulse = 5 * time.Second

// partingTime is how long a session that is told to stop waits for
// acknowledgements.
const partingTime = 2 * time.Second

// A session is one connection.
type session struct {
	*Uplink
	city      agent.City
	pace      agent.Pace
	begun     time.Time // from then on the others have their time before suspects
	announced map[uint32]bool
	results   chan result
	inFlight  int
	suspect   bool      // what is in flight is a suspect, alone
	worked    bool      // the city has acknowledged something: the connection is good
	silent    bool      // notices wait for the next heartbeat
	notBefore time.Time // the city asked for a pause
	backlogAt time.Time // when the rate allows more backlog
	beat      *time.Timer
}

type result struct {
	held
	err error
}

// session connects and publishes until something fails or ctx is done.
func (u *Uplink) session(ctx context.Context) error {
	s := &session{Uplink: u, begun: time.Now(), announced: make(map[uint32]bool), results: make(chan result, u.Window)}
	err := u.within(ctx, 0, func(ctx context.Context) (err error) {
		s.city, err = u.Dial(ctx, u.Target)
		return err
	})
	if err != nil {
		return err
	}
	err = s.open(ctx)
	if err == nil {
		err = s.serve(ctx)
	}
	if err == nil { // told to stop
		s.part(ctx)
	}
	if closing := s.city.Close(); err == nil {
		err = closing
	}
	for s.inFlight > 0 {
		s.finish(<-s.results) // Close ended those that were under way
	}
	return err
}

// open does what every connection begins with.
func (s *session) open(ctx context.Context) error {
	if err := s.announce(ctx); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	s.setPace()
	if err := s.reconcile(ctx); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	s.Queue.Connected(!s.pace.InOrder)
	s.beat = time.NewTimer(s.Heartbeat)
	if err := s.greet(ctx); err != nil {
		return err
	}
	s.connected(nil)
	return nil
}

// perStream is how many observations a datastream is worth when it is announced:
// platforms are asked about each. All of them have less time than it takes to
// call the uplink stalled.
const (
	perStream      = 50
	mostForStreams = 2500
)

func (s *session) announce(ctx context.Context) error {
	streams := s.Queue.Streams()
	err := s.within(ctx, min(len(streams)*perStream, mostForStreams), func(ctx context.Context) error {
		return s.city.Announce(ctx, s.Target.Thing, streams, s.Queue.Latest())
	})
	for _, ds := range streams {
		s.announced[ds.ID] = true
	}
	return err
}

// serve sends until something fails, or returns nil when ctx is done.
func (s *session) serve(ctx context.Context) error {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		s.alive()
		pause, err := s.send(ctx)
		if err != nil {
			return err
		}
		if pause > 0 {
			wait.Reset(pause)
		}
		heartbeat := false
		select {
		case <-ctx.Done():
			return nil
		case <-s.city.Lost():
			return errors.New("the connection was lost")
		case r := <-s.results:
			if err := s.finish(r); err != nil {
				return err
			}
			continue
		case <-s.Queue.Grown():
		case <-s.beat.C:
			heartbeat = true
		case <-wait.C:
			continue
		case <-tick.C:
			continue
		}
		if err := s.notify(ctx, heartbeat); err != nil {
			return err
		}
	}
}

// send starts as many batches as there are and the window allows. If it must
// wait for a time to come it says how long.
func (s *session) send(ctx context.Context) (pause time.Duration, err error) {
	if pause := time.Until(s.notBefore); pause > 0 {
		return pause, nil
	}
	for s.inFlight < s.pace.Window && !s.suspect && ctx.Err() == nil {
		next, pause := s.next()
		if len(next.batch.Observations) == 0 {
			return pause, nil
		}
		if slices.ContainsFunc(next.batch.Observations, func(o agent.Observation) bool { return !s.announced[o.Datastream.ID] }) {
			if err := s.announce(ctx); err != nil {
				s.giveBack(next)
				return 0, fmt.Errorf("announce: %w", err)
			}
		}
		s.inFlight++
		s.suspect = next.suspect()
		go func() {
			// Not ended by ctx: who stops waits for the acknowledgement a little.
			err := s.within(context.WithoutCancel(ctx), len(next.batch.Observations), func(ctx context.Context) error {
				return s.city.Publish(ctx, next.batch)
			})
			s.results <- result{next, err}
		}()
	}
	return 0, nil
}

// finish draws the consequences of one outcome. Its error ends the session.
func (s *session) finish(r result) error {
	s.inFlight--
	s.learn(r.err)
	if r.suspect() {
		s.suspect = false
	}
	var refused *agent.RefusedError
	var retry *agent.RetryError
	var left *LeftOut
	switch {
	case errors.As(r.err, &left):
		s.leaveOut(r.held, left)
	case r.err == nil:
		s.took(r.held)
		s.Queue.Settle(r.batch, nil)
	case errors.As(r.err, &refused):
		s.Target.Log.Error("the city refuses observations; they are kept in the ledger", "count", len(refused.Refused), "err", r.err)
		if len(refused.Refused) < len(r.batch.Observations) {
			s.took(r.held)
		}
		s.Queue.Settle(r.batch, refused.Refused)
	case errors.As(r.err, &retry):
		s.trouble(r.err)
		s.putOff(r.held, r.err)
		if r.suspect() {
			s.begun = time.Now() // the others have their time again
		}
		s.notBefore = time.Now().Add(max(retry.After, s.MinDelay))
		if s.city.Lost() != nil {
			select {
			case <-s.city.Lost():
				return r.err
			default:
			}
		}
	default:
		s.hold(r.held)
		return fmt.Errorf("publish: %w", r.err)
	}
	return nil
}

// part waits a little for what is under way, and tells how the books stand at
// the end.
func (s *session) part(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
	defer cancel()
	for s.inFlight > 0 {
		select {
		case r := <-s.results:
			if s.finish(r) != nil {
				return // the connection is of no use
			}
		case <-ctx.Done():
			return
		}
	}
	_ = s.notify(ctx, true) // what is not told now is told at the next start
}
