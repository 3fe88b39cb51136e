package fiware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/credentials"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A north is the agent's API where groups and devices are provisioned. All of it
// is found before it is made, under names that are always the same.
type north struct {
	s    Settings
	key  string
	link *httplink.Link
}

func openNorth(s Settings, key string) (*north, error) {
	l, err := httplink.Open(s.provisioning())
	if err != nil {
		return nil, err
	}
	return &north{s, key, l}, nil
}

// ask asks and returns the answer, as errors may show it but for its body.
func (n *north) ask(ctx context.Context, method, path string, body any) (httplink.Answer, error) {
	r := httplink.Request{Method: method, Path: path, Header: map[string]string{
		"Content-Type": "application/json", "Fiware-Service": n.s.Service, "Fiware-ServicePath": n.s.ServicePath,
	}}
	if n.s.NorthTokenFile != "" && n.s.NorthHeader == authToken {
		token, err := credentials.Secret("north_token_file", n.s.NorthTokenFile)
		if err != nil {
			return httplink.Answer{}, &agent.RetryError{Err: err}
		}
		r.Header["X-Auth-Token"] = token
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return httplink.Answer{}, &agent.RetryError{Err: err}
		}
		r.Body = text
	}
	return n.link.Do(ctx, r)
}

// done asks for a change and tells whether it was made, or was made before.
func (n *north) done(ctx context.Context, method, path string, body any) error {
	a, err := n.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	if a.Status/100 != 2 && a.Status != http.StatusConflict {
		err := hide(a, n.key).Err(method + " " + path)
		if a.Status == http.StatusBadRequest && !a.Page() || a.Status == http.StatusUnprocessableEntity {
			return &uplink.Permanent{Err: err}
		}
		return err
	}
	return nil
}

// provision finds or makes the group and the devices. It returns beside its error
// what is wrong with devices that the agent refuses, which keep no other waiting.
func (n *north) provision(ctx context.Context, thing agent.Thing, streams []*agent.Datastream) (refused, err error) {
	if err := n.group(ctx); err != nil {
		return nil, fmt.Errorf("north_url: %w", err)
	}
	transport := "HTTP"
	if n.s.overMQTT() {
		transport = "MQTT"
	}
	for _, d := range describe(thing, streams, transport) {
		d.APIKey = n.key
		err := n.device(ctx, d)
		if err != nil {
			err = fmt.Errorf("north_url: device %s: %w", d.ID, err)
		}
		var permanent *uplink.Permanent
		if errors.As(err, &permanent) {
			refused = errors.Join(refused, err)
		} else if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// A deviceGroup is a group at the north API.
type deviceGroup struct {
	APIKey        string      `json:"apikey"`
	Resource      string      `json:"resource"`
	EntityType    string      `json:"entity_type"`
	Timestamp     bool        `json:"timestamp"`
	Autoprovision bool        `json:"autoprovision"`
	ExplicitAttrs any         `json:"explicitAttrs"` // true, false or an expression
	Attributes    []attribute `json:"attributes,omitempty"`
}

// group finds or makes the group of the API key.
func (n *north) group(ctx context.Context) error {
	resource := "/iot/json"
	if n.s.Encoding == encodingUL {
		resource = "/iot/d"
	}
	a, err := n.ask(ctx, http.MethodGet, "/iot/groups", nil)
	if err != nil {
		return err
	}
	var found struct{ Groups []deviceGroup }
	if a.Status != http.StatusNotFound {
		if a.Status != http.StatusOK {
			return hide(a, n.key).Err("GET /iot/groups")
		}
		if err := json.Unmarshal(a.Body, &found); err != nil {
			return fmt.Errorf("GET /iot/groups: the answer is no list of groups; check north_url")
		}
	}
	for _, g := range found.Groups {
		if g.APIKey == n.key && g.Resource == resource {
			return g.check()
		}
	}
	return n.done(ctx, http.MethodPost, "/iot/groups", map[string]any{"groups": []deviceGroup{{
		APIKey: n.key, Resource: resource, EntityType: ofDevice, Timestamp: true, ExplicitAttrs: false,
	}}})
}

// check refuses a group whose agent would put the time of arrival in place of
// the time of the observation (trap F1).
func (g deviceGroup) check() error {
	if g.ExplicitAttrs == nil || g.ExplicitAttrs == false {
		return nil
	}
	if slices.ContainsFunc(g.Attributes, func(a attribute) bool { return a.Name == "TimeInstant" }) {
		return nil
	}
	return fmt.Errorf("the group of the API key has explicitAttrs and no attribute TimeInstant: the agent would replace all times by those of arrival; declare TimeInstant or set explicitAttrs to false")
}

// device finds, makes or completes a device.
func (n *north) device(ctx context.Context, want description) error {
	path := "/iot/devices/" + url.PathEscape(want.ID)
	a, err := n.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if a.Status == http.StatusNotFound {
		return n.done(ctx, http.MethodPost, "/iot/devices", map[string]any{"devices": []description{want}})
	}
	if a.Status != http.StatusOK {
		return hide(a, n.key).Err("GET " + path)
	}
	var have description
	if err := json.Unmarshal(a.Body, &have); err != nil {
		return fmt.Errorf("GET %s: the answer is no device; check north_url", path)
	}
	attributes, changed := complete(have.Attributes, want.Attributes)
	static, moved := complete(have.Static, want.Static)
	if !changed && !moved && !have.ExplicitAttrs {
		return nil
	}
	// What others have added stays, and so does the name of the entity.
	return n.done(ctx, http.MethodPut, path, map[string]any{"attributes": attributes, "static_attributes": static, "explicitAttrs": false})
}

// complete returns what a device should have beside what it has, and whether
// that is news.
func complete(have, want []attribute) (all []attribute, changed bool) {
	all = slices.Clone(have)
	for _, w := range want {
		i := slices.IndexFunc(all, func(h attribute) bool { return h.Name == w.Name })
		switch {
		case i < 0:
			all, changed = append(all, w), true
		case !same(all[i], w):
			all[i], changed = w, true
		}
	}
	if all == nil {
		all = []attribute{}
	}
	return all, changed
}

// same compares attributes as JSON has them.
func same(a, b attribute) bool {
	var x, y any
	for of, into := range map[*attribute]*any{&a: &x, &b: &y} {
		text, err := json.Marshal(of)
		if err != nil || json.Unmarshal(text, into) != nil {
			return false
		}
	}
	return reflect.DeepEqual(x, y)
}
