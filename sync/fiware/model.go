package fiware

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// An attribute is one of a device at the north API.
type attribute struct {
	ObjectID   string              `json:"object_id,omitempty"`
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	Expression string              `json:"expression,omitempty"`
	Value      any                 `json:"value,omitempty"`
	Metadata   map[string]metadata `json:"metadata,omitempty"`
}

type metadata struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// A description is a device at the north API.
type description struct {
	ID            string      `json:"device_id"`
	APIKey        string      `json:"apikey,omitempty"`
	EntityName    string      `json:"entity_name"`
	EntityType    string      `json:"entity_type"`
	Transport     string      `json:"transport,omitempty"`
	Timestamp     bool        `json:"timestamp"`
	ExplicitAttrs bool        `json:"explicitAttrs"`
	Attributes    []attribute `json:"attributes"`
	Static        []attribute `json:"static_attributes"`
}

// ofDevice is the entity type for what no Smart Data Model has.
const ofDevice = "Device"

// airQuality are the attributes of other models that AirQualityObserved has too.
var airQuality = map[string]bool{"temperature": true, "relativeHumidity": true}

// entityType returns the Smart Data Model in which all properties of a sensor
// have a place, or Device.
func entityType(terms []vocabulary.Term) string {
	models := make(map[string]bool)
	others := false // what AirQualityObserved has no place for
	for _, t := range terms {
		models[t.Model] = true
		others = others || t.Model != vocabulary.AirQualityObserved && !airQuality[t.Attribute]
	}
	switch {
	case models[vocabulary.DeviceMeasurement] || len(models) == 0:
		return ofDevice
	case len(models) == 1:
		return terms[0].Model
	case models[vocabulary.AirQualityObserved] && !others:
		return vocabulary.AirQualityObserved
	}
	return ofDevice
}

// describe returns the devices of all sensors and that of the gateway.
func describe(thing agent.Thing, streams []*agent.Datastream, transport string) []description {
	sensors := make(map[string][]*agent.Datastream)
	for _, ds := range streams {
		id := deviceID(cmp.Or(ds.Thing, thing.ID), ds.Sensor)
		sensors[id] = append(sensors[id], ds)
	}
	all := []description{describeGateway(thing, transport)}
	for _, id := range slices.Sorted(maps.Keys(sensors)) {
		all = append(all, describeSensor(thing, id, sensors[id], transport))
	}
	return all
}

func describeGateway(thing agent.Thing, transport string) description {
	d := newDescription(thing, thing.ID, ofDevice, transport)
	d.Attributes = append(d.Attributes, attribute{ObjectID: "notice", Name: "notice", Type: "Text"})
	return d
}

func describeSensor(thing agent.Thing, id string, streams []*agent.Datastream, transport string) description {
	var terms []vocabulary.Term
	controlled := make(map[string]bool)
	for _, ds := range streams {
		if t, ok := vocabulary.Of(ds.Property); ok && ds.Property != agent.SensorState {
			terms = append(terms, t)
			controlled[t.Controlled] = t.Controlled != ""
		}
	}
	d := newDescription(thing, id, entityType(terms), transport)
	for _, ds := range streams {
		d.Attributes = append(d.Attributes, attributeOf(ds.Property))
	}
	for _, a := range []attribute{{Name: "count", Type: "Number"}, {Name: "quality", Type: "Text"}, {Name: "span", Type: "Number"}, {Name: "boot", Type: "Number"}, {Name: "mono", Type: "Number"}} {
		a.ObjectID = a.Name
		d.Attributes = append(d.Attributes, a)
	}
	if d.EntityType != ofDevice { // these models want it
		d.Attributes = append(d.Attributes, attribute{ObjectID: "dateObserved", Name: "dateObserved", Type: "DateTime", Expression: "TimeInstant"})
		return d
	}
	maps.DeleteFunc(controlled, func(_ string, is bool) bool { return !is })
	if words := slices.Sorted(maps.Keys(controlled)); len(words) > 0 {
		d.Static = append(d.Static, attribute{Name: "controlledProperty", Type: "StructuredValue", Value: words})
	}
	return d
}

// newDescription returns what all devices have: the keys and the place.
func newDescription(thing agent.Thing, id, entityType, transport string) description {
	d := description{
		ID: id, EntityName: "urn:ngsi-ld:" + entityType + ":" + id, EntityType: entityType, Transport: transport, Timestamp: true,
		Attributes: []attribute{
			{ObjectID: "TimeInstant", Name: "TimeInstant", Type: "DateTime"},
			{ObjectID: "seq", Name: "seq", Type: "Number"},
			{ObjectID: "epoch", Name: "epoch", Type: "Text"},
			{ObjectID: "batch", Name: "batch", Type: "Text"},
		},
		Static: []attribute{},
	}
	if n := len(thing.Location); n >= 2 {
		point := map[string]any{"type": "Point", "coordinates": thing.Location[:2]}
		d.Static = append(d.Static, attribute{Name: "location", Type: "geo:json", Value: point})
	}
	return d
}

// attributeOf says where a property goes in the entity, and in which unit.
func attributeOf(p agent.Property) attribute {
	a := attribute{ObjectID: p.Name, Name: p.Name, Type: "Number"}
	t, ok := vocabulary.Of(p)
	if !ok {
		return a
	}
	if t.Model != vocabulary.DeviceMeasurement {
		a.Name = t.Attribute
	}
	a.Metadata = map[string]metadata{"unitCode": {"Text", t.Modelled.CEFACT}}
	return a
}
