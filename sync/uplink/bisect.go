package uplink

import (
	"errors"

	"github.com/lamppost-city/lamppost/agent"
)

// A Permanent error says that a platform will never take what it was sent, as a
// whole. Whether one observation is guilty or all are, only sending parts tells.
type Permanent struct{ Err error }

// Error returns the cause.
func (p *Permanent) Error() string { return p.Err.Error() }

// Unwrap returns the cause.
func (p *Permanent) Unwrap() error { return p.Err }

// Bisect sends observations, and in halves again when that ends with a
// *Permanent, until each that will never be taken stands alone. It returns nil,
// an *agent.RefusedError with those, or any other error of send: after a part was
// taken, never an *agent.RetryError.
func Bisect(obs []agent.Observation, send func([]agent.Observation) error) error {
	all := len(obs)
	refused := make(map[uint64]string)
	taken := false
	var halve func([]agent.Observation) error
	halve = func(obs []agent.Observation) error {
		err := send(obs)
		var (
			permanent *Permanent
			some      *agent.RefusedError
			retry     *agent.RetryError
			left      *LeftOut
		)
		switch {
		case err == nil:
			taken = true
		case errors.As(err, &left) && len(obs) < all:
			return errors.New(err.Error()) // of the rest nothing is known
		case errors.As(err, &retry):
			return err // whatever it wraps: what came before the observations is no fault of theirs
		case errors.As(err, &some):
			taken = true
			for seq, reason := range some.Refused {
				refused[seq] = reason
			}
		case !errors.As(err, &permanent):
			return err
		case len(obs) == 1:
			refused[obs[0].Seq] = err.Error()
		default:
			if err := halve(obs[:len(obs)/2]); err != nil {
				return err
			}
			return halve(obs[len(obs)/2:])
		}
		return nil
	}
	err := halve(obs)
	var retry *agent.RetryError
	switch {
	case err == nil && len(refused) > 0:
		return &agent.RefusedError{Refused: refused}
	case errors.As(err, &retry) && (taken || len(refused) > 0):
		return errors.New("a part of the batch was sent: " + err.Error())
	}
	return err
}
