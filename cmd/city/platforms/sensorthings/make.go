package sensorthings

import (
	"fmt"
	"net/url"
	"strings"
)

// A kind is what the standard requires of an entity (OGC 18-088, 8.2).
type kind struct {
	members []string
	links   map[string]string // the link's name → its set; all are mandatory
}

var kinds = map[string]kind{
	"Things":             {[]string{"name", "description"}, nil},
	"Locations":          {[]string{"name", "description", "encodingType", "location"}, nil},
	"Sensors":            {[]string{"name", "description", "encodingType", "metadata"}, nil},
	"ObservedProperties": {[]string{"name", "definition", "description"}, nil},
	"Datastreams": {
		[]string{"name", "description", "observationType", "unitOfMeasurement"},
		map[string]string{"Thing": "Things", "Sensor": "Sensors", "ObservedProperty": "ObservedProperties"},
	},
}

// plan collects what a deep insert makes, all or none.
type plan struct {
	*server
	changes []change
}

// add plans an entity of a set, with those within it, and returns its id.
func (p *plan) add(in string, body object, links map[string]string) (string, error) {
	k := kinds[in]
	for _, name := range k.members {
		if v, ok := body[name]; !ok || v == "" || v == nil {
			return "", fmt.Errorf("missing %s of %s", name, in)
		}
	}
	if err := checkMembers(in, body); err != nil {
		return "", err
	}
	e := &entity{Body: object{}, Links: links}
	if e.Links == nil {
		e.Links = make(map[string]string)
	}
	for name, target := range k.links {
		if e.Links[name] != "" {
			continue
		}
		id, err := p.link(target, body[name])
		if err != nil {
			return "", fmt.Errorf("%s of %s: %w", name, in, err)
		}
		e.Links[name] = id
	}
	for name, v := range body {
		if k.links[name] == "" && name != "Locations" && name != "Datastreams" {
			e.Body[name] = v
		}
	}
	e.ID = p.nextID(len(p.changes) + 1)
	p.changes = append(p.changes, change{Set: in, Entity: e})
	for _, inner := range []struct{ set, link string }{{"Locations", "Thing"}, {"Datastreams", "Thing"}} {
		list, _ := body[inner.set].([]any)
		for _, v := range list {
			o, _ := v.(object)
			if _, err := p.add(inner.set, o, map[string]string{inner.link: e.ID}); err != nil {
				return "", err
			}
		}
	}
	return e.ID, nil
}

// link finds the entity that is named, or plans the one that is given.
func (p *plan) link(target string, v any) (string, error) {
	o, ok := v.(object)
	if !ok {
		return "", fmt.Errorf("missing")
	}
	if ref, ok := o["@iot.id"]; ok {
		id := pathID(ref)
		if p.set(target).all[id] == nil {
			return "", fmt.Errorf("no such entity %v", ref)
		}
		return id, nil
	}
	return p.add(target, o, nil)
}

// checkMembers checks what members are made of.
func checkMembers(in string, body object) error {
	switch in {
	case "Datastreams":
		u, _ := body["unitOfMeasurement"].(object)
		for _, name := range []string{"name", "symbol", "definition"} {
			if _, ok := u[name]; !ok {
				return fmt.Errorf("unitOfMeasurement without %s", name)
			}
		}
		if t, _ := body["observationType"].(string); !strings.HasPrefix(t, "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_") {
			return fmt.Errorf("observationType %q", t)
		}
	case "Locations":
		if t := body["encodingType"]; t != "application/geo+json" && t != "application/vnd.geo+json" {
			return fmt.Errorf("encodingType %v of a Location", t)
		}
		l, _ := body["location"].(object)
		if c, _ := l["coordinates"].([]any); l["type"] != "Point" || len(c) < 2 {
			return fmt.Errorf("location %v", l)
		}
	case "Sensors":
		switch body["encodingType"] {
		case "application/pdf", "text/html", "http://www.opengis.net/doc/IS/SensorML/2.0":
		default:
			return fmt.Errorf("encodingType %v of a Sensor", body["encodingType"])
		}
	case "ObservedProperties":
		t, _ := body["definition"].(string)
		if u, err := url.Parse(t); err != nil || u.Scheme == "" {
			return fmt.Errorf("definition %q is not a URI", t)
		}
	}
	return nil
}
