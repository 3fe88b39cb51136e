// Package ngsild is a context broker on the desk: strict in what it takes, and
// with the quirks of those that cities run.
//
// It is written apart from the gateway's code, after GS CIM 009. Where it has a
// temporal path, an observation counts as received when it came there: the
// current state keeps only the newest. Without one each upsert counts, as for a
// broker that keeps what changes.
package ngsild

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
)

// Platform is a broker with a temporal path that keeps an instance once.
var Platform = Options{}.Platform()

// History says what a broker does with the temporal path.
type History int

// What brokers do. The others have no temporal path and answer with that status.
const (
	Idempotent  History = 0                              // an instance that comes again takes its own place, as in Stellio
	Duplicating History = 1                              // it is another one, as in Scorpio
	NotFound    History = http.StatusNotFound            // no such resource
	NotAllowed  History = http.StatusUnprocessableEntity // OperationNotSupported
	NotBuilt    History = http.StatusNotImplemented
	NotEnabled  History = http.StatusServiceUnavailable // as in Orion-LD without -troe
)

// Options say how a broker behaves.
type Options struct {
	History History
	Tenants []string                                 // those it has, if not nil
	Whole   bool                                     // one bad entity and none of an upsert is taken: 400 instead of 207
	Refuse  func(attribute string, value any) string // why a value is bad data, or ""
	Faults  *faults.Faults
}

// Platform returns a platform for the desk that behaves so.
func (o Options) Platform() desk.Platform {
	return desk.Platform{Name: "ngsild", Open: func(b *desk.Book) (desk.Receiver, http.Handler, error) {
		br := &broker{Options: o, book: b, tenants: make(map[string]*tenant), things: make(map[string]bool)}
		for _, raw := range b.Saved() {
			if err := br.restore(raw); err != nil {
				return nil, nil, fmt.Errorf("ngsild: %w", err)
			}
		}
		return nil, o.Faults.Wrap(br.routes()), nil
	}}
}

// A broker keeps entities and their history.
type broker struct {
	Options
	book *desk.Book

	mu      sync.Mutex
	tenants map[string]*tenant
	things  map[string]bool // ids of gateways that have a Device
}

type tenant struct {
	state   map[string]object    // entities by id
	history map[string]*temporal // by id
}

// An object is what JSON calls so; numbers are json.Number.
type object = map[string]any

// temporal is what is remembered of one entity.
type temporal struct {
	kind       string
	attributes map[string][]object
	at         map[string]int // where the instance of an attribute and a time is
}

func (b *broker) tenant(name string) *tenant {
	t, ok := b.tenants[name]
	if !ok {
		t = &tenant{state: make(map[string]object), history: make(map[string]*temporal)}
		b.tenants[name] = t
	}
	return t
}

// saved is one line of what outlives the broker: an entity that was upserted, or
// a temporal entity.
type saved struct {
	Tenant   string `json:"tenant"`
	Entity   object `json:"entity,omitempty"`
	Replace  bool   `json:"replace,omitempty"`
	Temporal object `json:"temporal,omitempty"`
}

func (b *broker) restore(raw json.RawMessage) error {
	var s saved
	if err := decode(raw, &s); err != nil {
		return err
	}
	b.apply(s)
	return nil
}

// apply changes the state or the history. The broker is locked, or not open yet.
func (b *broker) apply(s saved) (created bool) {
	t := b.tenant(s.Tenant)
	if s.Temporal != nil {
		return b.applyTemporal(t, s.Temporal)
	}
	id := text(s.Entity["id"])
	old, ok := t.state[id]
	if !ok || s.Replace {
		old = object{}
	}
	for name, v := range s.Entity {
		if name != "@context" {
			old[name] = v
		}
	}
	t.state[id] = old
	if thing, ok := deviceOf(id); ok {
		b.things[thing] = true
	}
	return !ok
}

func (b *broker) applyTemporal(t *tenant, entity object) (created bool) {
	id := text(entity["id"])
	h, ok := t.history[id]
	if !ok {
		h = &temporal{kind: text(entity["type"]), attributes: make(map[string][]object), at: make(map[string]int)}
		t.history[id] = h
	}
	for name, v := range attributes(entity) {
		for _, i := range v {
			h.keep(name, i, b.History == Idempotent)
		}
	}
	return !ok
}

// keep adds an instance, or puts it where it was.
func (h *temporal) keep(name string, instance object, once bool) {
	key := name + " " + moment(instance["observedAt"]).String()
	if at, ok := h.at[key]; ok && once {
		h.attributes[name][at] = instance
		return
	}
	h.at[key] = len(h.attributes[name])
	h.attributes[name] = append(h.attributes[name], instance)
}
