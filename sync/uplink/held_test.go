package uplink

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
)

// A hangingCity takes notices, and while it hangs no observations.
type hangingCity struct {
	fakeCity
	hangs bool
}

type hangingSession struct {
	*fakeSession
	city *hangingCity
	pace agent.Pace
}

func (c *hangingCity) dial(pace agent.Pace) Dial {
	return func(ctx context.Context, t Target) (agent.City, error) {
		s, err := c.fakeCity.dial(ctx, t)
		return hangingSession{s.(*fakeSession), c, pace}, err
	}
}

func (s hangingSession) Pace() agent.Pace { return s.pace }

func (s hangingSession) Publish(ctx context.Context, b agent.Batch) error {
	s.mu.Lock()
	hangs := s.city.hangs
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.fakeSession.Publish(ctx, b)
}

// A platform whose store hangs for a day takes notices all the same: that proves
// nothing against an observation.
func TestHangingStoreCondemnsNobody(t *testing.T) {
	for name, pace := range map[string]agent.Pace{"lanes": {}, "in order": {InOrder: true}} {
		t.Run(name, func(t *testing.T) {
			queue, city := newQueue(3), &hangingCity{hangs: true}
			u := &Uplink{Queue: queue, Dial: city.dial(pace), Limit: 10}
			run(t, u, func(t *testing.T, _ *bytes.Buffer) {
				for range 24 {
					pass(time.Hour)
					queue.add(1)
				}
				assert.Empty(t, queue.aside, "the platform is at fault")
				city.set(func() { city.hangs = false })
				pass(30 * time.Minute)
				assert.Empty(t, queue.left())
				assert.Empty(t, queue.aside)
			})
		})
	}
}

// Two time-outs of a platform where order matters do not change the order.
func TestSuspectKeepsItsPlaceInOrder(t *testing.T) {
	queue, city := newQueue(30), &hangingCity{hangs: true}
	u := &Uplink{Queue: queue, Dial: city.dial(agent.Pace{InOrder: true}), Limit: 10}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(100 * time.Second) // two time-outs at least
		city.set(func() { city.hangs = false })
		pass(10 * time.Minute)
		assert.Empty(t, queue.left())
		assert.True(t, slices.IsSorted(city.seqs()), "%v", city.seqs())
	})
}

// An observation that is never taken, and surely was not, keeps waiting alone:
// neither those it is in a batch with nor those behind it wait with it.
func TestPutOffObservationWaitsAlone(t *testing.T) {
	for name, pace := range map[string]agent.Pace{"lanes": {}, "in order": {InOrder: true}} {
		t.Run(name, func(t *testing.T) {
			queue, city := newQueue(50), &fakeCity{putOff: 3, latency: 10 * time.Millisecond}
			u := &Uplink{Queue: queue, Dial: dialPaced(city, pace), Limit: 20}
			run(t, u, func(t *testing.T, _ *bytes.Buffer) {
				for range 240 {
					queue.add(1)
					pass(time.Minute)
				}
				assert.Equal(t, []uint64{3}, queue.left())
				assert.Empty(t, queue.aside)
				city.set(func() { city.putOff = 0 })
				pass(5 * time.Minute)
				assert.Empty(t, queue.left())
				assert.Empty(t, queue.aside)
			})
		})
	}
}

// A city that is connected and takes nothing is told to a person, once.
func TestCityThatTakesNothingIsTold(t *testing.T) {
	queue, city := newQueue(5), &fakeCity{retry: time.Second}
	u := &Uplink{Queue: queue, Dial: city.dial}
	run(t, u, func(t *testing.T, log *bytes.Buffer) {
		pass(30 * time.Second)
		city.set(func() { assert.NotContains(t, log.String(), "busy", "that may pass") })
		pass(30 * time.Minute)
		city.set(func() { assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("busy")), log.String()) })
		assert.Equal(t, "busy", u.Status().Err)
		assert.True(t, u.Status().Connected)
		city.set(func() { city.retry = 0 })
		pass(time.Minute)
		assert.Contains(t, log.String(), "takes observations again")
		assert.Empty(t, u.Status().Err)
	})
}

// A slow platform that is asked about each datastream has time for it.
func TestAnnounceOfManyDatastreams(t *testing.T) {
	queue, city := newQueue(1), &slowAnnounce{each: time.Second}
	queue.streams = 60
	run(t, &Uplink{Queue: queue, Dial: city.dial}, func(t *testing.T, _ *bytes.Buffer) {
		pass(10 * time.Minute)
		assert.Empty(t, queue.left())
	})
}

type slowAnnounce struct {
	fakeCity
	each time.Duration
}

type unhurried struct {
	*fakeSession
	each time.Duration
}

func (c *slowAnnounce) dial(ctx context.Context, t Target) (agent.City, error) {
	s, err := c.fakeCity.dial(ctx, t)
	return unhurried{s.(*fakeSession), c.each}, err
}

func (s unhurried) Announce(ctx context.Context, _ agent.Thing, streams []*agent.Datastream, _ []agent.Observation) error {
	select {
	case <-time.After(time.Duration(len(streams)) * s.each):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
