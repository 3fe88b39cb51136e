package mqttlink

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

func TestSubscribe(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	got := make(chan string, 10)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{
		ClientID: "x", Subscriptions: []Subscription{{Topic: "to/+", QoS: 1, Receive: func(topic string, payload []byte) { got <- topic + " " + string(payload) }}},
	})
	require.NoError(t, l.Publish(t.Context(), "to/me", []byte("hello"), false))
	require.NoError(t, l.Send(t.Context(), "to/you", []byte("again")))
	assert.Equal(t, "to/me hello", <-got)
	assert.Equal(t, "to/you again", <-got)
	require.NoError(t, l.Confirm(t.Context()))
	require.NoError(t, l.Close())
	require.Error(t, l.Confirm(t.Context()), "closed")
	var retry *agent.RetryError
	require.ErrorAs(t, l.Send(t.Context(), "to/you", nil), &retry)
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
