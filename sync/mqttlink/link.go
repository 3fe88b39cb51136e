package mqttlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/eclipse/paho.mqtt.golang"

	"github.com/lamppost-city/lamppost/agent"
)

// Options are what a protocol adds to the settings of a city.
type Options struct {
	ClientID string // who the broker takes the gateway for; two with one id end each other's connection

	// WillTopic is where the broker publishes WillPayload when the connection is
	// lost, and Close does, with QoS 1; if it is empty, nowhere. A fleeting will
	// is not retained.
	WillTopic    string
	WillPayload  []byte
	FleetingWill bool
	BirthPayload []byte // published there by Connect, retained, unless it is nil

	// Subscriptions are made before Connect returns.
	Subscriptions []Subscription

	// Secret is a part of topics that no error shows, or "".
	Secret string
}

// errClosed is why nothing can be sent after Close.
var errClosed = errors.New("the link is closed")

// maxPayload leaves room for a topic in what the length field of a packet can
// say (MQTT 3.1.1, 2.2.3).
const maxPayload = 268_435_455 - maxTopic - 4

// A Link is one connection to a broker. Publish may be called by several
// goroutines at a time.
type Link struct {
	client  mqtt.Client
	options Options
	sending chan message
	closing chan struct{} // closed when Close begins
	lost    chan struct{} // closed when the connection ended by itself
	over    chan struct{} // closed when it ended in whichever way
	close   sync.Once

	mu    sync.Mutex
	conn  net.Conn // of paho, closed here too: its Disconnect may not get that far
	cause error    // why over is closed
}

type message struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
	token    chan mqtt.Token // of capacity 1
}

func newMessage(topic string, payload []byte, retained bool) message {
	return message{topic, payload, 1, retained, make(chan mqtt.Token, 1)}
}

// Connect opens a connection and says on the WillTopic that it is there. It
// gives up when ctx is done, and after 30 s. Password and certificates are
// read anew each time. The settings are those that Validate takes.
func Connect(ctx context.Context, s Settings, o Options) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	l := &Link{
		options: o,
		sending: make(chan message),
		closing: make(chan struct{}),
		lost:    make(chan struct{}),
		over:    make(chan struct{}),
	}
	e, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	po, err := l.paho(ctx, s, e)
	if err != nil {
		return nil, err
	}
	l.client = mqtt.NewClient(po)
	if err := l.connect(ctx); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", e.address(), explain(err))
	}
	go l.send()
	if err := l.greet(ctx); err != nil {
		l.end(errClosed)
		l.disconnect()
		return nil, fmt.Errorf("connect to %s: %w", e.address(), err)
	}
	return l, nil
}

// greet makes the subscriptions and says that the gateway is there.
func (l *Link) greet(ctx context.Context) error {
	for _, s := range l.options.Subscriptions {
		if err := l.subscribe(ctx, s); err != nil {
			return err
		}
	}
	if l.options.WillTopic == "" || l.options.BirthPayload == nil {
		return nil
	}
	birth := newMessage(l.options.WillTopic, l.options.BirthPayload, true)
	if err := l.publish(ctx, birth, nil); err != nil {
		return fmt.Errorf("say that the gateway is there: %w", err)
	}
	return nil
}

// Publish sends a message with QoS 1 and returns nil when the broker has
// acknowledged it on this connection. An *agent.RetryError says that it was
// surely not sent; after any other error it may have been, and payload must
// not be changed any more.
func (l *Link) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	if err := l.checkTopic(topic); err != nil {
		return unsent(err)
	}
	if len(payload) > maxPayload {
		return unsent(fmt.Errorf("payload of %d bytes: MQTT allows %d", len(payload), maxPayload))
	}
	return l.publish(ctx, newMessage(topic, payload, retained), l.closing)
}

// Send sends a message with QoS 0, for which no broker vouches. It returns nil
// when the message is written to the connection, and errors as Publish.
func (l *Link) Send(ctx context.Context, topic string, payload []byte) error {
	if err := l.checkTopic(topic); err != nil {
		return unsent(err)
	}
	m := newMessage(topic, payload, false)
	m.qos = 0
	return l.publish(ctx, m, l.closing)
}

// publish gives up when stop is closed, unless paho has the message by then.
func (l *Link) publish(ctx context.Context, m message, stop <-chan struct{}) error {
	select { // of two ready cases, the next select would take any
	case <-stop:
		return unsent(errClosed)
	case <-l.over:
		return unsent(l.why())
	default:
	}
	select {
	case l.sending <- m:
	case <-stop:
		return unsent(errClosed)
	case <-l.over:
		return unsent(l.why())
	case <-ctx.Done():
		return unsent(ctx.Err())
	}
	return l.settled(ctx, m)
}

// settled waits for the broker's word on a message that paho has, or may have.
func (l *Link) settled(ctx context.Context, m message) error {
	var token mqtt.Token
	select {
	case token = <-m.token:
	case <-l.over:
		return fmt.Errorf("publish to %s: %w", l.shown(m.topic), l.why())
	case <-ctx.Done():
		return fmt.Errorf("publish to %s: %w", l.shown(m.topic), ctx.Err())
	}
	select {
	case <-token.Done():
	case <-l.over:
		return fmt.Errorf("publish to %s: %w", l.shown(m.topic), l.why())
	case <-ctx.Done():
		return fmt.Errorf("publish to %s: %w", l.shown(m.topic), ctx.Err())
	}
	if err := token.Error(); errors.Is(err, mqtt.ErrNotConnected) {
		return unsent(err)
	} else if err != nil {
		return fmt.Errorf("publish to %s: %w", l.shown(m.topic), err)
	}
	select {
	case <-l.over:
		return fmt.Errorf("publish to %s: %w", l.shown(m.topic), l.why())
	default:
		return nil
	}
}

// unsent says that a message was surely not sent.
func unsent(err error) error { return &agent.RetryError{Err: err} }

// send hands messages to paho, one at a time as paho takes them. It ends when
// the connection has, or up to writeTimeout later: paho's Publish waits so long
// for a connection that is lost while it waits.
func (l *Link) send() {
	for {
		select {
		case m := <-l.sending:
			m.token <- l.client.Publish(m.topic, m.qos, m.retained, m.payload)
		case <-l.over:
			return
		}
	}
}

// Lost returns a channel that is closed when the connection has ended by itself.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Close says that the gateway is gone and ends the connection. Calls of
// Publish under way end with an error. If the broker does not take the last
// word within a second, it is left to say it itself.
func (l *Link) Close() error {
	l.close.Do(func() {
		close(l.closing)
		if err := l.farewell(); err != nil {
			l.hangUp()
		}
		l.end(errClosed)
		l.disconnect()
	})
	return nil
}

func (l *Link) farewell() error {
	if l.options.WillTopic == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), offlineTimeout)
	defer cancel()
	return l.publish(ctx, newMessage(l.options.WillTopic, l.options.WillPayload, !l.options.FleetingWill), nil)
}

// Leave ends the connection as Close does, and has nothing said of it: for who
// has not said that he is there.
func (l *Link) Leave() {
	l.close.Do(func() {
		close(l.closing)
		l.end(errClosed)
		l.disconnect()
	})
}

// disconnect ends paho's client, and its connection whatever paho does.
func (l *Link) disconnect() {
	l.client.Disconnect(quiesce)
	l.hangUp()
}

func (l *Link) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
	}
}

// lose is called by paho when the connection has ended by itself.
func (l *Link) lose(err error) {
	if l.end(fmt.Errorf("connection lost: %w", explain(err))) {
		close(l.lost)
	}
}

// end notes why the connection is over, and tells whether it is the first to.
func (l *Link) end(cause error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil {
		return false
	}
	l.cause = cause
	close(l.over)
	return true
}

func (l *Link) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}
