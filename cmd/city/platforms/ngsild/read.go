package ngsild

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// decode reads one JSON value and nothing behind it; numbers keep their text.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("something follows the JSON")
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// dateTime is the form of a time: UTC, at most six places of a second.
var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d{1,6})?Z$`)

func moment(v any) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text(v))
	if err != nil || !dateTime.MatchString(text(v)) {
		return time.Time{}
	}
	return t
}

// attributes returns the attributes of an entity, each as a list of instances.
func attributes(entity object) map[string][]object {
	all := make(map[string][]object)
	for name, v := range entity {
		if name == "id" || name == "type" || name == "@context" || name == "scope" {
			continue
		}
		all[name] = instancesOf(v)
	}
	return all
}

func instancesOf(v any) (all []object) {
	switch v := v.(type) {
	case object:
		return []object{v}
	case []any:
		for _, e := range v {
			o, _ := e.(object)
			all = append(all, o)
		}
	}
	return all
}

// isURI tells whether a text has a scheme and something behind it.
func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && len(s) > len(u.Scheme)+1 && !strings.ContainsAny(s, " <>\"{}|\\^`\r\n\t")
}

// check says what is wrong with an entity, or nothing. In the temporal form every
// instance needs its time, as in Stellio.
func (b *broker) check(entity object, temporal bool) error {
	if id := text(entity["id"]); !isURI(id) {
		return fmt.Errorf("id %q is not a URI", id)
	}
	if text(entity["type"]) == "" {
		return fmt.Errorf("no type")
	}
	for name, v := range entity {
		switch name {
		case "id", "type", "@context":
			continue
		}
		all := instancesOf(v)
		if _, many := v.([]any); len(all) == 0 || many && !temporal {
			return fmt.Errorf("%s is not an attribute", name)
		}
		for _, i := range all {
			if temporal && moment(i["observedAt"]).IsZero() {
				return fmt.Errorf("%s: an instance without observedAt", name)
			}
			if err := b.checkAttribute(name, i, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAttribute checks an instance of an attribute, or of one within another.
func (b *broker) checkAttribute(name string, a object, depth int) error {
	switch kind := text(a["type"]); kind {
	case "Property":
		v, ok := a["value"]
		if !ok || hasNull(v) {
			return fmt.Errorf("%s: a Property without a value", name)
		}
		if b.Refuse != nil && depth == 0 {
			if why := b.Refuse(name, v); why != "" {
				return fmt.Errorf("%s: %s", name, why)
			}
		}
	case "GeoProperty":
		if err := checkPoint(a["value"]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case "Relationship":
		if !isURI(text(a["object"])) {
			return fmt.Errorf("%s: a Relationship with nothing", name)
		}
	default:
		return fmt.Errorf("%s: type %q", name, kind)
	}
	for sub, v := range a {
		switch sub {
		case "type", "value", "object":
		case "observedAt":
			if moment(v).IsZero() {
				return fmt.Errorf("%s: observedAt %v", name, v)
			}
		case "unitCode":
			if text(v) == "" {
				return fmt.Errorf("%s: unitCode %v", name, v)
			}
		default:
			inner, ok := v.(object)
			if !ok {
				return fmt.Errorf("%s: %s is not an attribute", name, sub)
			}
			if err := b.checkAttribute(name+"."+sub, inner, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == "urn:ngsi-ld:null"
	case []any:
		for _, e := range v {
			if hasNull(e) {
				return true
			}
		}
	case object:
		for _, e := range v {
			if hasNull(e) {
				return true
			}
		}
	}
	return false
}

// checkPoint checks GeoJSON: longitude first.
func checkPoint(v any) error {
	p, _ := v.(object)
	coordinates, _ := p["coordinates"].([]any)
	if text(p["type"]) != "Point" || len(coordinates) < 2 || len(coordinates) > 3 {
		return fmt.Errorf("not a Point")
	}
	for i, bound := range []float64{180, 90} {
		n, _ := coordinates[i].(json.Number)
		f, err := n.Float64()
		if err != nil || f < -bound || f > bound {
			return fmt.Errorf("coordinates %v", coordinates)
		}
	}
	return nil
}
