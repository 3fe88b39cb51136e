// Package agenttest checks that implementations of the agent's interfaces keep
// what those promise.
package agenttest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Platform is a city platform under a test's control.
type Platform struct {
	// Dial connects to it.
	Dial func(ctx context.Context, thing agent.Thing) (agent.City, error)

	// Received returns the Seqs it has of an epoch, each once.
	Received func(epoch agent.Epoch) []uint64

	// Away takes it off the network, with all its connections; Back brings it
	// back.
	Away, Back func() error
}

// thing and air are what the suite sends.
var (
	thing = agent.Thing{ID: "lamp-042", Name: "Lamp post 42", Location: []float64{6.6323, 46.5197}}
	air   = &agent.Datastream{
		ID: 1, Name: "roof-air/airTemperature", Sensor: "roof-air", Driver: "sht4x",
		Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry, Thing: "lamp-042",
	}
)

// Noon is the time before the first observation of an epoch: a platform that
// keeps no keys tells epochs by it. Observation n is n seconds later, and its
// value is n/4.
func Noon(epoch agent.Epoch) time.Time {
	return time.Date(2026, 6, int(epoch), 12, 0, 0, 0, time.UTC)
}

// batch returns the observations from to to of an epoch.
func batch(epoch agent.Epoch, from, to uint64) agent.Batch {
	b := agent.Batch{Epoch: epoch}
	noon := Noon(epoch)
	for s := from; s <= to; s++ {
		b.Observations = append(b.Observations, agent.Observation{
			Seq: s, Datastream: air, Time: noon.Add(time.Duration(s) * time.Second), Value: float64(s) / 4,
		})
	}
	return b
}

func numbers(from, to uint64) (all []uint64) {
	for ; from <= to; from++ {
		all = append(all, from)
	}
	return all
}

// City checks a protocol against the contract of agent.City, on a platform that
// open starts and ends with the test.
func City(t *testing.T, open func(t *testing.T) Platform) {
	for name, check := range map[string]func(*testing.T, Platform){
		"AcknowledgedIsThere": acknowledgedIsThere,
		"SeveralAtATime":      severalAtATime,
		"SameKeysAgain":       sameKeysAgain,
		"Nonsense":            nonsense,
		"Away":                away,
		"Closed":              closed,
		"Canceled":            canceled,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func dial(t *testing.T, p Platform) agent.City {
	t.Helper()
	c, err := p.Dial(t.Context(), thing)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil))
	return c
}

func acknowledgedIsThere(t *testing.T, p Platform) {
	c := dial(t, p)
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil), "twice changes nothing")
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 2500)))
	assert.Equal(t, numbers(1, 2500), p.Received(1), "what is acknowledged is there, once")
	require.NoError(t, c.Publish(t.Context(), batch(2, 1, 3)))
	assert.Equal(t, numbers(1, 3), p.Received(2), "epochs are kept apart")
	now := time.Now().UTC()
	require.NoError(t, c.Notify(t.Context(), []agent.Notice{
		{ID: 1, Kind: agent.NoticeWindow, Time: now, Epoch: 1, From: 2501, To: 2600, Cause: "unclean stop"},
		{Kind: agent.NoticeHeartbeat, Time: now, Epoch: 1, Heartbeat: &agent.Heartbeat{AcceptedTo: 2500, Since: 1}},
	}))
	require.NoError(t, c.Publish(t.Context(), agent.Batch{Epoch: 1}), "nothing is nothing")
}

func severalAtATime(t *testing.T, p Platform) {
	c := dial(t, p)
	var wg sync.WaitGroup
	for i := range uint64(16) {
		wg.Go(func() { assert.NoError(t, c.Publish(t.Context(), batch(1, 100*i+1, 100*i+100))) })
	}
	wg.Wait()
	assert.Equal(t, numbers(1, 1600), p.Received(1))
}

func sameKeysAgain(t *testing.T, p Platform) {
	c := dial(t, p)
	for range 2 {
		require.NoError(t, c.Publish(t.Context(), batch(1, 1, 10)))
	}
	assert.Equal(t, numbers(1, 10), p.Received(1), "the same keys are the same observations")
}

func nonsense(t *testing.T, p Platform) {
	c := dial(t, p)
	b := batch(1, 1, 3)
	b.Observations[1].Value = math.NaN()
	err := c.Publish(t.Context(), b)
	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused, "no payload can say it")
	assert.Len(t, refused.Refused, 1)
	assert.NotEmpty(t, refused.Refused[2])
	assert.Equal(t, []uint64{1, 3}, p.Received(1), "the others are there")
}

// away checks that no outcome lies while the platform goes away in mid-batch.
func away(t *testing.T, p Platform) {
	c := dial(t, p)
	errs := make([]error, 200)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if i == 100 {
				assert.NoError(t, p.Away())
			}
			errs[i] = c.Publish(t.Context(), batch(1, uint64(i)+1, uint64(i)+1))
		})
	}
	wg.Wait()
	if lost := c.Lost(); lost != nil {
		select {
		case <-lost:
		case <-time.After(10 * time.Second):
			t.Error("the loss is noticed")
		}
	}
	assert.Error(t, c.Publish(t.Context(), batch(1, 1000, 1000)), "nobody is there")
	require.NoError(t, p.Back())
	there := make(map[uint64]bool)
	for _, s := range p.Received(1) {
		there[s] = true
	}
	for i, err := range errs {
		var retry *agent.RetryError
		seq := uint64(i) + 1
		switch {
		case err == nil:
			assert.Truef(t, there[seq], "%d is acknowledged and not there", seq)
		case errors.As(err, &retry):
			assert.Falsef(t, there[seq], "%d was surely not taken and is there", seq)
		}
	}
	again := dial(t, p)
	assert.NoError(t, again.Publish(t.Context(), batch(1, 1, 200)), "a new connection works")
	assert.Equal(t, numbers(1, 200), p.Received(1))
}

func closed(t *testing.T, p Platform) {
	c := dial(t, p)
	require.NoError(t, c.Close())
	assert.Error(t, c.Publish(t.Context(), batch(1, 1, 1)))
	assert.Empty(t, p.Received(1))
}

func canceled(t *testing.T, p Platform) {
	c := dial(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	err := c.Publish(ctx, batch(1, 1, 1))
	assert.Less(t, time.Since(begun), 5*time.Second, "gives up when its context does")
	if err == nil {
		assert.Equal(t, numbers(1, 1), p.Received(1))
	}
	_, err = p.Dial(ctx, thing)
	assert.Error(t, err, fmt.Sprintf("dials for nobody: %v", err))
}
