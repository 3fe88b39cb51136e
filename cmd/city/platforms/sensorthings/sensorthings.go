// Package sensorthings is a server of the SensorThings API 1.1 on the desk, with
// the manners of FROST or of GOST.
//
// It is written apart from the gateway's code, after OGC 18-088. It stores every
// row that comes, also one it has: nothing in the standard says that an
// Observation is known already.
package sensorthings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
)

// Platform is a server with the manners of FROST.
var Platform = Options{}.Platform()

// Style says whose manners a server has.
type Style int

// What servers differ in.
const (
	FROST Style = iota // "error …" for a row, a whole request is a transaction, POST answers with a header only
	GOST               // a bare text for a row, POST answers with the entity
)

// Options say how a server behaves.
type Options struct {
	Style        Style
	TextIDs      bool                                       // ids are texts, not numbers
	PageSize     int                                        // entities in an answer, at most: 100 if 0
	NoParameters bool                                       // parameters are not kept
	Refuse       func(datastream string, result any) string // why a row is refused, or ""
	Faults       *faults.Faults
}

// Platform returns a platform for the desk that behaves so.
func (o Options) Platform() desk.Platform {
	if o.PageSize == 0 {
		o.PageSize = 100
	}
	return desk.Platform{Name: "sensorthings", Open: func(b *desk.Book) (desk.Receiver, http.Handler, error) {
		s := &server{Options: o, book: b, sets: make(map[string]*set)}
		for _, raw := range b.Saved() {
			var c change
			if err := decode(raw, &c); err != nil {
				return nil, nil, fmt.Errorf("sensorthings: %w", err)
			}
			s.apply(c)
		}
		return nil, o.Faults.Wrap(s.routes()), nil
	}}
}

// A server keeps sets of entities.
type server struct {
	Options
	book *desk.Book

	mu   sync.Mutex
	sets map[string]*set
	last int // the last number used in an id
}

// A set has entities in the order in which they were made.
type set struct {
	order []string
	all   map[string]*entity // by id, as it stands in a path
}

// An entity is what was posted, and what it belongs to.
type entity struct {
	ID    string            `json:"id"`
	Body  object            `json:"body"`
	Links map[string]string `json:"links"` // "Thing" → id
}

// An object is what JSON calls so; numbers are json.Number.
type object = map[string]any

// A change is one line of what outlives the server.
type change struct {
	Set    string  `json:"set"`
	Entity *entity `json:"entity,omitempty"`
	Gone   string  `json:"gone,omitempty"` // the id of one that was deleted
}

// apply makes a change. The server is locked, or not open yet.
func (s *server) apply(c change) {
	in := s.set(c.Set)
	if c.Gone != "" {
		delete(in.all, c.Gone)
		return
	}
	s.last++
	in.order = append(in.order, c.Entity.ID)
	in.all[c.Entity.ID] = c.Entity
}

func (s *server) set(name string) *set {
	in, ok := s.sets[name]
	if !ok {
		in = &set{all: make(map[string]*entity)}
		s.sets[name] = in
	}
	return in
}

// nextID is the n-th id from now on.
func (s *server) nextID(n int) string {
	if s.TextIDs {
		return fmt.Sprintf("'id-%d'", s.last+n)
	}
	return fmt.Sprint(s.last + n)
}

// shownID is an id as JSON.
func shownID(id string) any {
	if len(id) > 1 && id[0] == '\'' {
		return id[1 : len(id)-1]
	}
	return json.Number(id)
}

// pathID is an id in JSON as it stands in a path.
func pathID(v any) string {
	switch v := v.(type) {
	case string:
		return "'" + v + "'"
	case json.Number:
		return v.String()
	}
	return ""
}
