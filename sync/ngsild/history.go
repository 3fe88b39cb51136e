package ngsild

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// chunkLimit is how many instances go into one request. With all that an
// observation can have it stays far below 256 KiB.
const chunkLimit = 100

const temporalPath = "/temporal/entities"

// probe finds out once whether the platform has a temporal path.
func (c *city) probe(ctx context.Context) error {
	if c.asked {
		return nil
	}
	if c.settings.History == historyOn || c.settings.History == historyOff {
		c.asked, c.history = true, c.settings.History == historyOn
		return nil
	}
	q := url.Values{
		"type": {vocabulary.DeviceMeasurement}, "attrs": {vocabulary.NumValue}, "timerel": {"before"},
		"timeAt": {time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Format(layout)}, "limit": {"1"},
	}
	a, err := c.get(ctx, temporalPath+"?"+q.Encode(), vocabulary.DeviceMeasurement)
	if err != nil {
		return err
	}
	switch {
	case a.Status == http.StatusOK, a.Status == http.StatusPartialContent:
		c.history = true
	case absent(a):
		if c.target.Log != nil {
			c.target.Log.Info("the platform has no temporal path: every instant becomes its current state in turn", "status", a.Status)
		}
	case a.Status == http.StatusNotFound:
		return fmt.Errorf("%w, or set history = \"off\" if the platform has none", c.fail(a, "query"))
	default:
		return c.fail(a, "query")
	}
	c.asked = true
	return nil
}

// absent tells whether an answer means that there is no temporal path: a broker
// says so, and not a proxy before one that is away.
func absent(a httplink.Answer) bool {
	p := problemOf(a)
	switch p.name() {
	case "NonexistentTenant", "NoMultiTenantSupport", "LdContextNotAvailable":
		return false
	}
	switch a.Status {
	case http.StatusNotFound:
		return len(a.Body) == 0 || json.Valid(a.Body)
	case http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return true
	case http.StatusServiceUnavailable:
		return p.Title != "" && a.Header.Get("Retry-After") == ""
	}
	return false
}

// remember delivers a batch over the temporal path, entity by entity.
func (c *city) remember(ctx context.Context, batch agent.Batch) error {
	var all uplink.Parts
	for _, group := range byEntity(c.place(batch)) {
		for len(group) > 0 {
			n := min(len(group), chunkLimit)
			err := bisect(group[:n], func(obs []placed) error { return c.rememberChunk(ctx, obs) })
			if err := all.Add(err); err != nil {
				return err
			}
			group = group[n:]
		}
	}
	return all.Err()
}

func (c *city) rememberChunk(ctx context.Context, obs []placed) error {
	a, err := c.post(ctx, temporalPath, appendHistory(nil, c.contexts.inBody(obs[0].model), obs))
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusCreated || a.Status == http.StatusNoContent:
		return nil
	case absent(a):
		err := fmt.Errorf("%w: the platform reads history but takes none; set history = \"off\"", a.Err("temporal entity"))
		return &agent.RetryError{Err: err, After: time.Minute}
	}
	return c.fail(a, "temporal entity")
}

// Reconcile implements agent.Reconciler: it reads back what the platform has of a
// batch. Upserts in order change nothing when they come again, so without a
// temporal path nothing is asked.
func (c *city) Reconcile(ctx context.Context, batch agent.Batch) (have []uint64, err error) {
	if !c.history {
		return nil, nil
	}
	batch.Observations, _ = uplink.Sift(batch.Observations, unsayable)
	for _, group := range byEntity(c.place(batch)) {
		for len(group) > 0 {
			n := min(len(group), chunkLimit)
			found, err := c.readBack(ctx, group[:n])
			if err != nil {
				return nil, err
			}
			have = append(have, found...)
			group = group[n:]
		}
	}
	return have, nil
}

// readBack returns the Seqs of one entity's observations that the platform has.
func (c *city) readBack(ctx context.Context, obs []placed) (have []uint64, err error) {
	from, to := obs[0].o.Time, obs[0].o.Time
	attrs := make(map[string]bool)
	var names []string
	for _, o := range obs {
		if o.o.Time.Before(from) {
			from = o.o.Time
		}
		if o.o.Time.After(to) {
			to = o.o.Time
		}
		if !attrs[o.attribute] {
			attrs[o.attribute] = true
			names = append(names, o.attribute)
		}
	}
	// Whether the ends belong to it is not the same everywhere.
	q := url.Values{
		"attrs": {strings.Join(names, ",")}, "timerel": {"between"},
		"timeAt": {from.Add(-time.Millisecond).UTC().Format(layout)}, "endTimeAt": {to.Add(time.Millisecond).UTC().Format(layout)},
	}
	a, err := c.get(ctx, temporalPath+"/"+url.PathEscape(obs[0].entity)+"?"+q.Encode(), obs[0].model)
	switch {
	case err != nil:
		return nil, err
	case a.Status == http.StatusNotFound:
		return nil, nil // of an unknown tenant there is nothing either
	case a.Status != http.StatusOK && a.Status != http.StatusPartialContent:
		return nil, c.fail(a, "read back")
	}
	there, err := instances(a.Body)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	for i := range obs {
		o := &obs[i].o
		if there[instanceKey{obs[i].attribute, o.Time.UnixMilli(), obs[i].epoch.String(), o.Seq}] {
			have = append(have, o.Seq)
		}
	}
	return have, nil
}

// An instanceKey tells an instance from all others.
type instanceKey struct {
	attribute string
	observed  int64 // milliseconds
	epoch     string
	seq       uint64
}

// instances reads what a platform remembers of an entity. A single instance may
// stand without the array, and names may be whole URIs.
func instances(body []byte) (map[instanceKey]bool, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	all := make(map[instanceKey]bool)
	for name, raw := range members {
		for _, i := range shownInstances(raw) {
			k := instanceKey{attribute: lastName(name), observed: i.ObservedAt.UnixMilli()}
			if json.Unmarshal(i.Seq.Value, &k.seq) == nil && json.Unmarshal(i.Epoch.Value, &k.epoch) == nil {
				all[k] = true
			}
		}
	}
	return all, nil
}

// A shownInstance is what is read of an instance of an attribute.
type shownInstance struct {
	ObservedAt       time.Time `json:"observedAt"`
	Seq, Epoch, Boot struct {
		Value json.RawMessage `json:"value"`
	}
}

// shownInstances reads an attribute; what is none has none.
func shownInstances(raw json.RawMessage) []shownInstance {
	var many []shownInstance
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one shownInstance
	if json.Unmarshal(raw, &one) == nil {
		return []shownInstance{one}
	}
	return nil
}

// lastName is a name without the URI before it.
func lastName(name string) string { return name[strings.LastIndexAny(name, "/#:")+1:] }
