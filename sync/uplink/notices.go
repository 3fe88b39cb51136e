package uplink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// noticeLimit is how many notices are sent at a time.
const noticeLimit = 100

// mutedAfter is how many sessions in a row notices may end before the next one
// sends observations first.
const mutedAfter = 3

// greet sends what a session begins with, unless that has ended too many.
func (s *session) greet(ctx context.Context) error {
	if s.muted < mutedAfter {
		return s.notify(ctx, true)
	}
	s.silent = true
	s.beat.Reset(othersFirst)
	return nil
}

// notify sends the notices that wait and, if it is time, a heartbeat. What the
// city refuses waits for the next heartbeat, and keeps no observation waiting.
func (s *session) notify(ctx context.Context, heartbeat bool) error {
	if heartbeat {
		s.silent = false
	}
	for {
		var notices []agent.Notice
		if !s.silent {
			notices = s.Queue.Notices(noticeLimit)
		}
		if heartbeat {
			beat := s.Queue.Heartbeat()
			if s.Describe != nil {
				s.Describe(beat.Heartbeat)
			}
			notices = append(notices, beat)
			s.beat.Reset(s.Heartbeat)
		}
		if len(notices) == 0 {
			return nil
		}
		err := s.within(ctx, 0, func(ctx context.Context) error { return s.city.Notify(ctx, notices) })
		if refused(err) {
			s.Target.Log.Error("the city refuses a notice; it is kept, and observations are sent all the same", "err", err)
			if s.silent || len(notices) == 1 && heartbeat {
				return nil
			}
			s.silent = true
			continue
		}
		if err != nil {
			s.muted++
			return fmt.Errorf("notify: %w", err)
		}
		s.muted = 0
		s.worked = true
		s.told++
		for _, n := range slices.Backward(notices) {
			if n.ID != 0 {
				s.Queue.Notified(n.ID)
				break
			}
		}
		heartbeat = false
	}
}

// refused tells whether a city will never take what it was told.
func refused(err error) bool {
	var (
		permanent *Permanent
		some      *agent.RefusedError
	)
	return errors.As(err, &permanent) || errors.As(err, &some)
}
