package senml

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A city is a broker or server that is sent SenML. It implements agent.City.
type city struct {
	link     link
	thing    string
	cbor     bool
	compress func(dst, src []byte) []byte // nil does not
	log      *slog.Logger                 // or nil
}

// Announce implements agent.City. The message is retained, so another one of
// the same content changes nothing.
func (c *city) Announce(ctx context.Context, thing agent.Thing, streams []*agent.Datastream, _ []agent.Observation) error {
	payload, err := json.Marshal(announce(thing, streams))
	if err != nil {
		return err
	}
	err = c.link.Publish(ctx, topic(c.thing, announcement), payload, true)
	var permanent *uplink.Permanent
	if errors.As(err, &permanent) {
		if c.log != nil {
			c.log.Error("the server does not take the announcement; observations are sent all the same", "err", err)
		}
		return nil
	}
	return err
}

// Publish implements agent.City. A batch that is too large for one pack is
// sent as several at a time.
func (c *city) Publish(ctx context.Context, batch agent.Batch) error {
	if len(batch.Observations) == 0 {
		return nil
	}
	return uplink.Bisect(batch.Observations, func(obs []agent.Observation) error {
		return c.publish(ctx, agent.Batch{Epoch: batch.Epoch, Observations: obs})
	})
}

func (c *city) publish(ctx context.Context, batch agent.Batch) error {
	e := encoder{thing: c.thing, epoch: batch.Epoch, cbor: c.cbor}
	var packs []*pack
	for rest := batch.Observations; len(rest) > 0; {
		p := newPack()
		var n int
		p.bytes, n = e.appendPack(p.bytes[:0], rest)
		rest = rest[n:]
		if len(p.bytes) > 0 {
			packs = append(packs, c.compressed(p))
		}
	}
	if err := c.send(ctx, packs); err != nil {
		return err
	}
	if len(e.refused) > 0 {
		return &agent.RefusedError{Refused: e.refused}
	}
	return nil
}

func (c *city) compressed(p *pack) *pack {
	if c.compress == nil {
		return p
	}
	small := newPack()
	small.bytes = c.compress(small.bytes[:0], p.bytes)
	p.free()
	return small
}

// send publishes packs and waits for all acknowledgements.
func (c *city) send(ctx context.Context, packs []*pack) error {
	errs := make([]error, len(packs))
	var wg sync.WaitGroup
	for i, p := range packs {
		publish := func() {
			errs[i] = c.link.Publish(ctx, topic(c.thing, observations), p.bytes, false)
			if errs[i] == nil {
				p.free() // nobody reads it any more
			}
		}
		if i == len(packs)-1 {
			publish()
		} else {
			wg.Go(publish)
		}
	}
	wg.Wait()
	return outcome(errs)
}

// outcome is that of a whole batch: surely not taken only if no part was.
func outcome(errs []error) error {
	var (
		failed error
		taken  bool
	)
	for _, err := range errs {
		var retry *agent.RetryError
		switch {
		case err == nil:
			taken = true
		case errors.As(err, &retry):
			if failed == nil {
				failed = err
			}
		default:
			return err
		}
	}
	if failed != nil && taken {
		return fmt.Errorf("a part of the batch was sent: %v", failed) // not %w: it is no RetryError any more
	}
	return failed
}

// Notify implements agent.City. The next notice is sent when the one before is
// acknowledged.
func (c *city) Notify(ctx context.Context, told []agent.Notice) error {
	for _, n := range told {
		payload, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
		if err := c.link.Publish(ctx, topic(c.thing, notices), payload, false); err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
	}
	return nil
}

// Lost implements agent.City.
func (c *city) Lost() <-chan struct{} { return c.link.Lost() }

// Close implements agent.City.
func (c *city) Close() error { return c.link.Close() }

// A pack is a buffer that is used again once the broker has its content.
type pack struct{ bytes []byte }

var packs = sync.Pool{New: func() any { return &pack{make([]byte, 0, maxBytes+1<<10)} }}

func newPack() *pack  { return packs.Get().(*pack) }
func (p *pack) free() { packs.Put(p) }

// An announcementMessage says what a gateway observes.
type announcementMessage struct {
	Thing       announcedThing        `json:"thing"`
	Datastreams []announcedDatastream `json:"datastreams"`
}

type announcedThing struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Location []float64 `json:"location,omitempty"`
}

type announcedDatastream struct {
	Name       string `json:"name"`
	Sensor     string `json:"sensor"`
	Driver     string `json:"driver"`
	Property   string `json:"property"`
	Unit       string `json:"unit"` // a UCUM code
	Kind       string `json:"kind"`
	Resolution int8   `json:"resolution"`
	Class      string `json:"class"`
}

func announce(thing agent.Thing, streams []*agent.Datastream) announcementMessage {
	m := announcementMessage{
		Thing:       announcedThing{thing.ID, thing.Name, thing.Location},
		Datastreams: make([]announcedDatastream, 0, len(streams)),
	}
	for _, ds := range streams {
		m.Datastreams = append(m.Datastreams, announcedDatastream{
			Name: ds.Name, Sensor: ds.Sensor, Driver: ds.Driver, Property: ds.Property.Name, Unit: ds.Property.Unit,
			Kind: ds.Property.Kind.String(), Resolution: ds.Resolution, Class: ds.Class.String(),
		})
	}
	return m
}
