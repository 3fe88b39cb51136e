package sensorthings

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// object is a JSON object.
type object = map[string]any

// keyName is the property in which an entity has its key.
const keyName = "lamppost"

// observationTypes are those of Observations and Measurements.
const observationTypes = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"

func observationType(k agent.Kind) string {
	switch k {
	case agent.Measurement:
		return observationTypes + "OM_Measurement"
	case agent.Count:
		return observationTypes + "OM_CountObservation"
	case agent.Truth:
		return observationTypes + "OM_TruthObservation"
	}
	return observationTypes + "OM_Observation"
}

// inTurn calls f while nobody else looks for or makes entities.
func (c *city) inTurn(ctx context.Context, f func() (id, error)) (id, error) {
	select {
	case c.ids.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-c.ids.turn }()
	return f()
}

// stream returns the id of a datastream's Datastream, which it finds or makes.
func (c *city) stream(ctx context.Context, ds *agent.Datastream) (id, error) {
	if found, ok := lookup(c.ids, &c.ids.streams, *ds); ok {
		return found, nil
	}
	return c.inTurn(ctx, func() (id, error) {
		if found, ok := lookup(c.ids, &c.ids.streams, *ds); ok {
			return found, nil
		}
		found, err := c.findStream(ctx, ds)
		if err == nil {
			remember(c.ids, &c.ids.streams, *ds, found)
		}
		return found, err
	})
}

func (c *city) findStream(ctx context.Context, ds *agent.Datastream) (id, error) {
	owner := ds.Thing
	if owner == "" {
		owner = c.target.Thing.ID
	}
	thing, err := c.thing(ctx, owner)
	if err != nil {
		return "", err
	}
	// With another unit or kind it is another datastream.
	key := owner + "/" + ds.Name + "/" + ds.Property.Kind.String() + "/" + ds.Property.Unit
	if found, ok := lookup(c.ids, &c.ids.keys, key); ok {
		return found, nil
	}
	term, ok := vocabulary.Of(ds.Property)
	if !ok {
		term.Title, term.Definition = ds.Property.Name, "urn:lamppost:property:"+url.PathEscape(ds.Property.Name)
		term.Unit = vocabulary.Unit{UCUM: ds.Property.Unit, Name: ds.Property.Unit, Symbol: ds.Property.Unit}
	}
	sensor, err := c.findOrMake(ctx, "Sensors", owner+"/"+ds.Sensor, object{
		"name": ds.Sensor, "description": ds.Driver + " at " + owner, "encodingType": "text/html", "metadata": ds.Driver,
	})
	if err != nil {
		return "", err
	}
	observed, err := c.findOrMake(ctx, "ObservedProperties", ds.Property.Name, object{
		"name": ds.Property.Name, "definition": term.Definition, "description": term.Title,
	})
	if err != nil {
		return "", err
	}
	return c.make(ctx, "/Datastreams", object{
		"name": ds.Name, "description": term.Title + " by " + ds.Sensor + " at " + owner,
		"observationType":   observationType(ds.Property.Kind),
		"unitOfMeasurement": unit(term.Unit),
		"properties":        object{keyName: key, "class": ds.Class.String(), "resolution": ds.Resolution},
		"Thing":             c.ref(thing), "Sensor": c.ref(sensor), "ObservedProperty": c.ref(observed),
	})
}

func unit(u vocabulary.Unit) object {
	symbol := u.Symbol
	if symbol == "" {
		symbol = u.UCUM
	}
	return object{"name": u.Name, "symbol": symbol, "definition": "ucum:" + u.UCUM}
}

// notices returns the id of the Datastream of notices.
func (c *city) notices(ctx context.Context) (id, error) {
	return c.inTurn(ctx, func() (id, error) {
		owner := c.target.Thing.ID
		thing, err := c.thing(ctx, owner)
		if err != nil {
			return "", err
		}
		key := owner + "/notices"
		if found, ok := lookup(c.ids, &c.ids.keys, key); ok {
			return found, nil
		}
		sensor, err := c.findOrMake(ctx, "Sensors", owner, object{
			"name": owner, "description": "the gateway itself", "encodingType": "text/html", "metadata": "Lamppost",
		})
		if err != nil {
			return "", err
		}
		observed, err := c.findOrMake(ctx, "ObservedProperties", "notice", object{
			"name": "notice", "definition": "urn:lamppost:notice", "description": "What a gateway tells about its observations",
		})
		if err != nil {
			return "", err
		}
		found, err := c.make(ctx, "/Datastreams", object{
			"name": "notices", "description": "What is told about the observations of " + owner,
			"observationType":   observationType(agent.State),
			"unitOfMeasurement": object{"name": "one", "symbol": "1", "definition": "ucum:1"},
			"properties":        object{keyName: key},
			"Thing":             c.ref(thing), "Sensor": c.ref(sensor), "ObservedProperty": c.ref(observed),
		})
		if err == nil {
			remember(c.ids, &c.ids.keys, key, found)
		}
		return found, err
	})
}

// thing returns the id of a Thing and knows its Datastreams then. It finds or makes
// it, with a Location: without one the server has no feature of interest.
func (c *city) thing(ctx context.Context, key string) (id, error) {
	if found, ok := lookup(c.ids, &c.ids.things, key); ok {
		return found, nil
	}
	q := url.Values{"$filter": {filter(key)}, "$expand": {"Locations($select=id)"}, "$select": {"id"}}
	page, err := c.page(ctx, "/Things?"+q.Encode())
	if err != nil {
		return "", err
	}
	var found id
	if len(page.Value) == 0 {
		entity := object{"name": c.nameOf(key), "description": "Lamppost gateway " + key, "properties": object{keyName: key}}
		where, err := c.location()
		if err != nil {
			return "", err
		}
		entity["Locations"] = []object{where}
		if found, err = c.make(ctx, "/Things", entity); err != nil {
			return "", ofAll(err)
		}
	} else {
		if found, err = c.member(page.Value[0]); err != nil {
			return "", err
		}
		var places []json.RawMessage
		if json.Unmarshal(page.Value[0]["Locations"], &places) != nil || len(places) == 0 {
			where, err := c.location()
			if err != nil {
				return "", err
			}
			if _, err := c.make(ctx, found.path("Things")+"/Locations", where); err != nil {
				return "", ofAll(err)
			}
		}
		if err := c.list(ctx, found); err != nil {
			return "", err
		}
	}
	remember(c.ids, &c.ids.things, key, found)
	return found, nil
}

// ofAll is an error that concerns all Datastreams of a Thing: no *uplink.Permanent,
// which would be the fault of one.
func ofAll(err error) error {
	if unmakeable(err) {
		return errors.New(err.Error())
	}
	return err
}

func (c *city) nameOf(thing string) string {
	if t := c.target.Thing; t.ID == thing && t.Name != "" {
		return t.Name
	}
	return thing
}

func (c *city) location() (object, error) {
	t := c.target.Thing
	if len(t.Location) < 2 {
		return nil, errors.New("thing.location is missing: the server takes no observation of a Thing without a place; set location = [longitude, latitude]")
	}
	return object{
		"name": c.nameOf(t.ID), "description": "Place of " + t.ID, "encodingType": "application/geo+json",
		"location": object{"type": "Point", "coordinates": t.Location},
	}, nil
}
