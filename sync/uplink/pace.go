package uplink

import (
	"context"
	"errors"

	"github.com/lamppost-city/lamppost/agent"
)

// setPace settles how the city is sent to.
func (s *session) setPace() {
	s.pace = agent.Pace{Limit: s.Limit, Window: s.Window}
	if city, ok := s.city.(agent.Pacer); ok {
		p := city.Pace()
		if p.Limit > 0 {
			s.pace.Limit = min(s.pace.Limit, p.Limit)
		}
		if p.Window > 0 {
			s.pace.Window = min(s.pace.Window, p.Window)
		}
		if s.pace.InOrder = p.InOrder; p.InOrder {
			s.pace.Window = 1
		}
	}
	if s.limit == 0 || s.limit > s.pace.Limit {
		s.limit = s.pace.Limit
	}
}

// smallest is how small batches get after time-outs.
const smallest = 10

// learn makes batches smaller after a time-out, by half, and larger after a
// success, by a quarter.
func (s *session) learn(err error) {
	switch {
	case err == nil:
		s.limit = min(s.limit+s.limit/4+1, s.pace.Limit)
	case errors.Is(err, context.DeadlineExceeded):
		s.limit = max(s.limit/2, min(smallest, s.pace.Limit))
	}
}
