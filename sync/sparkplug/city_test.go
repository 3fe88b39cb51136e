package sparkplug

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

var (
	_    agent.City = (*city)(nil)
	when            = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

// A fakeLink notes what is sent and answers with errors in turn.
type fakeLink struct {
	mu       sync.Mutex
	errs     []error // of Send
	confirm  error
	onSend   func()
	confirms int
	topics   []string
	payloads [][]byte
	lost     chan struct{}
	once     sync.Once
}

func (f *fakeLink) Send(_ context.Context, topic string, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.onSend != nil {
		f.onSend()
	}
	f.topics = append(f.topics, topic)
	f.payloads = append(f.payloads, payload)
	if len(f.errs) == 0 {
		return nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return err
}

func (f *fakeLink) Confirm(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.confirms++
	return f.confirm
}

func (f *fakeLink) Lost() <-chan struct{} { return f.lost }
func (f *fakeLink) Close() error          { f.once.Do(func() { close(f.lost) }); return nil }

func (f *fakeLink) set(change func()) { f.mu.Lock(); defer f.mu.Unlock(); change() }

func openCity(t testing.TB) (*city, *fakeLink) { return openCityOf(t, nil) }

// openCityOf opens a city with a primary host.
func openCityOf(t testing.TB, h *host) (*city, *fakeLink) {
	f := &fakeLink{lost: make(chan struct{})}
	c := newCity(node{"lamppost", "lamp-042"}, agent.Thing{ID: "lamp-042"}, 3)
	c.host = h
	c.open(f)
	t.Cleanup(func() { c.Close() })
	return c, f
}

func streams(n int) (all []*agent.Datastream) {
	for i := range n {
		name := string(rune('a' + i))
		all = append(all, &agent.Datastream{ID: uint32(i + 1), Name: name + "/airTemperature", Sensor: name, Property: agent.AirTemperature})
	}
	return all
}

// batch has one observation of each of n sensors.
func batch(n int) agent.Batch {
	b := agent.Batch{Epoch: 1}
	for i, ds := range streams(n) {
		b.Observations = append(b.Observations, agent.Observation{Seq: uint64(i + 1), Datastream: ds, Time: when, Value: 1})
	}
	return b
}

func TestPublishOutcomes(t *testing.T) {
	unknown := errors.New("reset")
	retry := &agent.RetryError{Err: errors.New("lost")}
	for name, tt := range map[string]struct {
		errs    []error
		confirm error
		fails   bool
		retry   bool
	}{
		"two messages":               {},
		"first not sent":             {errs: []error{retry}, fails: true, retry: true},
		"first unknown":              {errs: []error{unknown}, fails: true},
		"second not sent":            {errs: []error{nil, retry}, fails: true},
		"second unknown":             {errs: []error{nil, unknown}, fails: true},
		"the broker does not answer": {confirm: unknown, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			c, f := openCity(t)
			require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(2), nil))
			f.set(func() { f.errs, f.confirm, f.confirms = tt.errs, tt.confirm, 0 })

			err := c.Publish(t.Context(), batch(2))

			var unsent *agent.RetryError
			assert.Equal(t, tt.fails, err != nil)
			assert.Equal(t, tt.retry, errors.As(err, &unsent))
			if err == nil {
				assert.Equal(t, 1, f.confirms, "the broker has read it")
			}
		})
	}
}

// What is refused of a batch that did not arrive comes again.
func TestRefusedAndFailed(t *testing.T) {
	c, f := openCity(t)
	require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(2), nil))
	f.set(func() { f.confirm = errors.New("reset") })
	b := batch(2)
	b.Observations[0].Datastream = nil

	err := c.Publish(t.Context(), b)

	var refused *agent.RefusedError
	require.Error(t, err)
	assert.False(t, errors.As(err, &refused))
	assert.NoError(t, c.Publish(t.Context(), agent.Batch{}), "nothing is nothing")
}

// A number is used once: a message that was surely not sent gives its back.
func TestNumberOfAMessageThatWasNotSent(t *testing.T) {
	c, f := openCity(t)
	require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(1), nil))
	f.set(func() { f.errs = []error{&agent.RetryError{Err: errors.New("not now")}} })
	require.Error(t, c.Publish(t.Context(), batch(1)))
	assert.EqualValues(t, 2, c.seq)
	require.NoError(t, c.Publish(t.Context(), batch(1)))
	assert.EqualValues(t, 3, c.seq)
}

// Data stop at once when a host asks for the births.
func TestRebirthBetweenMessages(t *testing.T) {
	t.Run("tck-id-operational-behavior-data-commands-rebirth-action-1", func(t *testing.T) {
		c, f := openCity(t)
		require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(2), nil))
		n := 0
		f.set(func() {
			f.topics = nil
			f.onSend = func() {
				if n++; n == 1 {
					c.reborn.Store(true) // while the first message of the batch is sent
				}
			}
		})
		require.NoError(t, c.Publish(t.Context(), batch(2)))
		assert.Equal(t, []string{
			"spBv1.0/lamppost/DDATA/lamp-042/a", "spBv1.0/lamppost/NBIRTH/lamp-042", "spBv1.0/lamppost/DBIRTH/lamp-042/a",
			"spBv1.0/lamppost/DBIRTH/lamp-042/b", "spBv1.0/lamppost/DDATA/lamp-042/b",
		}, f.topics)
	})
}

// Births that got stuck are sent again before any data.
func TestHalfBorn(t *testing.T) {
	c, f := openCity(t)
	f.set(func() { f.errs = []error{nil, &agent.RetryError{Err: context.Canceled}} })
	require.Error(t, c.Announce(t.Context(), agent.Thing{}, streams(2), nil))
	f.set(func() { f.topics = nil })

	require.NoError(t, c.Publish(t.Context(), batch(1)))

	require.Len(t, f.topics, 4)
	assert.Equal(t, "spBv1.0/lamppost/NBIRTH/lamp-042", f.topics[0])
	assert.Equal(t, "spBv1.0/lamppost/DDATA/lamp-042/a", f.topics[3])
}

// A payload whose fate is not known may still be read: it is not used again.
func TestPayloadOfAFailureIsLeftAlone(t *testing.T) {
	c, f := openCity(t)
	require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(1), nil))
	f.set(func() { f.payloads, f.errs = nil, []error{errors.New("reset")} })
	require.Error(t, c.Publish(t.Context(), batch(1)))
	before := bytes.Clone(f.payloads[0])
	other := batch(1)
	other.Observations[0].Seq, other.Observations[0].Value = 99, 99

	require.NoError(t, c.Publish(t.Context(), other))

	assert.Equal(t, before, f.payloads[0])
}

func TestRebirthThatFailsEndsTheConnection(t *testing.T) {
	c, f := openCity(t)
	require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(1), nil))
	f.set(func() { f.errs = []error{errors.New("reset")} })
	c.command("", rebirthPayload)
	<-c.Lost()
	assert.Error(t, c.Publish(t.Context(), batch(1)))
}

// With a primary host, an acknowledgement waits for its STATE after the data.
func TestSentMeansThatTheHostWasThere(t *testing.T) {
	const online, offline = `{"online":true,"timestamp":1}`, `{"online":false,"timestamp":1}`
	for name, tt := range map[string]struct {
		after string // what the broker says then
		want  error
	}{
		"online":  {online, nil},
		"offline": {offline, errOffline},
		"silent":  {"", context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost("scada")
				require.NoError(t, h.tell([]byte(online)))
				c, f := openCityOf(t, h)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- c.confirmed(ctx) }()
				synctest.Wait()
				assert.Empty(t, done, "it waits")
				if tt.after != "" {
					c.host.tell([]byte(tt.after))
				}
				require.ErrorIs(t, <-done, tt.want)
				if tt.after == "" {
					f.set(func() { assert.Greater(t, f.confirms, 5, "and asks again") })
				}
				c.Close()
			})
		})
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"", "a/b", "a+", "#", "a\x00", "\xff"} {
		for _, rule := range []string{"topic-structure-namespace-valid-group-id", "topic-structure-namespace-valid-edge-node-id"} {
			t.Run("tck-id-"+rule+"/"+id, func(t *testing.T) {
				s := Settings{Settings: mqttlink.Settings{URL: "mqtt://127.0.0.1"}, Group: id}
				if rule == "topic-structure-namespace-valid-edge-node-id" && id != "" {
					s.Group, s.Node = "lamppost", id
				}
				require.Error(t, s.Validate())
			})
		}
		_, err := dial(t.Context(), Settings{}, uplink.Target{Thing: agent.Thing{ID: id}})
		assert.Error(t, err)
	}
	ok := Settings{Settings: mqttlink.Settings{URL: "mqtt://127.0.0.1"}, Group: "city", Node: "lamp", PrimaryHost: "scada"}
	assert.NoError(t, ok.Validate())
	assert.NoError(t, ok.Check(agent.Thing{ID: "a/b"}, nil), "the node has a name of its own")
	ok.PrimaryHost = "#"
	assert.ErrorContains(t, ok.Validate(), "primary_host")
	assert.Error(t, Settings{Group: "lamppost"}.Validate(), "no url")
}

func TestRebirthBeforeNotices(t *testing.T) {
	c, f := openCity(t)
	require.NoError(t, c.Announce(t.Context(), agent.Thing{}, streams(1), nil))
	f.set(func() { f.topics = nil })
	c.reborn.Store(true)

	require.NoError(t, c.Notify(t.Context(), []agent.Notice{{ID: 1}}))

	require.Len(t, f.topics, 3)
	assert.Equal(t, "spBv1.0/lamppost/NBIRTH/lamp-042", f.topics[0])
	assert.Equal(t, "spBv1.0/lamppost/NDATA/lamp-042", f.topics[2])
}
