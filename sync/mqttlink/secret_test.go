package mqttlink

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A topic may hold an API key: whoever reads a log must not learn it.
func TestSecretInATopicIsNotShown(t *testing.T) {
	const secret = "k3y"
	s := newStub(t, func(_ *stub, conn net.Conn, _ *packets.PublishPacket) { conn.Close() })
	l := connect(t, Settings{URL: s.url()}, Options{Secret: secret})

	errs := []error{
		l.Publish(t.Context(), "/json/"+secret+"/#", nil, false),
		l.Send(t.Context(), "/json/"+secret+"/+", nil),
		l.Publish(t.Context(), "/json/"+secret+"/lamp", nil, false),
		l.Subscribe(t.Context(), Subscription{Topic: "/" + secret + "/lamp"}),
	}

	for _, err := range errs {
		require.Error(t, err)
		assert.NotContains(t, err.Error(), secret)
		assert.Contains(t, err.Error(), "/…")
	}
}

func TestSubscribeLater(t *testing.T) {
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{})
	got := make(chan string, 1)

	require.NoError(t, l.Subscribe(t.Context(), Subscription{Topic: "a/b", QoS: 1, Receive: func(topic string, payload []byte) { got <- topic + "=" + string(payload) }}))
	require.NoError(t, l.Publish(t.Context(), "a/b", []byte("c"), false))

	assert.Equal(t, "a/b=c", <-got)
	require.NoError(t, l.Close())
	assert.ErrorIs(t, l.Subscribe(t.Context(), Subscription{Topic: "a/d"}), errClosed)
}

// Paho's Subscribe does not see that the connection is lost; Confirm does.
func TestConfirmEndsWithTheConnection(t *testing.T) {
	for range 20 {
		b := newBroker(t, nil)
		l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{Subscriptions: []Subscription{{Topic: "a", Receive: func(string, []byte) {}}}})
		var wg sync.WaitGroup
		var confirmed atomic.Int64
		for range 8 {
			wg.Go(func() {
				for l.Confirm(t.Context()) == nil {
					confirmed.Add(1)
				}
			})
		}
		for confirmed.Load() < 8 {
			runtime.Gosched()
		}
		begun := time.Now()

		for _, cl := range b.server.Clients.GetAll() {
			cl.Stop(nil)
		}

		wg.Wait()
		require.Less(t, time.Since(begun), 5*time.Second)
	}
}
