package sparkplug

import (
	"bytes"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A noter is a broker that notes how it is connected to.
type noter struct {
	mqtt.HookBase
	mu        sync.Mutex
	connects  []packets.ConnectParams
	subscribe []packets.Subscription
}

func (n *noter) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnect, mqtt.OnSubscribe, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck}, b) >= 0
}

func (n *noter) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (n *noter) OnACLCheck(*mqtt.Client, string, bool) bool              { return true }

func (n *noter) OnConnect(_ *mqtt.Client, pk packets.Packet) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.connects = append(n.connects, pk.Connect)
	return nil
}

func (n *noter) OnSubscribe(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subscribe = append(n.subscribe, pk.Filters...)
	return pk
}

func TestConnect(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, n := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)}), new(noter)
	require.NoError(t, server.AddHook(n, nil))
	require.NoError(t, server.AddListener(listeners.NewNet("test", ln)))
	require.NoError(t, server.Serve())
	t.Cleanup(func() { server.Close() })
	s := Settings{Settings: mqttlink.Settings{URL: "mqtt://" + ln.Addr().String()}, Group: "lamppost"}
	c, err := dial(t.Context(), s, uplink.Target{Thing: agent.Thing{ID: "lamp-042"}})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	n.mu.Lock()
	defer n.mu.Unlock()
	require.Len(t, n.connects, 1)
	pk := n.connects[0]

	t.Run("tck-id-principles-persistence-clean-session-311", func(t *testing.T) { assert.True(t, pk.Clean) })
	t.Run("tck-id-message-flow-edge-node-birth-publish-will-message", func(t *testing.T) { assert.True(t, pk.WillFlag) })
	t.Run("tck-id-message-flow-edge-node-birth-publish-will-message-topic", func(t *testing.T) {
		assert.Equal(t, "spBv1.0/lamppost/NDEATH/lamp-042", pk.WillTopic)
	})
	t.Run("tck-id-message-flow-edge-node-birth-publish-will-message-qos", func(t *testing.T) { assert.EqualValues(t, 1, pk.WillQos) })
	t.Run("tck-id-message-flow-edge-node-birth-publish-will-message-will-retained", func(t *testing.T) {
		assert.False(t, pk.WillRetain)
	})
	t.Run("tck-id-message-flow-edge-node-ncmd-subscribe", func(t *testing.T) {
		assert.Equal(t, "spBv1.0/lamppost/NCMD/lamp-042", n.subscribe[0].Filter)
		assert.EqualValues(t, 1, n.subscribe[0].Qos)
	})
}
