package ngsild

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// A state is what the platform shows as current, as far as it is known here. Who
// changes it holds its lock until the platform has answered: a newer value must
// not be overtaken by an older one.
type state struct {
	turn     chan struct{} // has a value while somebody is at it
	entities map[string]*shown
	waiting  map[attributeKey]candidate // not shown yet
	behind   bool                       // and a person was told so
}

type attributeKey struct{ entity, attribute string }

// A candidate is an observation to be shown.
type candidate struct {
	placed
	late bool
}

// shown is what the platform shows of one entity.
type shown struct {
	told  bool // it has what does not change
	attrs map[string]mark
}

// A mark is what is known of a value the platform shows.
type mark struct {
	at   time.Time
	boot bool // the clock was not trusted then
}

func newState() state {
	return state{turn: make(chan struct{}, 1), entities: make(map[string]*shown), waiting: make(map[attributeKey]candidate)}
}

func (s *state) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *state) unlock() { <-s.turn }

func (s *state) of(id string) *shown {
	e, ok := s.entities[id]
	if !ok {
		e = &shown{attrs: make(map[string]mark)}
		s.entities[id] = e
	}
	return e
}

// entity writes observations of one entity as its current state. What does not
// change is told once: brokers with history would keep it each time.
func (s *state) entity(context string, obs []placed) entity {
	e := s.of(obs[0].entity)
	after := maps.Clone(e.attrs)
	for _, o := range obs {
		after[o.attribute] = mark{at: o.o.Time}
	}
	var at time.Time
	for _, m := range after {
		if m.at.After(at) {
			at = m.at
		}
	}
	dst := appendHead(nil, context, obs[0].place)
	dst = append(dst, `,"dateObserved":{"type":"Property","value":{"@type":"DateTime","@value":"`...)
	dst = at.UTC().AppendFormat(dst, layout)
	dst = append(dst, `"}}`...)
	for i := range obs {
		dst = append(append(append(dst, `,"`...), obs[i].attribute...), `":`...)
		dst = appendInstance(dst, &obs[i])
	}
	if !e.told {
		dst = append(dst, obs[0].fixed...)
	}
	return entity{obs[0].entity, append(dst, '}')}
}

// mark notes what the platform shows of an entity now. If that was created it is
// told all, or was deleted by somebody and must be told again.
func (s *state) mark(obs []placed, created bool) {
	e := s.of(obs[0].entity)
	e.told = !e.told || !created
	for _, o := range obs {
		e.attrs[o.attribute] = mark{o.o.Time, o.o.Boot != 0}
	}
}

// newer tells whether an observation may take the place of what is shown.
func (c candidate) newer(m mark) bool {
	// A clock that was set moves times back: what is live counts, then.
	return !c.o.Time.Before(m.at) || m.boot && c.o.Boot == 0 && !c.late
}

// show brings the newest value of each attribute to the current state, if it is
// newer than what is there. What is not taken for now is kept for the next call.
func (c *city) show(ctx context.Context, batch agent.Batch) error {
	s := &c.state
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	for _, o := range c.place(batch) {
		k, n := attributeKey{o.entity, o.attribute}, candidate{o, batch.Late}
		if w, ok := s.waiting[k]; ok && !n.newer(mark{w.o.Time, w.o.Boot != 0}) {
			continue
		}
		if m, ok := s.of(o.entity).attrs[o.attribute]; !ok || n.newer(m) {
			s.waiting[k] = n
		}
	}
	if len(s.waiting) == 0 {
		return nil
	}
	err := c.showWaiting(ctx)
	if err != nil && !s.behind && c.target.Log != nil {
		c.target.Log.Warn("the platform has all observations, but does not show the newest; they follow", "err", err)
	}
	s.behind = err != nil
	return err
}

// showLimit is how many entities go into one upsert.
const showLimit = 100

// showWaiting upserts what waits to be shown. An entity that the platform will
// never take is not tried again until it has another value.
func (c *city) showWaiting(ctx context.Context) error {
	s := &c.state
	groups := make(map[string][]placed)
	for _, w := range s.waiting {
		groups[w.entity] = append(groups[w.entity], w.placed)
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(groups)), showLimit) {
		entities := make([]entity, 0, len(ids))
		for _, id := range ids {
			g := groups[id]
			slices.SortFunc(g, func(a, b placed) int { return cmp.Compare(a.attribute, b.attribute) })
			entities = append(entities, s.entity(c.contexts.inBody(g[0].model), g))
		}
		r, err := c.upsertSingly(ctx, entities)
		if err != nil {
			return err
		}
		for _, id := range ids {
			p, failed := r.refused[id]
			switch {
			case !failed:
				s.mark(groups[id], slices.Contains(r.created, id))
			case !p.lasting():
				return &p
			case c.target.Log != nil:
				c.target.Log.Warn("the platform does not show the current state of an entity", "entity", id, "err", p.Error())
			}
			for _, w := range groups[id] {
				delete(s.waiting, attributeKey{w.entity, w.attribute})
			}
		}
	}
	return nil
}

// lookers is how many entities are asked for at a time.
const lookers = 4

// look reads what the platform shows of the entities that are new here.
func (c *city) look(ctx context.Context, streams []*agent.Datastream) error {
	s := &c.state
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	models := make(map[string]string)
	for _, ds := range streams {
		if p := c.places.find(ds); s.entities[p.entity] == nil {
			models[p.entity] = p.model
		}
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		found = make(map[string]*shown)
		slots = make(chan struct{}, lookers)
	)
	for id, model := range models {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			e, err := c.lookAt(ctx, id, model)
			mu.Lock()
			defer mu.Unlock()
			found[id] = e
			first = cmp.Or(first, err)
		})
	}
	wg.Wait()
	if first == nil {
		maps.Copy(s.entities, found)
	}
	return first
}

func (c *city) lookAt(ctx context.Context, id, model string) (*shown, error) {
	e := &shown{attrs: make(map[string]mark)}
	a, err := c.get(ctx, "/entities/"+url.PathEscape(id), model)
	switch {
	case err != nil:
		return nil, err
	case a.Status == http.StatusNotFound:
		return e, nil
	case a.Status != http.StatusOK:
		return nil, c.fail(a, "entity")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(a.Body, &members); err != nil {
		return nil, err
	}
	for name, raw := range members {
		for _, i := range shownInstances(raw) {
			if at := i.ObservedAt; at.After(e.attrs[lastName(name)].at) {
				e.attrs[lastName(name)] = mark{at, len(i.Boot.Value) > 0}
			}
		}
	}
	return e, nil
}
