package thingsboard_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/thingsboard"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A queue is a buffer with observations that wait.
type queue struct {
	mu      sync.Mutex
	waiting []agent.Observation
	settled int
	refused map[uint64]string
	grown   chan struct{}
}

func (q *queue) Connected(bool)       {}
func (q *queue) Live(int) agent.Batch { return agent.Batch{} }
func (q *queue) Backlog(limit int) agent.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.waiting))
	b := of(1, slices.Clone(q.waiting[:n])...)
	q.waiting = q.waiting[n:]
	return b
}

func (q *queue) Settle(b agent.Batch, refused map[uint64]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settled += len(b.Observations)
	for seq, why := range refused {
		q.refused[seq] = why
	}
}

func (q *queue) Release(b agent.Batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(slices.Clone(b.Observations), q.waiting...)
}
func (q *queue) Streams() []*agent.Datastream { return []*agent.Datastream{air} }
func (q *queue) Latest() []agent.Observation  { return nil }
func (q *queue) Notices(int) []agent.Notice   { return nil }
func (q *queue) Notified(uint64)              {}
func (q *queue) Heartbeat() agent.Notice {
	return agent.Notice{Kind: agent.NoticeHeartbeat, Epoch: 1, Time: time.Now(), Heartbeat: &agent.Heartbeat{Since: 1, AcceptedTo: 50}}
}
func (q *queue) Grown() <-chan struct{} { return q.grown }

func (q *queue) add(obs ...agent.Observation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, obs...)
	select {
	case q.grown <- struct{}{}:
	default:
	}
}

func (q *queue) found(seq uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refused[seq] != ""
}

func (q *queue) done() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.settled
}

// An observation that ThingsBoard ends the connection for, each time, is found and
// put aside; all others arrive.
func TestSameBatchClosesTheConnectionTwice(t *testing.T) {
	b := newBench(t, "")
	b.Set(func(f *double.Faults) {
		f.Poison = func(_ string, values map[string]double.Value) bool { return string(values["seq"]) == "37" }
	})
	p, err := b.configured()
	require.NoError(t, err)
	q := &queue{waiting: batch(1, 1, 50).Observations, refused: map[uint64]string{}, grown: make(chan struct{}, 1)}
	u := &uplink.Uplink{
		Queue: q, Dial: p.Dial, MinDelay: time.Millisecond, MaxDelay: 2 * time.Millisecond,
		Target: uplink.Target{Thing: thing, Ack: agent.AckQueued, Log: slog.New(slog.DiscardHandler)},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { u.Run(ctx) })

	last := uint64(50) // others arrive all the while: that is what proves it guilty
	require.Eventually(t, func() bool {
		if q.done() == int(last)-1 && !q.found(37) {
			last++
			q.add(batch(1, last, last).Observations...)
		}
		return q.done() == int(last)
	}, 30*time.Second, time.Millisecond)

	cancel()
	wg.Wait()
	require.Len(t, q.refused, 1)
	assert.Contains(t, q.refused[37], "ended the connection")
	assert.Len(t, b.received(1), int(last)-1)
	assert.NotContains(t, b.received(1), uint64(37))
}

func (q *queue) Urgent(int) agent.Batch { return agent.Batch{} }
