package uplink

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// When a batch is suspected of ending connections or of never being taken, and
// when one observation is found guilty of the first.
const (
	suspectAfter = 2
	putOffAfter  = 3
	guiltyAfter  = 10
)

// patience is how often a suspect is tried in its place where order matters,
// before others overtake it.
const patience = 3

// held is a batch that comes again as it was: it may have arrived, or the city
// did not take it.
//
// A batch that was under way each time when connections ended is a suspect, and
// so is one that is not taken while others are. It is sent alone, and when that
// fails on a connection that is good, it is halved, until an observation stands
// alone. One that ends connections is refused in the city's place, if others
// arrived between one time and the next: one that no city can take must not keep
// all others waiting, and a city that takes none proves nothing.
type held struct {
	batch     agent.Batch
	fails     int    // times that the connection ended
	putOffs   int    // times that it was not taken, and others were since the last
	tries     int    // times that it was sent alone in vain
	published uint64 // how many batches the city had acknowledged the last time
	told      uint64 // and how often notices
}

func (h held) suspect() bool { return h.fails >= suspectAfter }

func (h held) first() uint64 { return h.batch.Observations[0].Seq }

// hold keeps a batch whose outcome is unknown.
func (s *session) hold(h held) {
	if !h.suspect() {
		h.fails++
		h.published, h.told = s.published, s.told
		s.keep(h)
		return
	}
	if !s.worked {
		s.keep(h) // it proves nothing: the connection was never good
		return
	}
	others := s.published > h.published
	h.tries++
	h.published, h.told = s.published, s.told
	switch obs := h.batch.Observations; {
	case len(obs) > 1:
		s.halve(h)
	case !others:
		s.keep(h)
	case h.fails+1 >= guiltyAfter:
		reason := fmt.Sprintf("ended the connection %d times, sent alone", h.fails+1-suspectAfter)
		s.Target.Log.Error("an observation ends the connection each time; it is kept in the ledger", "seq", obs[0].Seq)
		s.Queue.Settle(h.batch, map[uint64]string{obs[0].Seq: reason})
	default:
		h.fails++
		s.keep(h)
	}
}

// putOff keeps a batch that was surely not taken. It is never refused.
func (s *session) putOff(h held, err error) {
	// In order no other is sent until this one is taken: only notices tell.
	others := h.published > 0 && s.published > h.published || s.pace.InOrder && h.told > 0 && s.told > h.told
	alone := h.suspect()
	h.published, h.told = s.published, s.told
	switch {
	case alone && others && len(h.batch.Observations) > 1:
		s.halve(h)
		return
	case alone:
		h.tries++
	case others:
		h.putOffs++
	}
	if h.putOffs >= putOffAfter && !alone {
		h.fails = max(h.fails, suspectAfter)
		s.Target.Log.Warn("the city takes others, but not these observations; they wait", "count", len(h.batch.Observations), "first", h.first(), "err", err)
	}
	s.keep(h)
}

// leaveOut settles what the city has of a batch, and keeps the rest as a suspect.
func (s *session) leaveOut(h held, left *LeftOut) {
	taken := agent.Batch{Epoch: h.batch.Epoch}
	rest := taken
	for _, o := range h.batch.Observations {
		if left.Seqs[o.Seq] {
			rest.Observations = append(rest.Observations, o)
		} else {
			taken.Observations = append(taken.Observations, o)
		}
	}
	if len(taken.Observations) > len(left.Refused) {
		s.took(h)
	}
	s.Queue.Settle(taken, left.Refused)
	if len(rest.Observations) > 0 {
		s.Target.Log.Warn("the city takes others, but not these observations; they wait", "count", len(rest.Observations), "first", rest.Observations[0].Seq, "err", left.Err)
		s.keep(held{batch: rest, fails: suspectAfter, published: s.published, told: s.told})
	}
}

// took notes that the city has taken a batch. Where order matters, one that had been
// overtaken goes before all others that wait like it.
func (s *session) took(h held) {
	s.worked = true
	s.published++
	s.trouble(nil)
	if h.suspect() && s.pace.InOrder {
		for i := range s.held {
			s.held[i].tries = 0
		}
	}
}

// halve keeps the halves of a suspect, which are suspects too.
func (s *session) halve(h held) {
	obs := h.batch.Observations
	for _, part := range [][]agent.Observation{obs[:len(obs)/2], obs[len(obs)/2:]} {
		h := h
		h.batch.Observations, h.fails, h.tries = part, suspectAfter, 0
		s.keep(h)
	}
}

// keep puts a batch in its place among those held.
func (u *Uplink) keep(h held) {
	h.batch.Late = true
	i, _ := slices.BinarySearchFunc(u.held, h, func(x, y held) int { return cmp.Compare(x.first(), y.first()) })
	u.held = slices.Insert(u.held, i, h)
}

// giveBack returns a batch that was not sent to where it came from.
func (s *session) giveBack(h held) {
	if h.fails > 0 || h.putOffs > 0 || h.published > 0 || h.told > 0 {
		s.keep(h)
		return
	}
	s.Queue.Release(h.batch)
}

func (u *Uplink) nextHeld(want func(held) bool) int { return slices.IndexFunc(u.held, want) }

// nextSuspect returns the suspect to try next: in the order of Seqs, but those
// that failed more often later.
func (s *session) nextSuspect() int {
	next := -1
	for i, h := range s.held {
		if h.suspect() && (next < 0 || s.overtaken(h) < s.overtaken(s.held[next])) {
			next = i
		}
	}
	return next
}

// overtaken tells how often others go before a suspect.
func (s *session) overtaken(h held) int {
	if s.pace.InOrder {
		return max(0, h.tries-patience)
	}
	return h.tries
}

func (u *Uplink) takeHeld(i int) held {
	h := u.held[i]
	u.held = slices.Delete(u.held, i, i+1)
	return h
}

// reconcile asks a city that can tell which of the held observations it has.
func (s *session) reconcile(ctx context.Context) error {
	city, ok := s.city.(agent.Reconciler)
	if !ok {
		return nil
	}
	for i := 0; i < len(s.held); {
		h := s.held[i]
		var have []uint64
		err := s.within(ctx, len(h.batch.Observations), func(ctx context.Context) (err error) {
			have, err = city.Reconcile(ctx, h.batch)
			return err
		})
		if err != nil {
			return err
		}
		s.takeHeld(i)
		arrived, missing := agent.Batch{Epoch: h.batch.Epoch}, agent.Batch{Epoch: h.batch.Epoch, Late: true}
		for _, o := range h.batch.Observations {
			if slices.Contains(have, o.Seq) {
				arrived.Observations = append(arrived.Observations, o)
			} else {
				missing.Observations = append(missing.Observations, o)
			}
		}
		s.Queue.Settle(arrived, nil)
		if len(missing.Observations) > 0 {
			h.batch = missing
			s.keep(h)
			i++
		}
	}
	return nil
}
