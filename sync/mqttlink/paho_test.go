package mqttlink

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each of these keeps paho from calling delivered what is not, from waiting
// for ever or from sending twice.
func TestPahoOptions(t *testing.T) {
	l := &Link{options: Options{ClientID: "lamp-042", WillTopic: "s", WillPayload: []byte("offline")}}

	o, err := l.paho(t.Context(), Settings{URL: "mqtt://localhost"}, endpoint{"localhost", "1883", false})

	require.NoError(t, err)
	assert.True(t, o.CleanSession)
	assert.False(t, o.AutoReconnect)
	assert.False(t, o.ConnectRetry)
	assert.False(t, o.Order)
	assert.EqualValues(t, 4, o.ProtocolVersion)
	assert.Equal(t, 15*time.Second, o.WriteTimeout)
	assert.EqualValues(t, 30, o.KeepAlive)
	assert.Equal(t, 10*time.Second, o.PingTimeout)
	assert.True(t, o.WillEnabled)
	assert.True(t, o.WillRetained)
	assert.EqualValues(t, 1, o.WillQos)
	assert.Equal(t, "lamp-042", o.ClientID)
}

// A liar is a paho whose tokens are not to be trusted.
type liar struct {
	mqtt.Client
	publish func() mqtt.Token
}

func (l *liar) Publish(string, byte, bool, any) mqtt.Token { return l.publish() }

// A token ends without an error, or never if done is nil.
type token struct {
	mqtt.Token
	done chan struct{}
}

func (t token) Done() <-chan struct{} { return t.done }
func (t token) Error() error          { return nil }

// Even if paho lied, as it does with other options, nothing counts as
// delivered whose connection is lost.
func TestLostConnectionOverrulesPaho(t *testing.T) {
	done := make(chan struct{})
	close(done)
	for name, end := range map[string]chan struct{}{"token that never ends": nil, "token that ends well": done} {
		t.Run(name, func(t *testing.T) {
			for range 100 { // a select between two ready cases takes any
				l := &Link{sending: make(chan message), lost: make(chan struct{}), over: make(chan struct{})}
				l.client = &liar{publish: func() mqtt.Token {
					l.lose(errors.New("reset"))
					return token{done: end}
				}}
				go l.send()

				err := l.Publish(t.Context(), "a", nil, false)

				assertUnknown(t, err)
				assert.ErrorContains(t, err, "connection lost: reset")
				assertUnsent(t, l.Publish(t.Context(), "a", nil, false))
			}
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	s := &stub{acked: map[uint16]bool{}}
	var err error
	s.ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	s.publish = func(conn net.Conn, p *packets.PublishPacket) { s.ack(conn, p.MessageID) }
	s.wg.Go(s.accept)
	defer s.close()
	l, err := Connect(b.Context(), Settings{URL: s.url()}, Options{ClientID: "bench"})
	require.NoError(b, err)
	defer l.Close()
	payload := make([]byte, 64<<10)
	b.SetBytes(int64(len(payload)))
	b.SetParallelism(8) // 16 in flight on two processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Publish(b.Context(), "a/b", payload, false); err != nil {
				b.Error(err)
			}
		}
	})
}
