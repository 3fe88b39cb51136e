package fiware

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What an agent listens for: each has groups of its own.
const (
	jsonResource = "/iot/json"
	ulResource   = "/iot/d"
)

// A registry is what was provisioned.
type registry struct {
	groups  map[groupKey]*group
	devices map[deviceKey]*device
}

type groupKey struct{ resource, apikey string }

type deviceKey struct{ apikey, id string }

// A group is a configuration group.
type group struct {
	APIKey        string      `json:"apikey"`
	Resource      string      `json:"resource"`
	EntityType    string      `json:"entity_type"`
	Timestamp     bool        `json:"timestamp"`
	Autoprovision *bool       `json:"autoprovision,omitempty"`
	ExplicitAttrs bool        `json:"explicitAttrs"`
	Attributes    []attribute `json:"attributes,omitempty"`
	Service       string      `json:"service,omitempty"`
	Subservice    string      `json:"subservice,omitempty"`
}

func (g *group) key() groupKey { return groupKey{g.Resource, g.APIKey} }

// A device is a provisioned or invented one.
type device struct {
	ID            string      `json:"device_id"`
	APIKey        string      `json:"apikey"`
	EntityName    string      `json:"entity_name"`
	EntityType    string      `json:"entity_type"`
	Transport     string      `json:"transport,omitempty"`
	Timestamp     *bool       `json:"timestamp,omitempty"`
	ExplicitAttrs *bool       `json:"explicitAttrs,omitempty"`
	Attributes    []attribute `json:"attributes"`
	Static        []attribute `json:"static_attributes"`
	Service       string      `json:"service,omitempty"`
	Subservice    string      `json:"service_path,omitempty"`
}

func (d *device) key() deviceKey { return deviceKey{d.APIKey, d.ID} }

// gone says that a device was removed.
type gone struct{ APIKey, ID string }

func (g *gone) key() deviceKey { return deviceKey{g.APIKey, g.ID} }

type attribute struct {
	ObjectID   string                    `json:"object_id,omitempty"`
	Name       string                    `json:"name"`
	Type       string                    `json:"type"`
	Expression string                    `json:"expression,omitempty"`
	Value      any                       `json:"value,omitempty"`
	Metadata   map[string]map[string]any `json:"metadata,omitempty"`
}

// A verdict is what the agent answers to measures.
type verdict struct {
	status        int
	name, message string
}

var fine = verdict{status: http.StatusOK}

// find returns the device that measures are of, or why there is none.
func (d *Double) find(resource, apikey, id string) (*device, *group, verdict) {
	g, known := d.registry.groups[groupKey{resource, apikey}]
	if !known && d.Open {
		g, known = &group{APIKey: apikey, Resource: resource, EntityType: "Device", Timestamp: true}, true
	}
	if dev, ok := d.registry.devices[deviceKey{apikey, id}]; ok {
		if !known {
			g = &group{}
		}
		return dev, g, fine
	}
	if !known {
		return nil, nil, verdict{404, "DEVICE_GROUP_NOT_FOUND", fmt.Sprintf("Couldn't find device group for fields: [\"resource\",\"apikey\"] and values: {\"resource\":%q,\"apikey\":%q}", resource, apikey)}
	}
	if g.Autoprovision != nil && !*g.Autoprovision {
		return nil, nil, verdict{404, "DEVICE_NOT_FOUND", "No device was found with id:" + id}
	}
	dev := &device{ID: id, APIKey: apikey, EntityName: g.EntityType + ":" + id, EntityType: g.EntityType}
	d.registry.devices[dev.key()] = dev
	return dev, g, fine
}

// measure works on the groups of one message.
func (d *Double) measure(resource, apikey, id string, groups []map[string]any) verdict {
	dev, g, v := d.find(resource, apikey, id)
	if v != fine {
		return v
	}
	timed := true
	for _, m := range groups {
		t, ok := m["TimeInstant"]
		if !ok {
			timed = false
			continue
		}
		if _, err := time.Parse("2006-01-02T15:04:05.999Z07:00", text(t)); err != nil {
			return verdict{400, "BAD_TIMESTAMP", fmt.Sprintf("Invalid timestamp [%v]", t)} // the whole message (trap F8)
		}
	}
	updates := make([]*entity, 0, len(groups))
	for _, m := range groups {
		updates = append(updates, dev.update(g, m))
	}
	if timed && len(updates) > 1 {
		slices.SortStableFunc(updates, func(a, b *entity) int { return strings.Compare(a.time(), b.time()) })
	}
	status, err := d.update(updates)
	if err != nil {
		d.log().Error("update not kept", "err", err)
	}
	return translate(status)
}

func (e *entity) time() string { return text(e.Attrs["TimeInstant"].Value) }

// update returns what one group makes of the entity.
func (dev *device) update(g *group, m map[string]any) *entity {
	u := &entity{ID: dev.EntityName, Type: dev.EntityType, Device: dev.ID, Attrs: map[string]Attr{}}
	declared := append(slices.Clone(g.Attributes), dev.Attributes...)
	explicit, stamp := g.ExplicitAttrs, g.Timestamp
	if dev.ExplicitAttrs != nil {
		explicit = *dev.ExplicitAttrs
	}
	if dev.Timestamp != nil {
		stamp = *dev.Timestamp
	}
	when := ""
	for name, value := range m {
		switch name {
		case "id", "type":
			name = "measure_" + name
		}
		i := slices.IndexFunc(declared, func(a attribute) bool { return a.ObjectID == name || a.ObjectID == "" && a.Name == name })
		switch {
		case i < 0 && explicit:
			continue // the time too: that of arrival takes its place (trap F1)
		case name == "TimeInstant":
			when = text(value)
		case i < 0:
			u.Attrs[name] = Attr{Type: typeOf(value), Value: value}
		default:
			u.Attrs[declared[i].Name] = Attr{Type: declared[i].Type, Value: value, Meta: metaOf(declared[i])}
		}
	}
	for _, a := range dev.Static {
		u.Attrs[a.Name] = Attr{Type: a.Type, Value: a.Value, Meta: metaOf(a)}
	}
	if when == "" && stamp {
		when = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	}
	for _, a := range declared {
		if a.Expression == "TimeInstant" && when != "" {
			u.Attrs[a.Name] = Attr{Type: a.Type, Value: when}
		}
	}
	if when == "" {
		return u
	}
	for name, a := range u.Attrs {
		if a.Meta == nil {
			a.Meta = map[string]any{}
		}
		a.Meta["TimeInstant"] = when
		u.Attrs[name] = a
	}
	u.Attrs["TimeInstant"] = Attr{Type: "DateTime", Value: when}
	return u
}

func metaOf(a attribute) map[string]any {
	meta := map[string]any{}
	for name, m := range a.Metadata {
		meta[name] = m["value"]
	}
	return meta
}

func typeOf(v any) string {
	switch v.(type) {
	case float64, json.Number:
		return "Number"
	case bool:
		return "Boolean"
	case string:
		return "Text"
	}
	return "StructuredValue"
}

// translate says what the agent makes of the context broker's answer.
func translate(status int) verdict {
	const generic = "ENTITY_GENERIC_ERROR"
	switch status {
	case 204:
		return fine
	case refused:
		return verdict{500, "RequestError", "connect ECONNREFUSED 127.0.0.1:1026"}
	case 404: // from a gateway on the way, without a word of its own
		return verdict{200, generic, "Error accesing entity data for device"}
	case 401, 403:
		return verdict{500, "ACCESS_FORBIDDEN", "The Context Broker rejected the update"}
	case 502: // a page
		return verdict{500, "SyntaxError", "Unexpected token < in JSON at position 0"}
	}
	return verdict{status, generic, "Error accesing entity data for device"}
}
