package mqttlink

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	mqtt "github.com/mochi-mqtt/server/v2"
	brokerpackets "github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/require"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// A broker is a whole one, in this process, that notes what it is sent.
type broker struct {
	mqtt.HookBase
	server   *mqtt.Server
	address  string
	user     string
	password string
	deaf     atomic.Bool // refuses subscriptions

	mu       sync.Mutex
	messages []string // topic=payload, with a "!" before retained ones
	ended    []error  // how connections ended: nil is a DISCONNECT
}

func newBroker(t *testing.T, config *tls.Config) *broker {
	t.Helper()
	b := &broker{server: mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: 3600})}
	require.NoError(t, b.server.AddHook(b, nil))
	ln := listen(t, config)
	b.address = ln.Addr().String()
	require.NoError(t, b.server.AddListener(listeners.NewNet("test", ln)))
	require.NoError(t, b.server.Serve())
	t.Cleanup(func() { b.server.Close() })
	return b
}

func listen(t *testing.T, config *tls.Config) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	return ln
}

func (b *broker) Provides(hook byte) bool {
	return bytes.Contains([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnWillSent, mqtt.OnDisconnect}, []byte{hook})
}

func (b *broker) OnConnectAuthenticate(_ *mqtt.Client, pk brokerpackets.Packet) bool {
	return b.user == "" || string(pk.Connect.Username) == b.user && string(pk.Connect.Password) == b.password
}

func (b *broker) OnACLCheck(_ *mqtt.Client, _ string, write bool) bool {
	return write || !b.deaf.Load()
}

func (b *broker) OnPublish(_ *mqtt.Client, pk brokerpackets.Packet) (brokerpackets.Packet, error) {
	b.note(pk)
	return pk, nil
}

func (b *broker) OnWillSent(_ *mqtt.Client, pk brokerpackets.Packet) { b.note(pk) }

func (b *broker) OnDisconnect(_ *mqtt.Client, err error, _ bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = append(b.ended, err)
}

func (b *broker) endedHow() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

func (b *broker) note(pk brokerpackets.Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := pk.TopicName + "=" + string(pk.Payload)
	if pk.FixedHeader.Retain {
		text = "!" + text
	}
	b.messages = append(b.messages, text)
}

func (b *broker) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.messages...)
}

// A stub is a broker that does what a test wants with each message.
type stub struct {
	ln      net.Listener
	publish func(conn net.Conn, p *packets.PublishPacket)
	refuse  byte

	mu    sync.Mutex
	conns []net.Conn
	acked map[uint16]bool
	ended int // by a DISCONNECT
	wg    sync.WaitGroup
}

func newStub(t *testing.T, publish func(*stub, net.Conn, *packets.PublishPacket)) *stub {
	t.Helper()
	s := &stub{ln: listen(t, nil), acked: map[uint16]bool{}}
	s.publish = func(conn net.Conn, p *packets.PublishPacket) { publish(s, conn, p) }
	s.wg.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *stub) url() string { return "mqtt://" + s.ln.Addr().String() }

func (s *stub) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(conn) })
	}
}

func (s *stub) serve(conn net.Conn) {
	defer conn.Close()
	for {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packets.ConnectPacket:
			answer := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			answer.ReturnCode = s.refuse
			answer.Write(conn)
		case *packets.PublishPacket:
			s.publish(conn, p)
		case *packets.DisconnectPacket:
			s.mu.Lock()
			s.ended++
			s.mu.Unlock()
		case *packets.PingreqPacket:
			packets.NewControlPacket(packets.Pingresp).Write(conn)
		}
	}
}

// ack acknowledges a message; the PUBACK is on the wire when it returns.
func (s *stub) ack(conn net.Conn, id uint16) {
	answer := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	answer.MessageID = id
	if answer.Write(conn) == nil {
		s.mu.Lock()
		s.acked[id] = true
		s.mu.Unlock()
	}
}

func (s *stub) ackCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acked)
}

// kill ends all connections, as a broker does that dies.
func (s *stub) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
}

func (s *stub) close() {
	s.ln.Close()
	s.kill()
	s.wg.Wait()
}

// noLeak checks, when the test is over, that no goroutine was left behind.
// Paho's own may need writeTimeout to see that a connection is lost.
func noLeak(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(writeTimeout + 5*time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Errorf("goroutines are left behind:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

func connect(t *testing.T, s Settings, o Options) *Link {
	t.Helper()
	if o.ClientID == "" {
		o.ClientID = t.Name()
	}
	l, err := Connect(t.Context(), s, o)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}
