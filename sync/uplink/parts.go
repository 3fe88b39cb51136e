package uplink

import (
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// Parts adds up the outcomes of a batch that is sent in parts, one after the
// other. The zero value has none.
type Parts struct {
	taken   bool
	refused map[uint64]string
}

// Add takes in the outcome of a part, and returns what ends the batch: when a part
// was taken before, never an *agent.RetryError.
func (p *Parts) Add(err error) error {
	var (
		some  *agent.RefusedError
		retry *agent.RetryError
	)
	switch {
	case err == nil:
		p.taken = true
		return nil
	case errors.As(err, &some):
		p.taken = true
		if p.refused == nil {
			p.refused = make(map[uint64]string)
		}
		maps.Copy(p.refused, some.Refused)
		return nil
	case errors.As(err, &retry) && p.taken:
		return errors.New("a part of the batch was taken: " + err.Error())
	}
	return err
}

// Err is the outcome of all parts, when none has ended the batch: nil, or an
// *agent.RefusedError.
func (p *Parts) Err() error {
	if len(p.refused) > 0 {
		return &agent.RefusedError{Refused: p.refused}
	}
	return nil
}

// A LeftOut says that a platform has acknowledged a batch but for some observations,
// which surely were not taken and are not to blame: their device is not there, for
// example. They wait, and keep no other waiting.
type LeftOut struct {
	Seqs    map[uint64]bool
	Refused map[uint64]string // of the others: reason by Seq
	Err     error
}

// Error returns the cause, which is not in the chain.
func (l *LeftOut) Error() string { return "a part of the batch was not taken: " + l.Err.Error() }

// Unsayable returns why no payload can say an observation, or "". Protocols have
// further reasons of their own.
func Unsayable(o *agent.Observation) string {
	switch {
	case o.Datastream == nil:
		return "no datastream"
	case math.IsNaN(o.Value):
		return "the value is not a number"
	case math.IsInf(o.Value, 0):
		return "the value is infinite"
	}
	return ""
}

// Sift parts the observations that a protocol can say from those it never can, of
// which unsayable gives the reason, "" if there is none. Where all can be said the
// result is obs itself.
func Sift(obs []agent.Observation, unsayable func(*agent.Observation) string) (sayable []agent.Observation, refused map[uint64]string) {
	refused = make(map[uint64]string)
	for i := range obs {
		if why := unsayable(&obs[i]); why != "" {
			if len(refused) == 0 {
				sayable = slices.Clone(obs[:i])
			}
			refused[obs[i].Seq] = why
		} else if len(refused) > 0 {
			sayable = append(sayable, obs[i])
		}
	}
	if len(refused) == 0 {
		return obs, refused
	}
	return sayable, refused
}
