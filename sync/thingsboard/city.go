package thingsboard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// link is what a city needs of a mqttlink.Link.
type link interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
	Confirm(ctx context.Context) error
	Lost() <-chan struct{}
	Close() error
}

// A city is a ThingsBoard. It implements agent.City.
type city struct {
	link    link
	thing   string
	confirm bool
	told    int64 // the ts of the last notice
}

// Announce implements agent.City. Devices are made by their names, and what is
// said of them takes the place of what was said before.
func (c *city) Announce(ctx context.Context, thing agent.Thing, streams []*agent.Datastream, _ []agent.Observation) error {
	sensors := make(map[string][]*agent.Datastream)
	for _, ds := range streams {
		name := deviceName(cmp.Or(ds.Thing, thing.ID), ds.Sensor)
		sensors[name] = append(sensors[name], ds)
	}
	for _, name := range slices.Sorted(maps.Keys(sensors)) {
		newest := slices.MaxFunc(sensors[name], func(a, b *agent.Datastream) int { return cmp.Compare(a.ID, b.ID) })
		about := describe(thing, newest, sensors[name])
		if err := c.publish(ctx, connect, map[string]any{"device": name, "type": newest.Driver}); err != nil {
			return fmt.Errorf("announce %s: %w", name, err)
		}
		if err := c.publish(ctx, attributes, map[string]any{name: about}); err != nil {
			return fmt.Errorf("announce %s: %w", name, err)
		}
	}
	return c.confirmed(ctx)
}

// describe returns the client attributes of a device.
func describe(thing agent.Thing, ds *agent.Datastream, streams []*agent.Datastream) map[string]any {
	units := make(map[string]string)
	for _, s := range streams {
		units[s.Property.Name] = s.Property.Unit
	}
	about := map[string]any{"thing": cmp.Or(ds.Thing, thing.ID), "sensor": ds.Sensor, "driver": ds.Driver, "units": units}
	if thing.Name != "" {
		about["place"] = thing.Name
	}
	for i, key := range []string{"longitude", "latitude", "altitude"} {
		if i < len(thing.Location) {
			about[key] = thing.Location[i]
		}
	}
	return about
}

func (c *city) publish(ctx context.Context, topic string, what any) error {
	payload, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return c.link.Publish(ctx, topic, payload, false)
}

// confirmed returns nil when ThingsBoard has not ended the connection after what
// it acknowledged. Its error is never an *agent.RetryError: something was sent.
func (c *city) confirmed(ctx context.Context) error {
	if !c.confirm {
		return nil
	}
	if err := c.link.Confirm(ctx); err != nil {
		return fmt.Errorf("acknowledged and not confirmed: %v", err)
	}
	return nil
}

// Publish implements agent.City.
func (c *city) Publish(ctx context.Context, batch agent.Batch) error {
	all, refused := split(batch.Observations, c.thing)
	messages := pack(batch.Epoch, all)
	for i, payload := range messages {
		err := c.link.Publish(ctx, telemetry, payload, false)
		var retry *agent.RetryError
		if i > 0 && errors.As(err, &retry) {
			return fmt.Errorf("a part of the batch was sent: %v", err)
		}
		if err != nil {
			return err
		}
	}
	if len(messages) > 0 {
		if err := c.confirmed(ctx); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// Notify implements agent.City. Each notice has a ts of its own: ThingsBoard
// keeps one for a ts.
func (c *city) Notify(ctx context.Context, told []agent.Notice) error {
	for _, n := range told {
		c.told = max(c.told+1, n.Time.UnixMilli())
		entry := map[string]any{"ts": c.told, "values": map[string]any{"notice": n, "thing": c.thing}}
		if err := c.publish(ctx, own, []any{entry}); err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
	}
	return c.confirmed(ctx)
}

// Lost implements agent.City.
func (c *city) Lost() <-chan struct{} { return c.link.Lost() }

// Close implements agent.City.
func (c *city) Close() error { return c.link.Close() }
