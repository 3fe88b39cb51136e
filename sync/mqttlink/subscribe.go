package mqttlink

import (
	"context"
	"errors"
	"fmt"

	"github.com/eclipse/paho.mqtt.golang"
)

// A Subscription asks the broker for what is published to a topic. Receive is
// called for one message at a time and must not wait for the link.
type Subscription struct {
	Topic   string // may have the wildcards of MQTT
	QoS     byte
	Receive func(topic string, payload []byte)
}

// Subscribe asks for more than the options do. It returns when the broker has
// granted it.
func (l *Link) Subscribe(ctx context.Context, s Subscription) error {
	select {
	case <-l.closing:
		return errClosed
	default:
		return l.subscribe(ctx, s)
	}
}

// subscribe returns when the broker has granted a subscription.
func (l *Link) subscribe(ctx context.Context, s Subscription) error {
	// Paho's Subscribe waits up to writeTimeout for a connection that is lost
	// while it waits; then this goroutine ends too.
	made := make(chan mqtt.Token, 1)
	go func() {
		made <- l.client.Subscribe(s.Topic, s.QoS, func(_ mqtt.Client, m mqtt.Message) { s.Receive(m.Topic(), m.Payload()) })
	}()
	var token mqtt.Token
	select {
	case token = <-made:
	case <-l.over:
		return fmt.Errorf("subscribe to %s: %w", l.shown(s.Topic), l.why())
	case <-ctx.Done():
		return fmt.Errorf("subscribe to %s: %w", l.shown(s.Topic), ctx.Err())
	}
	select {
	case <-token.Done():
	case <-l.over:
		return fmt.Errorf("subscribe to %s: %w", l.shown(s.Topic), l.why())
	case <-ctx.Done():
		return fmt.Errorf("subscribe to %s: %w", l.shown(s.Topic), ctx.Err())
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("subscribe to %s: %w", l.shown(s.Topic), err)
	}
	if granted := token.(*mqtt.SubscribeToken).Result()[s.Topic]; granted > 2 {
		return fmt.Errorf("subscribe to %s: %w; check its access list", l.shown(s.Topic), errRefused)
	}
	return nil
}

// errRefused is why a subscription is none.
var errRefused = errors.New("the broker refuses it")

// Confirm returns nil when the broker has answered a packet that was sent now:
// it had not closed the connection after what it answered before. It makes the
// first subscription of the options once more, as paho cannot be told to ping.
// A refusal is an answer too: some brokers refuse an identifier that they use
// for a message of their own.
func (l *Link) Confirm(ctx context.Context) error {
	if len(l.options.Subscriptions) == 0 {
		return errors.New("confirm: no subscription")
	}
	err := l.subscribe(ctx, l.options.Subscriptions[0])
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}
