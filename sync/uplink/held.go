package uplink

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// When a batch is suspected of ending connections, and when one observation is
// found guilty of it.
const (
	suspectAfter = 2
	guiltyAfter  = 10
)

// held is a batch that was sent and may have arrived. The uplink keeps it,
// rather than give it back, so that it is sent again as it was.
//
// A batch that was under way each time when connections ended is a suspect. It
// is sent alone, and when that ends a connection that was good before, it is
// halved, until an observation stands alone and is refused in the city's place:
// one that no city can take must not keep all others waiting.
type held struct {
	batch agent.Batch
	fails int
}

func (h held) suspect() bool { return h.fails >= suspectAfter }

func (h held) first() uint64 { return h.batch.Observations[0].Seq }

// hold keeps a batch whose outcome is unknown.
func (s *session) hold(h held) {
	alone := h.suspect()
	if alone && !s.worked {
		s.keep(h) // it proves nothing: the connection was never good
		return
	}
	h.fails++
	obs := h.batch.Observations
	switch {
	case !alone:
		s.keep(h)
	case len(obs) > 1:
		half := len(obs) / 2
		for _, part := range [][]agent.Observation{obs[:half], obs[half:]} {
			s.keep(held{agent.Batch{Epoch: h.batch.Epoch, Observations: part, Late: true}, suspectAfter})
		}
	case h.fails >= guiltyAfter:
		reason := fmt.Sprintf("ended the connection %d times, sent alone", h.fails-suspectAfter)
		s.Target.Log.Error("an observation ends the connection each time; it is kept in the ledger", "seq", obs[0].Seq)
		s.Queue.Settle(h.batch, map[uint64]string{obs[0].Seq: reason})
	default:
		s.keep(h)
	}
}

// keep puts a batch in its place among those held.
func (u *Uplink) keep(h held) {
	h.batch.Late = true
	i, _ := slices.BinarySearchFunc(u.held, h, func(x, y held) int { return cmp.Compare(x.first(), y.first()) })
	u.held = slices.Insert(u.held, i, h)
}

// giveBack returns a batch that was surely not taken to where it came from.
func (s *session) giveBack(h held) {
	if h.fails > 0 {
		s.keep(h)
		return
	}
	s.Queue.Release(h.batch)
}

func (u *Uplink) nextHeld(want func(held) bool) int { return slices.IndexFunc(u.held, want) }

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
			s.keep(held{missing, h.fails})
			i++
		}
	}
	return nil
}
