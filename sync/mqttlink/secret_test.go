package mqttlink

import (
	"net"
	"testing"

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
