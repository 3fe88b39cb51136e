package ngsild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// An entity is one of an upsert.
type entity struct {
	id   string
	body []byte
}

// upsertPath updates attributes; without the option it would wipe the others.
const upsertPath = "/entityOperations/upsert?options=update"

// A report says what became of the entities of an upsert: all that it does not
// name were there and are updated.
type report struct {
	created []string
	refused map[string]problem
}

// upsert sends entities, none twice.
func (c *city) upsert(ctx context.Context, entities []entity) (r report, err error) {
	body := []byte{'['}
	for i, e := range entities {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, e.body...)
	}
	a, err := c.post(ctx, upsertPath, append(body, ']'))
	if err != nil {
		return r, err
	}
	switch a.Status {
	case http.StatusCreated:
		_ = json.Unmarshal(a.Body, &r.created) // some send nothing
		return r, nil
	case http.StatusNoContent:
		return r, nil
	case http.StatusMultiStatus:
		r.refused, err = parts(a.Body, entities)
		return r, err
	}
	return r, c.fail(a, "upsert")
}

// upsertSingly is upsert, and once more for each entity if the platform takes
// none because of some.
func (c *city) upsertSingly(ctx context.Context, entities []entity) (report, error) {
	r, err := c.upsert(ctx, entities)
	var permanent *uplink.Permanent
	if !errors.As(err, &permanent) {
		return r, err
	}
	r.refused = make(map[string]problem)
	if len(entities) == 1 {
		r.refused[entities[0].id] = problem{Title: err.Error(), Status: http.StatusBadRequest}
		return r, nil
	}
	for i := range entities {
		one, err := c.upsertSingly(ctx, entities[i:i+1])
		if err != nil {
			return r, err
		}
		r.created = append(r.created, one.created...)
		maps.Copy(r.refused, one.refused)
	}
	return r, nil
}

// parts reads the answer for each entity (GS CIM 009, 5.2.16). Each must have
// one: what was forgotten may not be there.
func parts(body []byte, entities []entity) (map[string]problem, error) {
	var report struct {
		Success []string `json:"success"`
		Errors  []struct {
			EntityID string  `json:"entityId"`
			Error    problem `json:"error"`
		} `json:"errors"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&report); err != nil {
		return nil, fmt.Errorf("upsert: status 207 without a report: %w", err)
	}
	said := make(map[string]bool)
	for _, id := range report.Success {
		said[id] = true
	}
	refused := make(map[string]problem)
	for _, e := range report.Errors {
		refused[e.EntityID] = e.Error
		said[e.EntityID] = true
	}
	for _, e := range entities {
		if !said[e.id] {
			return nil, fmt.Errorf("upsert: status 207 says nothing of %s", e.id)
		}
	}
	return refused, nil
}

// ordered delivers a batch without a temporal path: an upsert for each instant,
// one after the other. Who is still at it is waited for, even if it is not asked
// to be.
func (c *city) ordered(ctx context.Context, batch agent.Batch) error {
	if err := c.state.lock(ctx); err != nil {
		return &agent.RetryError{Err: err}
	}
	defer c.state.unlock()
	var all uplink.Parts
	for rest := c.place(batch); len(rest) > 0; {
		n := instant(rest)
		if err := all.Add(c.upsertInstant(ctx, rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return all.Err()
}

// instant returns how many observations from the front are of one instant and of
// different attributes.
func instant(obs []placed) int {
	type key struct{ entity, attribute string }
	seen := make(map[key]bool)
	for i := range obs {
		k := key{obs[i].entity, obs[i].attribute}
		if seen[k] || !obs[i].o.Time.Equal(obs[0].o.Time) {
			return i
		}
		seen[k] = true
	}
	return len(obs)
}

func (c *city) upsertInstant(ctx context.Context, obs []placed) error {
	return bisect(obs, func(obs []placed) error {
		groups := byEntity(obs)
		entities := make([]entity, 0, len(groups))
		for _, g := range groups {
			entities = append(entities, c.state.entity(c.contexts.inBody(g[0].model), g))
		}
		r, err := c.upsert(ctx, entities)
		if err != nil {
			return err
		}
		var all uplink.Parts
		for _, g := range groups {
			id := g[0].entity
			p, failed := r.refused[id]
			switch {
			case !failed:
				c.state.mark(g, slices.Contains(r.created, id))
				_ = all.Add(nil)
			case !p.lasting():
				return fmt.Errorf("upsert: %s was not taken: %w", id, &p)
			case len(groups) == 1:
				return &uplink.Permanent{Err: fmt.Errorf("upsert: %w", &p)} // to be halved
			default:
				if err := all.Add(c.upsertInstant(ctx, g)); err != nil {
					return err
				}
			}
		}
		return all.Err()
	})
}

// bisect is uplink.Bisect for observations with their places.
func bisect(obs []placed, send func([]placed) error) error {
	plain := make([]agent.Observation, len(obs))
	at := make(map[uint64]int, len(obs))
	for i := range obs {
		plain[i] = obs[i].o
		at[obs[i].o.Seq] = i
	}
	return uplink.Bisect(plain, func(part []agent.Observation) error {
		from := at[part[0].Seq]
		return send(obs[from : from+len(part)])
	})
}

// place finds the places of observations.
func (c *city) place(batch agent.Batch) []placed {
	all := make([]placed, len(batch.Observations))
	for i, o := range batch.Observations {
		all[i] = placed{c.places.find(o.Datastream), o, batch.Epoch}
	}
	return all
}

// byEntity groups observations, in the order in which entities first appear.
func byEntity(obs []placed) (groups [][]placed) {
	at := make(map[string]int)
	for _, o := range obs {
		i, ok := at[o.entity]
		if !ok {
			i = len(groups)
			at[o.entity] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], o)
	}
	return groups
}
