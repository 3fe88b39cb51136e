package senml

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

var _ agent.City = (*city)(nil)

// A fakeLink notes what is published and answers with errors in turn.
type fakeLink struct {
	mu       sync.Mutex
	errs     []error
	topics   []string
	payloads []string
	retained []bool
}

func (f *fakeLink) Publish(_ context.Context, topic string, payload []byte, retained bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.topics = append(f.topics, topic)
	f.payloads = append(f.payloads, string(payload))
	f.retained = append(f.retained, retained)
	if n := len(f.topics); n <= len(f.errs) {
		return f.errs[n-1]
	}
	return nil
}

func (f *fakeLink) Lost() <-chan struct{} { return nil }
func (f *fakeLink) Close() error          { return nil }

func batch(n int) agent.Batch {
	b := agent.Batch{Epoch: 1}
	for i := range n {
		b.Observations = append(b.Observations, agent.Observation{
			Seq: uint64(i + 1), Datastream: air, Time: when.Add(time.Duration(i) * time.Second), Value: 1,
		})
	}
	return b
}

func TestPublishOutcomes(t *testing.T) {
	unknown := errors.New("reset")
	retry := &agent.RetryError{Err: errors.New("lost")}
	for name, tt := range map[string]struct {
		n       int
		errs    []error
		unknown bool
		retry   bool
	}{
		"one pack":              {n: 10},
		"one pack unknown":      {n: 10, errs: []error{unknown}, unknown: true},
		"one pack not sent":     {n: 10, errs: []error{retry}, retry: true},
		"two packs":             {n: 1500},
		"second not sent":       {n: 1500, errs: []error{nil, retry}, unknown: true},
		"first not sent":        {n: 1500, errs: []error{retry, nil}, unknown: true},
		"none sent":             {n: 1500, errs: []error{retry, retry}, retry: true},
		"not sent, and unknown": {n: 1500, errs: []error{retry, unknown}, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeLink{errs: tt.errs}
			c := &city{link: f, thing: "lamp-042"}

			err := c.Publish(t.Context(), batch(tt.n))

			var re *agent.RetryError
			assert.Equal(t, tt.unknown || tt.retry, err != nil)
			assert.Equal(t, tt.retry, errors.As(err, &re))
			if err == nil {
				assert.Len(t, seqs(t, f.payloads...), tt.n)
			}
		})
	}
}

func TestPublishRefuses(t *testing.T) {
	f := &fakeLink{}
	c := &city{link: f, thing: "lamp-042"}
	b := batch(3)
	b.Observations[1].Value = math.NaN()

	err := c.Publish(t.Context(), b)

	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, map[uint64]string{2: "the value is not a number"}, refused.Refused)
	assert.Equal(t, []uint64{1, 3}, seqs(t, f.payloads...), "the rest is sent")

	f.errs = []error{nil, errors.New("reset")}
	err = c.Publish(t.Context(), b)
	require.Error(t, err)
	assert.False(t, errors.As(err, &refused), "what is refused of a batch that was not sent comes again")
	assert.NoError(t, c.Publish(t.Context(), agent.Batch{}))
}

// A payload whose fate is not known may still be read: it is not used again.
func TestPayloadOfAFailureIsLeftAlone(t *testing.T) {
	h := &holder{}
	c := &city{link: h, thing: "lamp-042"}
	require.Error(t, c.Publish(t.Context(), batch(3)))
	before := string(h.held)
	other := batch(3)
	for i := range other.Observations {
		other.Observations[i].Seq += 100
	}

	for range 10 {
		require.Error(t, c.Publish(t.Context(), other))
	}

	assert.Equal(t, before, string(h.first))
}

// A holder is a link that fails and goes on holding what it was given first.
type holder struct {
	fakeLink
	first, held []byte
}

func (h *holder) Publish(_ context.Context, _ string, payload []byte, _ bool) error {
	h.held = payload
	if h.first == nil {
		h.first = payload
	}
	return errors.New("reset")
}

func TestNotify(t *testing.T) {
	f := &fakeLink{errs: []error{nil, errors.New("reset")}}
	c := &city{link: f, thing: "lamp-042"}
	told := []agent.Notice{
		{ID: 1, Kind: agent.NoticeLoss, Time: when, Epoch: 0xabc, From: 3, To: 9, Ranges: []agent.Range{{From: 3, To: 4}, {From: 9, To: 9}}, Count: 3, Cause: "disk full"},
		{Kind: agent.NoticeHeartbeat, Time: when, Epoch: 0xabc, Heartbeat: &agent.Heartbeat{Version: "1", AcceptedTo: 10, Since: 1, Waiting: 2}},
		{ID: 2, Kind: agent.NoticeWindow, Time: when, Epoch: 0xabc},
	}

	err := c.Notify(t.Context(), told)

	require.Error(t, err)
	assert.Equal(t, []string{"lamppost/lamp-042/notices", "lamppost/lamp-042/notices"}, f.topics, "in order, and none after a failure")
	assert.Equal(t, []bool{false, false}, f.retained)
	assert.JSONEq(t, `{"epoch":"0000000000000abc","id":1,"kind":"loss","time":"2026-11-21T10:00:00.5Z","from":3,"to":9,
		"ranges":[{"from":3,"to":4},{"from":9,"to":9}],"count":3,"cause":"disk full"}`, f.payloads[0])
	assert.JSONEq(t, `{"epoch":"0000000000000abc","kind":"heartbeat","time":"2026-11-21T10:00:00.5Z","heartbeat":{"version":"1",
		"uptime":0,"accepted_to":10,"since":1,"waiting":2,"pending":0,"free_bytes":0,"clock":"","last_stop":""}}`, f.payloads[1])
}

func TestAnnounce(t *testing.T) {
	f := &fakeLink{}
	c := &city{link: f, thing: "lamp-042"}
	thing := agent.Thing{ID: "lamp-042", Name: "Lamp post 42, Rue du Lac", Location: []float64{6.6323, 46.5197, 412}}

	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{
		{ID: 1, Name: "door/open", Sensor: "door", Driver: "contact", Property: agent.Open, Class: agent.Alarm},
	}, nil))
	require.NoError(t, c.Announce(t.Context(), agent.Thing{ID: "lamp-042"}, nil, nil))

	assert.Equal(t, []string{"lamppost/lamp-042/announcement", "lamppost/lamp-042/announcement"}, f.topics)
	assert.Equal(t, []bool{true, true}, f.retained)
	assert.JSONEq(t, `{"thing":{"id":"lamp-042","name":"Lamp post 42, Rue du Lac","location":[6.6323,46.5197,412]},
		"datastreams":[{"name":"door/open","sensor":"door","driver":"contact","property":"open","unit":"1","kind":"truth","resolution":0,"class":"alarm"}]}`, f.payloads[0])
	assert.JSONEq(t, `{"thing":{"id":"lamp-042","name":""},"datastreams":[]}`, f.payloads[1])
}

func TestThingIDs(t *testing.T) {
	for _, id := range []string{"", "a/b", "a+", "#", "a\x00", "\xff"} {
		assert.Errorf(t, checkID(id), "%q", id)
		_, err := dial(t.Context(), Settings{}, uplink.Target{Thing: agent.Thing{ID: id}})
		assert.Error(t, err)
	}
	assert.NoError(t, checkID("lamp-042"))
}

// The protocol as the agent uses it, with a broker.
func TestProtocol(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler), InlineClient: true})
	require.NoError(t, server.AddHook(new(auth.AllowHook), nil))
	require.NoError(t, server.AddListener(listeners.NewNet("test", ln)))
	require.NoError(t, server.Serve())
	var mu sync.Mutex
	got := map[string][]string{}
	require.NoError(t, server.Subscribe("lamppost/#", 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) {
		mu.Lock()
		defer mu.Unlock()
		got[pk.TopicName] = append(got[pk.TopicName], string(pk.Payload))
	}))

	_, err = Protocol.Configure(func(any) error { return nil })
	require.ErrorContains(t, err, "url = ", "nothing is configured")
	p, err := Protocol.Configure(func(s any) error {
		s.(*Settings).URL = "mqtt://" + ln.Addr().String()
		return nil
	})
	require.NoError(t, err)
	c, err := p.Dial(t.Context(), uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: p.Acks[0]})
	require.NoError(t, err)
	require.NoError(t, c.Announce(t.Context(), agent.Thing{ID: "lamp-042"}, []*agent.Datastream{air}, nil))
	require.NoError(t, c.Publish(t.Context(), batch(2500)))
	require.NoError(t, c.Notify(t.Context(), []agent.Notice{{ID: 1, Kind: agent.NoticeClock}}))
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { return server.Clients.Len() == 1 }, 5*time.Second, time.Millisecond, "the inline client stays")
	require.NoError(t, server.Close())

	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"online", "offline"}, got["lamppost/lamp-042/status"])
	assert.Len(t, got["lamppost/lamp-042/announcement"], 1)
	assert.Len(t, got["lamppost/lamp-042/notices"], 1)
	assert.Len(t, seqs(t, got["lamppost/lamp-042/observations"]...), 2500)
	assert.Len(t, got, 4)
	for _, pack := range got["lamppost/lamp-042/observations"] {
		assert.True(t, json.Valid([]byte(pack)))
	}
	assert.Equal(t, reflect.TypeFor[Settings](), reflect.TypeOf(Protocol.Defaults()))
}
