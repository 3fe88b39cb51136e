package uplink

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// paced is a city that says how it is to be sent to.
type paced struct {
	*fakeSession
	pace agent.Pace
}

func (p paced) Pace() agent.Pace { return p.pace }

func dialPaced(c *fakeCity, pace agent.Pace) Dial {
	return func(ctx context.Context, t Target) (agent.City, error) {
		s, err := c.dial(ctx, t)
		if err != nil {
			return nil, err
		}
		return paced{s.(*fakeSession), pace}, nil
	}
}

// Where a late value would spoil the current one, what waited goes before what
// comes, also over a lost connection.
func TestInOrder(t *testing.T) {
	queue, city := newQueue(100), &fakeCity{latency: time.Second}
	u := &Uplink{Queue: queue, Limit: 10, Dial: dialPaced(city, agent.Pace{InOrder: true})}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(2500 * time.Millisecond)
		queue.add(5)
		pass(1500 * time.Millisecond)
		city.lose(false)
		queue.add(5)
		pass(5 * time.Minute)
		assert.Empty(t, queue.left())
		assert.Equal(t, 1, city.peak(), "one batch at a time")
		assert.True(t, slices.IsSorted(city.seqs()), "%v", city.seqs())
		assert.Len(t, city.seqs(), 110)
	})
}

func TestPaceOfTheCity(t *testing.T) {
	queue, city := newQueue(100), &fakeCity{latency: time.Second}
	u := &Uplink{Queue: queue, Limit: 50, Window: 8, Dial: dialPaced(city, agent.Pace{Limit: 5, Window: 3})}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(1500 * time.Millisecond)
		assert.LessOrEqual(t, len(city.seqs()), 3*5)
		pass(2 * time.Minute)
		assert.Empty(t, queue.left())
		assert.LessOrEqual(t, city.peak(), 3)
	})
}

// Alarms that waited go before the rest of the backlog, and whatever the rate.
func TestAlarmsGoFirst(t *testing.T) {
	queue, city := newQueue(1000), &fakeCity{}
	queue.urgent = []uint64{700, 900}
	run(t, &Uplink{Queue: queue, Dial: city.dial, Rate: 1}, func(t *testing.T, _ *bytes.Buffer) {
		pass(500 * time.Millisecond)
		assert.ElementsMatch(t, []uint64{700, 900, 1}, city.seqs(), "the rate lets one of the others go")
	})
}

// What comes late is marked: a platform that shows the newest value must know.
func TestLate(t *testing.T) {
	queue, city := newQueue(20), &lateCity{late: make(map[uint64]bool)}
	run(t, &Uplink{Queue: queue, Limit: 10, Dial: city.dial}, func(t *testing.T, _ *bytes.Buffer) {
		pass(time.Second)
		queue.add(1)
		pass(time.Second)
		city.set(func() {
			for seq := uint64(1); seq <= 20; seq++ {
				assert.True(t, city.late[seq], "%d waited", seq)
			}
			assert.False(t, city.late[21], "live")
		})
	})
}

type lateCity struct {
	fakeCity
	late map[uint64]bool
}

type lateSession struct {
	*fakeSession
	city *lateCity
}

func (c *lateCity) dial(ctx context.Context, t Target) (agent.City, error) {
	s, err := c.fakeCity.dial(ctx, t)
	return lateSession{s.(*fakeSession), c}, err
}

func (s lateSession) Publish(ctx context.Context, b agent.Batch) error {
	s.set(func() {
		for _, o := range b.Observations {
			s.city.late[o.Seq] = b.Late
		}
	})
	return s.fakeSession.Publish(ctx, b)
}

// A platform that is too slow for large batches gets smaller ones, and larger
// ones again when it keeps up.
func TestBatchesFitTheCity(t *testing.T) {
	queue, city := newQueue(4000), &slowCity{per: 50 * time.Millisecond}
	u := &Uplink{Queue: queue, Limit: 1000, Window: 1, Timeout: 5 * time.Second, Dial: city.dial}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(30 * time.Minute)
		assert.Empty(t, queue.left(), "a batch of 1000 takes 50 s and has 25 s")
		city.set(func() { city.per, city.sizes = 0, nil })
		queue.add(8000)
		pass(time.Minute)
		assert.Empty(t, queue.left())
		city.set(func() { assert.Contains(t, city.sizes, 1000) })
	})
}

type slowCity struct {
	fakeCity
	per   time.Duration
	sizes []int
}

type slowSession struct {
	*fakeSession
	city *slowCity
}

func (c *slowCity) dial(ctx context.Context, t Target) (agent.City, error) {
	s, err := c.fakeCity.dial(ctx, t)
	return slowSession{s.(*fakeSession), c}, err
}

func (s slowSession) Publish(ctx context.Context, b agent.Batch) error {
	var takes time.Duration
	s.set(func() {
		s.city.sizes = append(s.city.sizes, len(b.Observations))
		takes = time.Duration(len(b.Observations)) * s.city.per
	})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(takes):
	}
	return s.fakeSession.Publish(ctx, b)
}

func TestBisect(t *testing.T) {
	obs := make([]agent.Observation, 100)
	for i := range obs {
		obs[i].Seq = uint64(i + 1)
	}
	bad := map[uint64]bool{7: true, 50: true, 51: true}
	var stored []uint64
	send := func(part []agent.Observation) error {
		for _, o := range part {
			if bad[o.Seq] {
				return &Permanent{errors.New("no such thing")}
			}
		}
		for _, o := range part {
			stored = append(stored, o.Seq)
		}
		return nil
	}
	err := Bisect(obs, send)
	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, map[uint64]string{7: "no such thing", 50: "no such thing", 51: "no such thing"}, refused.Refused)
	assert.Len(t, stored, 97)

	stored = nil
	clear(bad)
	require.NoError(t, Bisect(obs, send))
	assert.Len(t, stored, 100)
}

// After a part was taken, nothing says any more that surely none was.
func TestBisectThatIsInterrupted(t *testing.T) {
	obs := []agent.Observation{{Seq: 1}, {Seq: 2}, {Seq: 3}, {Seq: 4}}
	busy := &agent.RetryError{Err: errors.New("busy"), After: time.Minute}
	var retry *agent.RetryError
	require.ErrorAs(t, Bisect(obs, func([]agent.Observation) error { return busy }), &retry)
	assert.Equal(t, time.Minute, retry.After)
	err := Bisect(obs, func(part []agent.Observation) error {
		switch {
		case len(part) == 4:
			return &Permanent{errors.New("no")}
		case part[0].Seq == 1:
			return nil
		}
		return busy
	})
	require.Error(t, err)
	assert.NotErrorAs(t, err, &retry)
	assert.ErrorContains(t, err, "busy")
	err = Bisect(obs, func([]agent.Observation) error { return &agent.RefusedError{Refused: map[uint64]string{2: "bad"}} })
	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, map[uint64]string{2: "bad"}, refused.Refused)
}

// What surely was not taken is never refused, whatever was the cause: a Datastream
// or a device that cannot be made is no fault of an observation.
func TestBisectRefusesNothingThatWasNotTaken(t *testing.T) {
	cause := &Permanent{errors.New("device: status 400")}
	err := Bisect([]agent.Observation{{Seq: 1}, {Seq: 2}}, func([]agent.Observation) error { return &agent.RetryError{Err: cause} })
	var (
		retry   *agent.RetryError
		refused *agent.RefusedError
	)
	assert.ErrorAs(t, err, &retry)
	assert.False(t, errors.As(err, &refused))
}
