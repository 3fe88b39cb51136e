package mqttlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

func TestPublish(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{
		WillTopic: "a/status", WillPayload: []byte("offline"), BirthPayload: []byte("online"),
	})

	require.NoError(t, l.Publish(t.Context(), "a/b", []byte("1"), false))
	require.NoError(t, l.Publish(t.Context(), "a/b", []byte("2"), true))
	require.NoError(t, l.Close())
	require.NoError(t, l.Close(), "closed twice")

	require.Eventually(t, func() bool { return len(b.endedHow()) == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []error{nil}, b.endedHow(), "a clean end")
	assert.Equal(t, []string{"!a/status=online", "a/b=1", "!a/b=2", "!a/status=offline"}, b.got())
	assertUnsent(t, l.Publish(t.Context(), "a/b", []byte("3"), false))
	assertOpen(t, l.Lost(), "Close is no loss")
}

func TestWillIsSentWhenTheConnectionIsCut(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{
		WillTopic: "a/status", WillPayload: []byte("offline"), BirthPayload: []byte("online"),
	})

	l.hangUp()

	assert.Eventually(t, func() bool { return len(b.got()) == 2 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, "!a/status=offline", b.got()[1])
}

func TestWithheldPuback(t *testing.T) {
	noLeak(t)
	s := newStub(t, func(*stub, net.Conn, *packets.PublishPacket) {})
	l := connect(t, Settings{URL: s.url()}, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	err := l.Publish(ctx, "a", []byte("x"), false)

	require.ErrorIs(t, err, context.DeadlineExceeded, "ctx is honoured")
	assertUnknown(t, err)
}

func TestDelayedPuback(t *testing.T) {
	noLeak(t)
	s := newStub(t, func(s *stub, conn net.Conn, p *packets.PublishPacket) {
		time.AfterFunc(50*time.Millisecond, func() { s.ack(conn, p.MessageID) })
	})
	l := connect(t, Settings{URL: s.url()}, Options{})
	start := time.Now()

	err := l.Publish(t.Context(), "a", []byte("x"), false)

	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond, "nil before the PUBACK")
}

func TestClosedAtPublish(t *testing.T) {
	noLeak(t)
	s := newStub(t, func(_ *stub, conn net.Conn, _ *packets.PublishPacket) { conn.Close() })
	l := connect(t, Settings{URL: s.url()}, Options{})

	err := l.Publish(t.Context(), "a", []byte("x"), false)

	assertUnknown(t, err)
	select {
	case <-l.Lost():
	case <-time.After(5 * time.Second):
		t.Fatal("the loss is not told")
	}
	assertUnsent(t, l.Publish(t.Context(), "a", []byte("x"), false))
	require.NoError(t, l.Close())
}

// A broker that is back at once must not make up for what it never
// acknowledged: paho calls such a message delivered when it reconnects.
func TestBrokerThatIsBackAtOnce(t *testing.T) {
	noLeak(t)
	first := true
	var mu sync.Mutex
	s := newStub(t, func(s *stub, conn net.Conn, p *packets.PublishPacket) {
		mu.Lock()
		defer mu.Unlock()
		if first {
			first = false
			conn.Close()
			return
		}
		s.ack(conn, p.MessageID)
	})
	l := connect(t, Settings{URL: s.url()}, Options{})

	err := l.Publish(t.Context(), "a", []byte("x"), false)

	assertUnknown(t, err)
	time.Sleep(50 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Len(t, s.conns, 1, "a link is one connection")
	assert.Empty(t, s.acked, "a link sends nothing twice")
}

func TestKilledWithPublishesInFlight(t *testing.T) {
	noLeak(t)
	const inFlight = 16
	var mu sync.Mutex
	received, accepted := 0, map[string]bool{}
	s := newStub(t, func(s *stub, conn net.Conn, p *packets.PublishPacket) {
		mu.Lock()
		defer mu.Unlock()
		received++
		if received%2 == 0 { // every second one is acknowledged
			accepted[string(p.Payload)] = true
			s.ack(conn, p.MessageID)
		}
		if received == inFlight {
			s.kill()
		}
	})
	l := connect(t, Settings{URL: s.url()}, Options{})

	errs := make([]error, inFlight)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = l.Publish(t.Context(), "a", fmt.Append(nil, i), false) })
	}
	wg.Wait()

	failed := 0
	for i, err := range errs {
		if err != nil {
			failed++
			assertUnknown(t, err)
			continue
		}
		assert.Truef(t, accepted[fmt.Sprint(i)], "message %d counts as delivered and was not acknowledged", i)
	}
	assert.GreaterOrEqual(t, failed, inFlight/2)
	assert.Equal(t, inFlight/2, s.ackCount())
}

func TestPublishesWaitingAtALoss(t *testing.T) {
	s := newStub(t, func(_ *stub, conn net.Conn, p *packets.PublishPacket) {
		time.Sleep(20 * time.Millisecond)
		conn.Close()
	})
	l := connect(t, Settings{URL: s.url()}, Options{})
	big := make([]byte, 4<<20) // fills all buffers on the way

	start := time.Now()
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = l.Publish(t.Context(), "a", big, false) })
	}
	wg.Wait()

	for _, err := range errs {
		require.Error(t, err)
	}
	assert.Less(t, time.Since(start), 10*time.Second, "paho's own wait of 15 s is not ours")
}

func TestCloseDuringPublish(t *testing.T) {
	noLeak(t)
	got := make(chan struct{})
	s := newStub(t, func(_ *stub, _ net.Conn, p *packets.PublishPacket) {
		if p.TopicName == "a" {
			close(got)
		}
	})
	l := connect(t, Settings{URL: s.url()}, Options{})
	result := make(chan error)
	go func() { result <- l.Publish(t.Context(), "a", []byte("x"), false) }()
	<-got

	require.NoError(t, l.Close())

	assertUnknown(t, <-result)
}

func TestCloseLeavesTheLastWordToTheBroker(t *testing.T) {
	noLeak(t)
	s := newStub(t, func(s *stub, conn net.Conn, p *packets.PublishPacket) {
		if string(p.Payload) == "online" {
			s.ack(conn, p.MessageID)
		}
	})
	l := connect(t, Settings{URL: s.url()}, Options{
		WillTopic: "s", WillPayload: []byte("offline"), BirthPayload: []byte("online"),
	})
	start := time.Now()

	require.NoError(t, l.Close())

	assert.Less(t, time.Since(start), offlineTimeout+2*time.Second)
	assert.GreaterOrEqual(t, time.Since(start), offlineTimeout)
	s.close()
	assert.Zero(t, s.ended, "after a DISCONNECT the broker would not publish the will")
}

func TestBirthNotAcknowledged(t *testing.T) {
	noLeak(t)
	s := newStub(t, func(*stub, net.Conn, *packets.PublishPacket) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	_, err := Connect(ctx, Settings{URL: s.url()}, Options{ClientID: "x", WillTopic: "s", BirthPayload: []byte("online")})

	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestPublishRejects(t *testing.T) {
	b := newBroker(t, nil)
	l := connect(t, Settings{URL: "mqtt://" + b.address}, Options{})
	for name, topic := range map[string]string{
		"empty": "", "plus": "a/+", "hash": "#", "NUL": "a\x00b", "not UTF-8": "\xff", "long": strings.Repeat("a", maxTopic+1),
	} {
		t.Run(name, func(t *testing.T) { assertUnsent(t, l.Publish(t.Context(), topic, nil, false)) })
	}
	require.NoError(t, l.Publish(t.Context(), strings.Repeat("a", maxTopic), nil, false), "the longest topic")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		assert.ErrorIs(t, l.Publish(canceled, "a", nil, false), context.Canceled)
	}
}

func assertUnsent(t *testing.T, err error) {
	t.Helper()
	var retry *agent.RetryError
	assert.ErrorAs(t, err, &retry, "surely not sent")
}

func assertUnknown(t *testing.T, err error) {
	t.Helper()
	var retry *agent.RetryError
	if assert.Error(t, err, "not acknowledged, so not delivered") {
		assert.False(t, errors.As(err, &retry), "it may have been taken: %v", err)
	}
}

func assertOpen(t *testing.T, c <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-c:
		t.Error(why)
	default:
	}
}
