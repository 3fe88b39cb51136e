package sensorthings

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Reconcile implements agent.Reconciler: it reads back the Observations of the
// batch's time, Datastream by Datastream.
func (c *city) Reconcile(ctx context.Context, batch agent.Batch) (have []uint64, err error) {
	sayable, _ := uplink.Sift(batch.Observations, unsayable)
	for _, g := range byDatastream(sayable) {
		g.id, err = c.stream(ctx, g.ds)
		if unmakeable(err) {
			continue // what is not there has no observations
		}
		if err != nil {
			return nil, fmt.Errorf("datastream %s: %w", g.ds.Name, err)
		}
		there, err := c.readBack(ctx, g)
		if err != nil {
			return nil, err
		}
		for i := range g.obs {
			o := &g.obs[i]
			for _, s := range there[o.Time.UnixMilli()] {
				if s.is(batch.Epoch, o) {
					have = append(have, o.Seq)
					break
				}
			}
		}
	}
	return have, nil
}

// readBack returns the Observations of a Datastream in the time of a group, by the
// millisecond in which they begin.
func (c *city) readBack(ctx context.Context, g group) (map[int64][]stored, error) {
	from, to := g.obs[0].Time, g.obs[0].Time
	for _, o := range g.obs {
		if o.Time.Before(from) {
			from = o.Time
		}
		if end := o.Time.Add(o.Span); end.After(to) {
			to = end
		}
	}
	all := make(map[int64][]stored)
	for skip := 0; ; {
		q := url.Values{
			"$filter":  {"phenomenonTime ge " + from.UTC().Format(layout) + " and phenomenonTime le " + to.Add(time.Millisecond).UTC().Format(layout)},
			"$select":  {"phenomenonTime,result,parameters"},
			"$orderby": {"phenomenonTime asc"},
			"$top":     {strconv.Itoa(rowLimit)}, "$skip": {strconv.Itoa(skip)},
		}
		page, err := c.page(ctx, g.id.path("Datastreams")+"/Observations?"+q.Encode())
		if err != nil {
			return nil, fmt.Errorf("read back: %w", err)
		}
		for _, raw := range page.Value {
			s := storedOf(raw)
			if at, err := begins(s.PhenomenonTime); err == nil {
				all[at] = append(all[at], s)
			}
		}
		skip += len(page.Value)
		if !page.more || len(page.Value) == 0 {
			return all, nil
		}
	}
}

// storedOf reads an Observation; what it has in another form is empty.
func storedOf(members map[string]json.RawMessage) (s stored) {
	_ = json.Unmarshal(members["phenomenonTime"], &s.PhenomenonTime)
	s.Result = members["result"]
	_ = json.Unmarshal(members["parameters"], &s.Parameters)
	return s
}
