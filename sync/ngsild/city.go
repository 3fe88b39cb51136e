package ngsild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// A city is a context broker. It implements agent.Reconciler and agent.Pacer.
type city struct {
	link     *httplink.Link
	settings Settings
	target   uplink.Target
	contexts contexts
	places   places
	asked    bool // whether there is a temporal path is known
	history  bool // there is
	state    state
}

func newCity(link *httplink.Link, s Settings, target uplink.Target) *city {
	return &city{
		link: link, settings: s, target: target,
		contexts: newContexts(s.Context),
		places:   places{of: make(map[agent.Datastream]*place), thing: target.Thing},
		state:    newState(),
	}
}

// Batches: some requests to brokers that need milliseconds for each instance, or
// as many requests as instants.
const (
	batchLimit   = 500
	batchWindow  = 8
	orderedLimit = 100
)

// Pace implements agent.Pacer. Without a temporal path an old value would take
// the place of the current one.
func (c *city) Pace() agent.Pace {
	if c.history {
		return agent.Pace{Limit: batchLimit, Window: batchWindow}
	}
	return agent.Pace{Limit: orderedLimit, InOrder: true}
}

// Announce implements agent.City. It upserts the Device that the gateway is,
// learns what the platform can and shows, and shows what is newer.
func (c *city) Announce(ctx context.Context, thing agent.Thing, streams []*agent.Datastream, latest []agent.Observation) error {
	if err := c.describe(ctx, thing, streams); err != nil {
		return fmt.Errorf("device: %w", err)
	}
	if err := c.probe(ctx); err != nil {
		return fmt.Errorf("temporal path: %w", err)
	}
	if !c.history {
		return nil // what is shown now would be taken back by what waits
	}
	if err := c.look(ctx, streams); err != nil {
		return fmt.Errorf("current state: %w", err)
	}
	sayable, _ := uplink.Sift(latest, unsayable)
	_ = c.show(ctx, agent.Batch{Observations: sayable}) // what cannot be shown keeps nothing from being stored
	return nil
}

// describe upserts the gateway's Device.
func (c *city) describe(ctx context.Context, thing agent.Thing, streams []*agent.Datastream) error {
	words := make(map[string]bool)
	for _, ds := range streams {
		if term, ok := vocabulary.Of(ds.Property); ok && term.Controlled != "" && owner(ds, thing) == thing.ID {
			words[term.Controlled] = true
		}
	}
	if len(words) == 0 {
		words["location"] = true // the model wants one, and every gateway has a place
	}
	p := &place{entity: urn(deviceType, thing.ID), model: deviceType}
	var b strings.Builder
	member(&b, "controlledProperty", property(slices.Sorted(maps.Keys(words))))
	member(&b, "category", property([]string{"sensor"}))
	member(&b, "name", property(strings.ToValidUTF8(thing.Name, "\ufffd")))
	if len(thing.Location) >= 2 {
		member(&b, "location", point(thing.Location))
	}
	body := append(append(appendHead(nil, c.contexts.inBody(deviceType), p), b.String()...), '}')
	r, err := c.upsertSingly(ctx, []entity{{p.entity, body}})
	for _, p := range r.refused {
		if !p.lasting() {
			return &p
		}
		if c.target.Log != nil {
			c.target.Log.Error("the platform does not take the Device that the gateway is; check thing.name and thing.location", "err", p.Error())
		}
	}
	return err
}

// Publish implements agent.City.
func (c *city) Publish(ctx context.Context, batch agent.Batch) error {
	sayable, refused := uplink.Sift(batch.Observations, unsayable)
	batch.Observations = sayable
	deliver := c.ordered
	if c.history {
		deliver = c.remember
	}
	var some *agent.RefusedError
	switch err := deliver(ctx, batch); {
	case errors.As(err, &some):
		maps.Copy(refused, some.Refused)
	case err != nil:
		return err
	}
	if c.history {
		_ = c.show(ctx, batch) // it is stored: what cannot be shown now follows with the next batch
	}
	if len(refused) > 0 {
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// Lost implements agent.City: requests stand for themselves.
func (c *city) Lost() <-chan struct{} { return nil }

// Close implements agent.City.
func (c *city) Close() error { return c.link.Close() }

// contexts says which @context each type of entity has.
type contexts struct{ own []string }

// Where terms are defined: first those of the models, the core last.
const (
	modelContexts = "https://raw.githubusercontent.com/smart-data-models/dataModel."
	coreContext   = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"
)

var domains = map[string]string{
	vocabulary.WeatherObserved:    "Weather",
	vocabulary.AirQualityObserved: "Environment",
	vocabulary.DeviceMeasurement:  "Device",
	deviceType:                    "Device",
}

func newContexts(setting string) contexts { return contexts{strings.Fields(setting)} }

// of lists the URLs for a type of entity.
func (c contexts) of(model string) []string {
	if len(c.own) > 0 {
		return c.own
	}
	if domain, ok := domains[model]; ok {
		return []string{modelContexts + domain + "/master/context.jsonld", coreContext}
	}
	return []string{coreContext}
}

// inHeader tells whether one URL stands for all entities: a Link header has it,
// and no body may.
func (c contexts) inHeader() bool { return len(c.own) == 1 }

// inBody is the @context member of an entity, or "".
func (c contexts) inBody(model string) string {
	if c.inHeader() {
		return ""
	}
	text, err := json.Marshal(c.of(model))
	if err != nil {
		return ""
	}
	return string(text)
}

// link is the header that names a context (GS CIM 009, 6.3.5).
func (c contexts) link(model string) string {
	return "<" + c.of(model)[0] + `>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`
}
