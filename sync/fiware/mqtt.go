package fiware

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
)

// link is what is needed of a mqttlink.Link.
type link interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
	Subscribe(ctx context.Context, s mqttlink.Subscription) error
	Lost() <-chan struct{}
	Close() error
}

// overMQTT is the way over a broker.
type overMQTT struct {
	c      *city
	link   link
	closed chan struct{}
	close  sync.Once
}

// dialMQTT connects to the broker. The gateway's own device is the first whose
// answers are asked for.
func dialMQTT(ctx context.Context, c *city) (way, error) {
	o := &overMQTT{c: c, closed: make(chan struct{})}
	own := &device{id: c.target.Thing.ID, turn: make(chan struct{}, 1), answers: make(chan mark, 1), isReady: true}
	c.devices[own.id] = own
	options := mqttlink.Options{ClientID: c.target.Thing.ID + "-fiware", Secret: c.key}
	if o.readsBack() {
		options.Subscriptions = []mqttlink.Subscription{o.answersOf(own)}
	}
	l, err := mqttlink.Connect(ctx, c.settings.mqtt(), options)
	if err != nil {
		return nil, err
	}
	o.link = l
	return o, nil
}

func (o *overMQTT) readsBack() bool { return o.c.target.Ack == agent.AckReadBack }

func (o *overMQTT) ul() bool { return o.c.settings.Encoding == encodingUL }

// topic is where a device publishes to.
func (o *overMQTT) topic(d *device, kind string) string {
	return "/" + o.c.settings.Encoding + "/" + o.c.key + "/" + d.id + "/" + kind
}

// answersOf asks for the answers of the agent to a device. It publishes them
// without the word for the protocol.
func (o *overMQTT) answersOf(d *device) mqttlink.Subscription {
	return mqttlink.Subscription{Topic: "/" + o.c.key + "/" + d.id + "/configuration/values", QoS: 1, Receive: func(_ string, payload []byte) {
		m, ok := parseAnswer(o.ul(), payload)
		if !ok {
			return
		}
		select {
		case <-d.answers: // only the newest counts
		default:
		}
		select {
		case d.answers <- m:
		default:
		}
	}}
}

// ready implements way.
func (o *overMQTT) ready(ctx context.Context, d *device) error {
	if !o.readsBack() {
		return nil
	}
	return o.link.Subscribe(ctx, o.answersOf(d))
}

// deliver implements way. One message is under way at a time.
func (o *overMQTT) deliver(ctx context.Context, d *device, epoch agent.Epoch, obs []agent.Observation) error {
	for i, m := range messages(epoch, obs, o.c.settings.most()) {
		batch := ""
		if o.readsBack() {
			batch = m.mark.batch
		}
		payload, after := encode(o.ul(), epoch, m, batch, d.shown)
		err := o.send(ctx, d, payload, m.mark, len(m.groups))
		if err != nil {
			d.shown = shown{}
			if i == 0 && errors.Is(err, errNoAnswer) && o.answersForItself(ctx) {
				return o.missing(ctx, err)
			}
			var retry *agent.RetryError
			if i > 0 && errors.As(err, &retry) {
				return partly(err)
			}
			return err
		}
		if d.shown = after; !o.readsBack() {
			d.shown = shown{} // nobody knows what the entity shows
		}
	}
	return nil
}

// answersForItself tells whether the agent answers for the gateway's own device: then
// it is there, and so is all behind it.
func (o *overMQTT) answersForItself(ctx context.Context) bool {
	own, err := o.c.take(ctx, o.c.target.Thing.ID)
	if err != nil {
		return false
	}
	defer own.release()
	_, err = o.ask(ctx, own, o.c.settings.ReadBackWait)
	return err == nil
}

// missing says that the agent does not know a device, of which it takes nothing. One
// that it has forgotten is provisioned again.
func (o *overMQTT) missing(ctx context.Context, cause error) error {
	err := fmt.Errorf("%v; for the gateway itself there is one, so the device is not provisioned: set north_url, or ask who runs the platform", cause)
	o.c.raise(err.Error())
	if failed := o.c.provision(ctx); failed != nil {
		err = fmt.Errorf("%v; provision: %v", err, failed)
	}
	return &agent.RetryError{Err: err}
}

// tell implements way.
func (o *overMQTT) tell(ctx context.Context, d *device, n agent.Notice, text string) error {
	m := noticeMark(n, text)
	batch := ""
	if o.readsBack() {
		batch = m.batch
	}
	return o.send(ctx, d, encodeNotice(o.ul(), n, text, batch), m, 1)
}

func (o *overMQTT) send(ctx context.Context, d *device, payload []byte, m mark, groups int) error {
	if err := o.link.Publish(ctx, o.topic(d, "attrs"), payload, false); err != nil {
		return err
	}
	if !o.readsBack() {
		return nil
	}
	got, err := o.await(ctx, d, m, groups)
	if err != nil {
		return fmt.Errorf("device %s: read-back: %w", d.id, err)
	}
	if got != m {
		return fmt.Errorf("device %s: read-back: the platform shows seq %d of epoch %q, want %d of %s; if this stays, explicitAttrs hides epoch, seq and batch, or the context broker refuses what is sent",
			d.id, got.seq, got.epoch, m.seq, m.epoch)
	}
	return nil
}

// stored implements way: all messages up to the one that the platform shows.
// They were sent one after the other, each when the one before was stored.
func (o *overMQTT) stored(ctx context.Context, d *device, epoch agent.Epoch, obs []agent.Observation) ([]agent.Observation, error) {
	if !o.readsBack() {
		return nil, nil
	}
	all := messages(epoch, obs, o.c.settings.most())
	got, err := o.await(ctx, d, all[len(all)-1].mark, 1)
	if errors.Is(err, errNoAnswer) {
		return nil, nil // an entity that was never made has none
	}
	if err != nil {
		return nil, err
	}
	var have []agent.Observation
	for i, m := range all {
		if m.mark == got {
			for _, m := range all[:i+1] {
				have = append(have, m.observations()...)
			}
		}
	}
	return have, nil
}

// Lost implements way.
func (o *overMQTT) Lost() <-chan struct{} { return o.link.Lost() }

// Close implements way.
func (o *overMQTT) Close() error {
	o.close.Do(func() { close(o.closed) })
	return o.link.Close()
}

// most is how many groups a message may have: Orion-LD takes an entity once in
// a message (trap F9).
func (s Settings) most() int {
	if s.LD {
		return 1
	}
	return maxGroups
}

// question asks the agent for attributes of the entity.
func (o *overMQTT) question() []byte {
	fields := []string{"epoch", "seq", "batch"}
	if o.ul() {
		return []byte("configuration|" + strings.Join(fields, "|"))
	}
	return []byte(`{"type":"configuration","fields":["` + strings.Join(fields, `","`) + `"]}`)
}
