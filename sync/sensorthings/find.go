package sensorthings

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// pageSize is how many entities are asked for at a time.
const pageSize = 100

// list takes the Datastreams of a Thing into the register.
func (c *city) list(ctx context.Context, thing id) error {
	for skip := 0; ; {
		q := url.Values{"$select": {"id,properties"}, "$top": {strconv.Itoa(pageSize)}, "$skip": {strconv.Itoa(skip)}, "$orderby": {"id"}}
		page, err := c.page(ctx, thing.path("Things")+"/Datastreams?"+q.Encode())
		if err != nil {
			return err
		}
		for _, e := range page.Value {
			var properties map[string]any
			found, err := c.member(e)
			if err != nil {
				return err
			}
			if json.Unmarshal(e["properties"], &properties) == nil {
				if key, ok := properties[keyName].(string); ok {
					remember(c.ids, &c.ids.keys, key, found)
				}
			}
		}
		skip += len(page.Value)
		if !page.more || len(page.Value) == 0 {
			return nil
		}
	}
}

// findOrMake returns the id of the entity of a set that has the key.
func (c *city) findOrMake(ctx context.Context, set, key string, entity object) (id, error) {
	if found, ok := lookup(c.ids, &c.ids.others, set+" "+key); ok {
		return found, nil
	}
	q := url.Values{"$filter": {filter(key)}, "$select": {"id"}}
	page, err := c.page(ctx, "/"+set+"?"+q.Encode())
	if err != nil {
		return "", err
	}
	var found id
	if len(page.Value) > 0 {
		found, err = c.member(page.Value[0])
	} else {
		entity["properties"] = object{keyName: key}
		found, err = c.make(ctx, "/"+set, entity)
	}
	if err == nil {
		remember(c.ids, &c.ids.others, set+" "+key, found)
	}
	return found, err
}

func filter(key string) string { return "properties/" + keyName + " eq " + quote(key) }

func (c *city) ref(i id) object { return object{c.d.id: json.RawMessage(i)} }

// make creates an entity. Some servers say its id in the body, others only in the
// header.
func (c *city) make(ctx context.Context, path string, entity object) (id, error) {
	body, err := json.Marshal(entity)
	if err != nil {
		return "", err
	}
	a, err := c.post(ctx, path, body)
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusCreated {
		return "", fail(a, path[1:])
	}
	if found, ok := idOf(a.Header.Get("Location")); ok {
		return found, nil
	}
	var said map[string]json.RawMessage
	if json.Unmarshal(a.Body, &said) == nil && len(said[c.d.id]) > 0 {
		return id(said[c.d.id]), nil
	}
	return "", fmt.Errorf("%s: created, and the server does not say under which id", path[1:])
}

// A page is a part of a set.
type page struct {
	Value []map[string]json.RawMessage `json:"value"`
	more  bool
}

func (c *city) page(ctx context.Context, path string) (page, error) {
	a, err := c.get(ctx, path)
	if err != nil {
		return page{}, err
	}
	if a.Status != http.StatusOK {
		return page{}, a.Err("query")
	}
	var (
		p   page
		all map[string]json.RawMessage
	)
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return page{}, fmt.Errorf("query: %w; does url lead to a SensorThings service?", err)
	}
	_ = json.Unmarshal(a.Body, &all) // it is an object: it was read above
	_, p.more = all[c.d.nextLink]
	return p, nil
}

// member returns the id of an entity in a page.
func (c *city) member(e map[string]json.RawMessage) (id, error) {
	raw, ok := e[c.d.id]
	if !ok || string(raw) == "null" {
		return "", fmt.Errorf("query: an entity without %s", c.d.id)
	}
	return id(raw), nil
}

// exists tells whether a Datastream is there.
func (c *city) exists(ctx context.Context, stream id) (bool, error) {
	a, err := c.get(ctx, stream.path("Datastreams")+"?"+url.Values{"$select": {"id"}}.Encode())
	switch {
	case err != nil:
		return false, err
	case a.Status == http.StatusNotFound:
		return false, nil
	case a.Status != http.StatusOK:
		return false, a.Err("query")
	}
	return true, nil
}
