package ngsild

import (
	"encoding/json"
	"math"
	"strings"
	"sync"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// Types of entities that no vocabulary term names.
const (
	deviceType = "Device"
	noticeType = "LamppostNotice"
)

// A place is where the observations of a datastream go.
type place struct {
	entity    string // its id
	model     string // its type
	attribute string
	unit      string // the code of UN/CEFACT, "" if there is none
	scale     float64
	digits    int8   // a scaled value has that many places
	fixed     string // members of the entity that do not change, each with a comma before it
}

// places finds the place of each datastream once.
type places struct {
	mu    sync.Mutex
	of    map[agent.Datastream]*place
	thing agent.Thing
}

func (p *places) find(ds *agent.Datastream) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if found, ok := p.of[*ds]; ok {
		return found
	}
	found := placeOf(ds, p.thing)
	p.of[*ds] = found
	return found
}

// placeOf says where a datastream goes. A property that no vocabulary knows is
// sent too, as a number without a unit.
func placeOf(ds *agent.Datastream, thing agent.Thing) *place {
	id := owner(ds, thing)
	term, ok := vocabulary.Of(ds.Property)
	if !ok {
		term = vocabulary.Term{Model: vocabulary.DeviceMeasurement, Attribute: vocabulary.NumValue, Scale: 1}
	}
	p := &place{model: term.Model, attribute: term.Attribute, unit: term.Modelled.CEFACT, scale: term.Scale, digits: ds.Resolution}
	name := id + "-" + ds.Sensor
	var fixed strings.Builder
	if p.model == vocabulary.DeviceMeasurement {
		name += "-" + ds.Property.Name
		member(&fixed, "measurementType", property(ds.Property.Name))
		if term.Controlled != "" {
			member(&fixed, "controlledProperty", property(term.Controlled))
		}
		if p.unit != "" {
			member(&fixed, "unit", property(p.unit))
		}
	}
	p.entity = urn(p.model, name)
	if p.scale != 1 {
		p.digits += int8(math.Ceil(-math.Log10(p.scale)))
	}
	if thing.ID == id && len(thing.Location) >= 2 {
		member(&fixed, "location", point(thing.Location))
	}
	member(&fixed, "refDevice", map[string]any{"type": "Relationship", "object": urn(deviceType, id)})
	p.fixed = fixed.String()
	return p
}

// owner is the id of the thing that a datastream belongs to.
func owner(ds *agent.Datastream, thing agent.Thing) string {
	if ds.Thing != "" {
		return ds.Thing
	}
	return thing.ID
}

// member appends a member of a JSON object.
func member(b *strings.Builder, name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		return // texts, numbers and maps of them always have one
	}
	b.WriteString(`,"` + name + `":`)
	b.Write(text)
}

func property(value any) map[string]any { return map[string]any{"type": "Property", "value": value} }

// point is a GeoProperty: longitude, latitude, and altitude if it is known.
func point(location []float64) map[string]any {
	return map[string]any{"type": "GeoProperty", "value": map[string]any{"type": "Point", "coordinates": location}}
}

// urn is the id of an entity: a URI, whatever is in the name.
func urn(model, name string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteString("urn:ngsi-ld:" + model + ":")
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~:", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
	}
	return b.String()
}
