package uplink

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
)

// A partialCity does not know the device of every tenth observation.
type partialCity struct {
	fakeCity
	knows bool
}

type partialSession struct {
	*fakeSession
	city *partialCity
	pace agent.Pace
}

func (c *partialCity) dial(pace agent.Pace) Dial {
	return func(ctx context.Context, t Target) (agent.City, error) {
		s, err := c.fakeCity.dial(ctx, t)
		return partialSession{s.(*fakeSession), c, pace}, err
	}
}

func (s partialSession) Pace() agent.Pace { return s.pace }

func (s partialSession) Publish(_ context.Context, b agent.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := make(map[uint64]bool)
	rest := agent.Batch{Epoch: b.Epoch}
	for _, o := range b.Observations {
		if o.Seq%10 == 3 && !s.city.knows {
			left[o.Seq] = true
		} else {
			rest.Observations = append(rest.Observations, o)
		}
	}
	missing := errors.New("no such device")
	switch {
	case len(rest.Observations) == 0:
		return &agent.RetryError{Err: missing}
	case len(left) > 0:
		_ = s.store(rest)
		return &LeftOut{Seqs: left, Err: missing}
	}
	return s.store(rest)
}

// One device that the platform does not know keeps no other waiting, costs no
// connection, and its observations arrive when it is there.
func TestMissingDeviceWaitsAlone(t *testing.T) {
	for name, pace := range map[string]agent.Pace{"lanes": {}, "in order": {InOrder: true}} {
		t.Run(name, func(t *testing.T) {
			queue, city := newQueue(500), new(partialCity)
			u := &Uplink{Queue: queue, Dial: city.dial(pace), Limit: 20}
			run(t, u, func(t *testing.T, log *bytes.Buffer) {
				for range 60 {
					queue.add(10)
					pass(time.Minute)
				}
				assert.Len(t, queue.left(), 110, "those of the device")
				assert.Equal(t, 1, city.dials)
				city.set(func() { city.knows = true })
				pass(30 * time.Minute)
				assert.Empty(t, queue.left())
				assert.Empty(t, queue.aside)
				assert.Len(t, city.seqs(), 1100, "each once")
			})
		})
	}
}
