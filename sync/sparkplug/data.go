package sparkplug

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// maxBytes is how large a message gets. Brokers in clouds take 128 KiB.
const maxBytes = 32 << 10

// A datum is an observation and where it goes.
type datum struct {
	m *metric
	o *agent.Observation
}

// Publish implements agent.City. A batch becomes a message for each device, or
// several if they are large.
func (c *city) Publish(ctx context.Context, batch agent.Batch) error {
	refused := make(map[uint64]string)
	said := make([]*agent.Observation, 0, len(batch.Observations))
	for i := range batch.Observations {
		o := &batch.Observations[i]
		if why := unsayable(o); why != "" {
			refused[o.Seq] = why
			continue
		}
		said = append(said, o)
	}
	if len(said) > 0 {
		if err := c.deliver(ctx, batch, said); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// deliver sends observations in the node's turn and waits for the broker.
func (c *city) deliver(ctx context.Context, batch agent.Batch, said []*agent.Observation) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	err := c.transmit(ctx, batch, c.arrange(said, batch.Late))
	c.end()
	if err == nil {
		err = c.confirmed(ctx)
	}
	return err
}

// arrange puts observations in the order of devices, and of time within one: a
// host takes the last of a message for the current value. Live ones from before the
// clock was set go first, whatever their times are.
func (c *city) arrange(said []*agent.Observation, late bool) []datum {
	var missing []*agent.Datastream
	for _, o := range said {
		if c.metrics[o.Datastream.ID] == nil {
			missing = append(missing, o.Datastream)
		}
	}
	c.learn(missing)
	data := make([]datum, len(said))
	for i, o := range said {
		data[i] = datum{c.metrics[o.Datastream.ID], o}
	}
	slices.SortStableFunc(data, func(x, y datum) int {
		return cmp.Or(cmp.Compare(x.m.device.order, y.m.device.order), clockSet(x, late)-clockSet(y, late), x.o.Time.Compare(y.o.Time))
	})
	return data
}

// clockSet is 1 for what is live and has a time that is trusted, else 0.
func clockSet(d datum, late bool) int {
	if late || d.o.Boot != 0 {
		return 0
	}
	return 1
}

// transmit sends data, and before each message the births that a host asks for.
// Its error is an *agent.RetryError only if no message was sent.
func (c *city) transmit(ctx context.Context, batch agent.Batch, data []datum) error {
	k := keys{thing: c.thing.ID, epoch: batch.Epoch.String(), datatypes: c.datatypes}
	sent := false
	for len(data) > 0 {
		err := c.prepare(ctx, data[0].m.device)
		if err == nil {
			n := c.appendMessage(data, &k, batch.Late)
			err = c.send(ctx, c.node.topic("DDATA", data[0].m.device.id))
			data = data[n:]
		}
		var unsent *agent.RetryError
		switch {
		case err == nil:
			sent = true
		case sent && errors.As(err, &unsent):
			return fmt.Errorf("a part of the batch was sent: %v", err) // not %w: it is no RetryError any more
		default:
			return err
		}
	}
	return nil
}

// prepare sends the births that must come before data of a device.
func (c *city) prepare(ctx context.Context, d *device) error {
	if !c.born {
		c.reborn.Store(false)
		return c.births(ctx)
	}
	if err := c.deliverBirths(ctx); err != nil {
		return err
	}
	if d.unborn {
		return c.birth(ctx, d)
	}
	return nil
}

// appendMessage writes a message from the front of data, all of one device, and
// returns how many it holds. What the hosts may have newer values of is
// historical, which does not change the current value there.
func (c *city) appendMessage(data []datum, k *keys, late bool) int {
	c.startPayload()
	for n, d := range data {
		if n > 0 && (d.m.device != data[0].m.device || len(c.buf) >= maxBytes) {
			return n
		}
		historical := late || !d.m.shows(d.o)
		c.buf = d.m.appendData(c.buf, d.o, k, historical)
		if !historical {
			d.m.current = *d.o
		}
	}
	return len(data)
}
