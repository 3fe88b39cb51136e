package mqttlink

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counter counts subscriptions.
type counter struct {
	mqtt.HookBase
	asks atomic.Int32
}

func (c *counter) Provides(hook byte) bool { return hook == mqtt.OnSubscribe }

func (c *counter) OnSubscribe(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	c.asks.Add(1)
	return pk
}

func TestSubscription(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	got := make(chan string, 10)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{Subscriptions: []Subscription{
		{Topic: "to/+", QoS: 1, Receive: func(topic string, payload []byte) { got <- topic + "=" + string(payload) }},
	}})

	require.NoError(t, l.Publish(t.Context(), "to/me", []byte("1"), false))
	require.NoError(t, l.Send(t.Context(), "to/me", []byte("2")))

	assert.Equal(t, "to/me=1", <-got)
	assert.Equal(t, "to/me=2", <-got)
	assertUnsent(t, l.Send(t.Context(), "to/+", nil))
	require.NoError(t, l.Close())
	assertUnsent(t, l.Send(t.Context(), "to/me", nil))
}

func TestConfirm(t *testing.T) {
	noLeak(t)
	b, g := newBroker(t, nil), new(counter)
	require.NoError(t, b.server.AddHook(g, nil))
	s := []Subscription{{Topic: "to/me", QoS: 1, Receive: func(string, []byte) {}}}
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{Subscriptions: s})

	require.NoError(t, l.Confirm(t.Context()))
	assert.EqualValues(t, 2, g.asks.Load(), "a packet of its own")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Confirm(ctx), context.Canceled)
	require.NoError(t, l.Close())
	assert.Error(t, l.Confirm(t.Context()), "nobody answers")

	plain := connect(t, Settings{URL: "mqtt://" + b.address}, Options{})
	require.ErrorContains(t, plain.Confirm(t.Context()), "no subscription")
	require.NoError(t, plain.Close())
}

func TestSubscriptionRefused(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	b.deaf.Store(true)
	_, err := Connect(t.Context(), Settings{URL: "mqtt://" + b.address}, Options{ClientID: "a", Subscriptions: []Subscription{
		{Topic: "to/me", QoS: 1, Receive: func(string, []byte) {}},
	}})
	require.ErrorContains(t, err, "refuses")
}

// Some brokers refuse an identifier that they use for a message of their own.
func TestRefusalConfirms(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{Subscriptions: []Subscription{
		{Topic: "to/me", QoS: 1, Receive: func(string, []byte) {}},
	}})
	b.deaf.Store(true)
	require.NoError(t, l.Confirm(t.Context()))
}

// Who leaves has nothing said of him, not even by the broker.
func TestLeave(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{WillTopic: "a/status", WillPayload: []byte("offline"), FleetingWill: true})

	l.Leave()
	require.NoError(t, l.Close(), "it is over")

	require.Eventually(t, func() bool { return len(b.endedHow()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []error{nil}, b.endedHow(), "a clean end")
	assert.Empty(t, b.got())
	assertUnsent(t, l.Publish(t.Context(), "a/b", []byte("3"), false))
}

// A fleeting will is not retained.
func TestFleetingWill(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{WillTopic: "a/status", WillPayload: []byte("offline"), FleetingWill: true})
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { return len(b.endedHow()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []string{"a/status=offline"}, b.got())
}

// A broker that has gone confirms nothing, though what was sent with QoS 0 was
// written.
func TestConfirmNoticesALoss(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{
		ClientID: "x", Subscriptions: []Subscription{{Topic: "to/me", Receive: func(string, []byte) {}}},
	})
	require.NoError(t, l.Send(t.Context(), "a", []byte("x")))
	for _, c := range b.server.Clients.GetAll() {
		c.Stop(errors.New("gone"))
	}
	require.Error(t, l.Confirm(t.Context()))
	select {
	case <-l.Lost():
	case <-time.After(10 * time.Second):
		t.Error("the loss is noticed")
	}
}
