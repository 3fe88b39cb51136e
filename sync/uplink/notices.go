package uplink

import (
	"context"
	"fmt"
	"slices"
)

// noticeLimit is how many notices are sent at a time.
const noticeLimit = 100

// notify sends the notices that wait and, if it is time, a heartbeat.
func (s *session) notify(ctx context.Context, heartbeat bool) error {
	for {
		notices := s.Queue.Notices(noticeLimit)
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
		if err != nil {
			return fmt.Errorf("notify: %w", err)
		}
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
