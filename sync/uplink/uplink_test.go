package uplink

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run runs an uplink in a bubble until the test function ends.
func run(t *testing.T, u *Uplink, test func(t *testing.T, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		u.Target.Log = slog.New(slog.NewTextHandler(&log, nil))
		u.Queue.(*fakeQueue).grown = make(chan struct{}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { u.Run(ctx) })
		test(t, &log)
		cancel()
		wg.Wait()
	})
}

// pass lets time pass, and all that happens in it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRunSurvivesOutage(t *testing.T) {
	queue, city := newQueue(100), &fakeCity{down: true, refuse: map[uint64]string{42: "too old"}}
	u := &Uplink{Queue: queue, Dial: city.dial, Limit: 7}
	run(t, u, func(t *testing.T, log *bytes.Buffer) {
		pass(24 * time.Hour)
		assert.Empty(t, city.stored, "nothing arrives while the city is down")
		assert.InDelta(t, 24*60*2, city.dials, 200, "an attempt every 0 to 60 s, for a day")

		city.set(func() { city.down = false })
		pass(2 * time.Minute)
		queue.add(1)
		pass(time.Second)

		require.Len(t, city.stored, 100)
		assert.Equal(t, []uint64{42}, queue.aside, "the refused one is kept for people")
		assert.Empty(t, queue.left())
		assert.Equal(t, 3, strings.Count(log.String(), "\n"), "lost, back, refused: a day of outage is three lines:\n%s", log)
	})
}

func TestLiveGoesFirst(t *testing.T) {
	queue, city := newQueue(1000), &fakeCity{latency: time.Second}
	u := &Uplink{Queue: queue, Dial: city.dial, Limit: 10, Window: 4}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(5500 * time.Millisecond)
		queue.add(1)
		pass(1100 * time.Millisecond)
		assert.Contains(t, city.seqs(), uint64(1001), "a second after it came, though backlog is left")
		assert.NotEmpty(t, queue.left())
		assert.LessOrEqual(t, city.peak(), 4, "the window")
		pass(2 * time.Minute)
		assert.Empty(t, queue.left())
		assert.Len(t, city.seqs(), 1001)
	})
}

func TestUnknownOutcomeIsSentAgainAsItWas(t *testing.T) {
	queue, city := newQueue(50), &fakeCity{latency: time.Second}
	u := &Uplink{Queue: queue, Dial: city.dial, Limit: 10}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(1500 * time.Millisecond)
		queue.add(20)
		pass(500 * time.Millisecond)
		city.lose(true) // taken, and the answer lost
		pass(5 * time.Minute)
		assert.Empty(t, queue.left())
		counts := make(map[uint64]int)
		for _, s := range city.stored {
			counts[s]++
		}
		assert.Len(t, counts, 70)
		assert.Len(t, city.stored, 90, "what was under way comes twice, nothing else")
	})
}

func TestReconcilerAsksFirst(t *testing.T) {
	queue, city := newQueue(20), &fakeCity{latency: time.Second}
	u := &Uplink{Queue: queue, Limit: 10, Dial: func(ctx context.Context, target Target) (agent.City, error) {
		c, err := city.dial(ctx, target)
		if err != nil {
			return nil, err
		}
		return reconciler{c.(*fakeSession)}, nil
	}}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(500 * time.Millisecond)
		city.lose(true)
		pass(5 * time.Minute)
		assert.Empty(t, queue.left())
		assert.Len(t, city.stored, 20, "no duplicate")
	})
}

func TestRetryAfter(t *testing.T) {
	queue, city := newQueue(5), &fakeCity{retry: time.Hour}
	run(t, &Uplink{Queue: queue, Dial: city.dial}, func(t *testing.T, log *bytes.Buffer) {
		pass(59 * time.Minute)
		city.set(func() { city.retry = 0 })
		assert.Empty(t, city.seqs(), "waits as told")
		pass(2 * time.Minute)
		assert.Len(t, city.seqs(), 5)
		assert.Equal(t, 1, city.dials, "the connection is kept")
	})
}

func TestPoison(t *testing.T) {
	queue, city := newQueue(500), &fakeCity{poison: 123, latency: 10 * time.Millisecond}
	run(t, &Uplink{Queue: queue, Dial: city.dial, Limit: 100}, func(t *testing.T, log *bytes.Buffer) {
		pass(time.Hour)
		for range 10 {
			queue.add(1)
			pass(2 * time.Minute)
		}
		assert.Empty(t, queue.left())
		assert.Equal(t, []uint64{123}, queue.aside, "it alone is set aside")
		set := make(map[uint64]bool)
		for _, s := range city.stored {
			set[s] = true
		}
		assert.Len(t, set, 509, "all others arrived")
		assert.Contains(t, log.String(), "seq=123")
	})
}

// TestSuspectThatIsPutOff checks that a batch that ends connections, and then is
// never taken, keeps no other waiting.
func TestSuspectThatIsPutOff(t *testing.T) {
	queue, city := newQueue(10), &fakeCity{poison: 3, latency: 10 * time.Millisecond}
	run(t, &Uplink{Queue: queue, Dial: city.dial, Limit: 10}, func(t *testing.T, _ *bytes.Buffer) {
		pass(30 * time.Second) // it is a suspect by now
		city.set(func() { city.poison, city.putOff = 0, 3 })
		pass(5 * time.Minute)
		for range 10 {
			queue.add(5)
			pass(time.Minute)
		}
		assert.GreaterOrEqual(t, len(city.seqs()), 45, "live ones arrive all the time")
		city.set(func() { city.putOff = 0 })
		pass(5 * time.Minute)
		assert.Empty(t, queue.left())
		assert.Empty(t, queue.aside)
	})
}

func TestBadLinkCondemnsNobody(t *testing.T) {
	queue, city := newQueue(20), &fakeCity{mute: true}
	run(t, &Uplink{Queue: queue, Dial: city.dial, Limit: 10}, func(t *testing.T, _ *bytes.Buffer) {
		pass(24 * time.Hour)
		assert.Empty(t, queue.aside, "a city that acknowledges nothing proves nothing")
		city.set(func() { city.mute = false })
		pass(10 * time.Minute)
		assert.Empty(t, queue.left())
	})
}

func TestRate(t *testing.T) {
	queue, city := newQueue(1000), new(fakeCity)
	run(t, &Uplink{Queue: queue, Dial: city.dial, Rate: 10}, func(t *testing.T, _ *bytes.Buffer) {
		pass(30 * time.Second)
		queue.add(50)
		pass(100 * time.Millisecond)
		assert.InDelta(t, 350, len(city.seqs()), 15, "10 a second, and the live ones at once")
	})
}

func TestNoticesAndHeartbeats(t *testing.T) {
	queue, city := newQueue(0), new(fakeCity)
	queue.notices = []agent.Notice{{ID: 1, Kind: agent.NoticeWindow}, {ID: 2, Kind: agent.NoticeLoss}}
	u := &Uplink{Queue: queue, Dial: city.dial, Describe: func(h *agent.Heartbeat) { h.Version = "v1" }}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(time.Minute)
		require.Len(t, city.notices, 3)
		assert.Equal(t, agent.NoticeHeartbeat, city.notices[2].Kind)
		assert.Equal(t, "v1", city.notices[2].Heartbeat.Version)
		queue.set(func() { queue.notices = append(queue.notices, agent.Notice{ID: 3}) })
		queue.add(1)
		pass(time.Hour)
		assert.Len(t, city.notices, 4+12, "one every five minutes")
		assert.EqualValues(t, 3, queue.notified)
	})
}

func TestNewDatastreamIsAnnounced(t *testing.T) {
	queue, city := newQueue(1), new(fakeCity)
	run(t, &Uplink{Queue: queue, Dial: city.dial}, func(t *testing.T, _ *bytes.Buffer) {
		pass(time.Minute)
		queue.set(func() { queue.stream = &agent.Datastream{ID: 9} })
		queue.add(1)
		pass(time.Minute)
		assert.Equal(t, []int{1, 9}, city.announced)
		assert.Len(t, city.seqs(), 2)
	})
}

func TestIdleLossIsNoticed(t *testing.T) {
	queue, city := newQueue(0), new(fakeCity)
	u := &Uplink{Queue: queue, Dial: city.dial}
	run(t, u, func(t *testing.T, _ *bytes.Buffer) {
		pass(time.Minute)
		assert.True(t, u.Status().Connected)
		city.set(func() { city.down = true })
		city.lose(false)
		pass(time.Second)
		assert.False(t, u.Status().Connected)
		assert.NotEmpty(t, u.Status().Err)
		pass(10 * time.Minute)
		assert.Less(t, time.Since(u.Status().Alive), time.Minute, "waiting is progress")
	})
}

func TestStopWaitsForAcknowledgements(t *testing.T) {
	queue, city := newQueue(10), &fakeCity{latency: time.Second}
	run(t, &Uplink{Queue: queue, Dial: city.dial}, func(t *testing.T, _ *bytes.Buffer) {
		pass(500 * time.Millisecond)
	})
	assert.Empty(t, queue.left())
	assert.True(t, city.closed)
	assert.Len(t, city.notices, 2, "a heartbeat at the start and one at the end")
}

// fakeQueue holds Seqs 1 to n.
type fakeQueue struct {
	mu       sync.Mutex
	last     uint64
	live     uint64
	state    map[uint64]int // 0 waiting, 1 handed out, 2 settled
	aside    []uint64
	urgent   []uint64
	stream   *agent.Datastream
	streams  int // how many there are: 1 if 0
	notices  []agent.Notice
	notified uint64
	grown    chan struct{}
}

func newQueue(n int) *fakeQueue {
	q := &fakeQueue{state: make(map[uint64]int), stream: &agent.Datastream{ID: 1}, live: 1 << 60}
	q.last = uint64(n)
	return q
}

func (q *fakeQueue) set(f func()) { q.mu.Lock(); defer q.mu.Unlock(); f() }

func (q *fakeQueue) add(n int) {
	q.set(func() { q.last += uint64(n) })
	select {
	case q.grown <- struct{}{}:
	default:
	}
}

func (q *fakeQueue) left() (all []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for s := uint64(1); s <= q.last; s++ {
		if q.state[s] != 2 {
			all = append(all, s)
		}
	}
	return all
}

func (q *fakeQueue) lane(from, to uint64, limit int) (b agent.Batch) {
	for s := from; s <= to && len(b.Observations) < limit; s++ {
		if q.state[s] == 0 {
			q.state[s] = 1
			b.Observations = append(b.Observations, agent.Observation{Seq: s, Datastream: q.stream})
		}
	}
	return b
}

func (q *fakeQueue) Connected(lanes bool) {
	q.set(func() {
		if q.live = q.last + 1; !lanes {
			q.live = math.MaxUint64
		}
	})
}

func (q *fakeQueue) Live(limit int) agent.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lane(q.live, q.last, limit)
}

func (q *fakeQueue) Backlog(limit int) agent.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lane(1, min(q.last, q.live-1), limit)
}

func (q *fakeQueue) Urgent(limit int) agent.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, seq := range q.urgent {
		if b := q.lane(seq, seq, limit); len(b.Observations) > 0 {
			return b
		}
	}
	return agent.Batch{}
}

func (q *fakeQueue) Settle(b agent.Batch, refused map[uint64]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range b.Observations {
		q.state[o.Seq] = 2
		if _, ok := refused[o.Seq]; ok {
			q.aside = append(q.aside, o.Seq)
		}
	}
}

func (q *fakeQueue) Release(b agent.Batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range b.Observations {
		q.state[o.Seq] = 0
	}
}

func (q *fakeQueue) Streams() []*agent.Datastream {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Repeat([]*agent.Datastream{q.stream}, max(1, q.streams))
}

func (q *fakeQueue) Latest() []agent.Observation { return nil }

func (q *fakeQueue) Notices(limit int) (out []agent.Notice) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.notices {
		if n.ID > q.notified && len(out) < limit {
			out = append(out, n)
		}
	}
	return out
}

func (q *fakeQueue) Notified(id uint64) { q.set(func() { q.notified = id }) }

func (q *fakeQueue) Heartbeat() agent.Notice {
	return agent.Notice{Kind: agent.NoticeHeartbeat, Heartbeat: new(agent.Heartbeat)}
}

func (q *fakeQueue) Grown() <-chan struct{} { return q.grown }

// fakeCity stores Seqs, and behaves as its fields say.
type fakeCity struct {
	mu        sync.Mutex
	down      bool
	mute      bool // takes connections and acknowledges nothing, not even a notice
	latency   time.Duration
	retry     time.Duration
	refuse    map[uint64]string
	poison    uint64 // ends the connection
	putOff    uint64 // is never taken now
	dials     int
	inFlight  int
	most      int
	stored    []uint64
	notices   []agent.Notice
	announced []int
	closed    bool
	session   *fakeSession
}

type fakeSession struct {
	*fakeCity
	lost chan struct{}
	once sync.Once
	took bool // what was under way when it was lost arrived
}

func (c *fakeCity) set(f func()) { c.mu.Lock(); defer c.mu.Unlock(); f() }

// peak returns how many batches were under way at a time, at most.
func (c *fakeCity) peak() int { c.mu.Lock(); defer c.mu.Unlock(); return c.most }

func (c *fakeCity) seqs() []uint64 { c.mu.Lock(); defer c.mu.Unlock(); return slices.Clone(c.stored) }

// lose ends the connection; what is under way arrived or not.
func (c *fakeCity) lose(arrived bool) {
	c.mu.Lock()
	s := c.session
	s.took = arrived
	c.mu.Unlock()
	s.end()
}

func (s *fakeSession) end() { s.once.Do(func() { close(s.lost) }) }

func (c *fakeCity) dial(context.Context, Target) (agent.City, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dials++
	if c.down {
		return nil, errors.New("no route to host")
	}
	c.session = &fakeSession{fakeCity: c, lost: make(chan struct{})}
	return c.session, nil
}

func (s *fakeSession) Announce(_ context.Context, _ agent.Thing, streams []*agent.Datastream, _ []agent.Observation) error {
	s.set(func() { s.announced = append(s.announced, int(streams[0].ID)) })
	return nil
}

func (s *fakeSession) Lost() <-chan struct{} { return s.lost }

func (s *fakeSession) Close() error {
	s.set(func() { s.closed = true })
	s.end()
	return nil
}

func (s *fakeSession) Notify(ctx context.Context, notices []agent.Notice) error {
	s.mu.Lock()
	mute := s.mute
	s.mu.Unlock()
	if mute {
		<-ctx.Done()
		return ctx.Err()
	}
	s.set(func() { s.notices = append(s.notices, notices...) })
	return nil
}

func (s *fakeSession) Publish(ctx context.Context, batch agent.Batch) error {
	s.set(func() { s.inFlight++; s.most = max(s.most, s.inFlight) })
	defer s.set(func() { s.inFlight-- })
	s.mu.Lock()
	poisoned := slices.ContainsFunc(batch.Observations, func(o agent.Observation) bool { return o.Seq == s.poison })
	s.mu.Unlock()
	select {
	case <-time.After(s.wait()):
	case <-s.lost:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.took {
			s.store(batch)
		}
		return errors.New("connection reset")
	case <-ctx.Done():
		return ctx.Err()
	}
	if poisoned {
		s.end()
		return errors.New("connection reset")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(batch.Observations, func(o agent.Observation) bool { return o.Seq == s.putOff }) {
		return &agent.RetryError{Err: errors.New("not now")}
	}
	if s.retry > 0 {
		return &agent.RetryError{After: s.retry, Err: errors.New("busy")}
	}
	return s.store(batch)
}

// wait is how long the city takes for a batch.
func (s *fakeSession) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute {
		return 24 * time.Hour
	}
	return s.latency
}

func (s *fakeSession) store(batch agent.Batch) error {
	refused := make(map[uint64]string)
	for _, o := range batch.Observations {
		if reason, ok := s.refuse[o.Seq]; ok {
			refused[o.Seq] = reason
		} else {
			s.stored = append(s.stored, o.Seq)
		}
	}
	if len(refused) > 0 {
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

type reconciler struct{ *fakeSession }

func (r reconciler) Reconcile(_ context.Context, batch agent.Batch) ([]uint64, error) {
	var have []uint64
	for _, o := range batch.Observations {
		if slices.Contains(r.seqs(), o.Seq) {
			have = append(have, o.Seq)
		}
	}
	return have, nil
}
