package uplink

import (
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// liveSlots is the part of the window that the backlog lane leaves free.
const liveSlots = 2

// othersFirst is how long a session sends all else before suspects.
const othersFirst = 10 * time.Second

// next returns what to send: live first, then alarms that waited, what must be
// sent again, and the backlog. A suspect goes last, or when the others had their time, and alone.
func (s *session) next() (h held, pause time.Duration) {
	suspect := s.nextSuspect()
	inPlace := suspect >= 0 && s.pace.InOrder && s.held[suspect].tries < patience
	if suspect < 0 || !inPlace && time.Since(s.begun) < othersFirst {
		if batch := s.Queue.Live(s.limit); len(batch.Observations) > 0 {
			return held{batch: batch}, 0
		}
		// Alarms that waited wait for nothing more, not for the rate either.
		if batch := s.Queue.Urgent(s.limit); len(batch.Observations) > 0 {
			batch.Late = true
			return held{batch: batch}, 0
		}
		if i := s.nextHeld(func(h held) bool { return !h.suspect() }); i >= 0 {
			return s.takeHeld(i), 0
		}
		if s.inFlight >= max(1, s.pace.Window-liveSlots) {
			return held{}, 0
		}
		if batch, pause := s.backlog(); len(batch.Observations) > 0 || pause > 0 {
			return held{batch: batch}, pause
		}
	}
	if suspect < 0 || s.inFlight > 0 {
		return held{}, 0
	}
	return s.takeHeld(suspect), 0
}

// backlog returns the next batch of the backlog, within the rate.
func (s *session) backlog() (batch agent.Batch, pause time.Duration) {
	limit := s.limit
	if s.Rate > 0 {
		if pause := time.Until(s.backlogAt); pause > 0 {
			return batch, pause
		}
		limit = min(limit, max(1, int(s.Rate)))
	}
	batch = s.Queue.Backlog(limit)
	batch.Late = !s.pace.InOrder
	if s.Rate > 0 {
		s.backlogAt = time.Now().Add(time.Duration(float64(len(batch.Observations)) / s.Rate * float64(time.Second)))
	}
	return batch, 0
}
