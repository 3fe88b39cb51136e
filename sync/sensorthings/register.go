package sensorthings

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"

	"github.com/lamppost-city/lamppost/agent"
)

// An id is how a server calls an entity, as JSON: a number or a text.
type id string

// idOf reads an id as it stands in a path: (12) or ('abc').
func idOf(location string) (id, bool) {
	open, end := strings.LastIndexByte(location, '('), strings.LastIndexByte(location, ')')
	if open < 0 || end < open+2 {
		return "", false
	}
	key, err := url.PathUnescape(location[open+1 : end])
	if err != nil {
		return "", false
	}
	if text, ok := strings.CutPrefix(key, "'"); ok && strings.HasSuffix(text, "'") {
		raw, err := json.Marshal(strings.ReplaceAll(strings.TrimSuffix(text, "'"), "''", "'"))
		return id(raw), err == nil
	}
	return id(key), json.Valid([]byte(key))
}

// path is the id behind the name of a set: Things(12), Things('abc').
func (i id) path(set string) string {
	var text string
	if json.Unmarshal([]byte(i), &text) == nil {
		return "/" + set + "(" + url.PathEscape(quote(text)) + ")"
	}
	return "/" + set + "(" + string(i) + ")"
}

// quote writes a text as OData does.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// A register holds what is known of a server's ids, until something is gone.
type register struct {
	turn chan struct{} // has a value while somebody looks for or makes entities

	mu      sync.Mutex
	things  map[string]id           // by the thing's id
	keys    map[string]id           // Datastreams by their keys, of the things above
	streams map[agent.Datastream]id // the same, by what they are for
	others  map[string]id           // Sensors and ObservedProperties, by set and key
}

func newRegister() *register {
	r := &register{turn: make(chan struct{}, 1)}
	r.forget()
	return r
}

// forget lets everything be looked for again.
func (r *register) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.things, r.keys, r.others = make(map[string]id), make(map[string]id), make(map[string]id)
	r.streams = make(map[agent.Datastream]id)
}

// lookup returns what a map of the register has.
func lookup[K comparable](r *register, m *map[K]id, key K) (id, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := (*m)[key]
	return found, ok
}

func remember[K comparable](r *register, m *map[K]id, key K, value id) {
	r.mu.Lock()
	defer r.mu.Unlock()
	(*m)[key] = value
}
