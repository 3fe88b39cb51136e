package ngsild

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Notify implements agent.City: each notice is an entity. An upsert of the same
// notice changes nothing, and a heartbeat takes the place of the one before.
func (c *city) Notify(ctx context.Context, notices []agent.Notice) error {
	var entities []entity
	for i := range notices {
		e, err := c.notice(&notices[i])
		if err != nil {
			return fmt.Errorf("notice %d: %w", notices[i].ID, err)
		}
		// Of two heartbeats in one request the newer one counts.
		entities = slices.DeleteFunc(entities, func(other entity) bool { return other.id == e.id })
		entities = append(entities, e)
	}
	if len(entities) == 0 {
		return nil
	}
	r, err := c.upsert(ctx, entities)
	if err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	for id, p := range r.refused {
		err := fmt.Errorf("notices: %s: %w", id, &p)
		if p.lasting() {
			return &uplink.Permanent{Err: err}
		}
		return err
	}
	if c.history {
		_ = c.show(ctx, agent.Batch{}) // what could not be shown, and nothing newer came since
	}
	return nil
}

// notice writes a notice with one Property for each thing it says. Lists are
// texts: brokers make another thing of an array of one.
func (c *city) notice(n *agent.Notice) (entity, error) {
	id := "heartbeat"
	if n.ID != 0 || n.Heartbeat == nil {
		id = strconv.FormatUint(n.ID, 10)
	}
	p := &place{entity: urn(noticeType, c.target.Thing.ID+"-"+n.Epoch.String()+"-"+id), model: noticeType}
	w := noticeWriter{appendHead(nil, c.contexts.inBody(noticeType), p), nil}
	w.text("thing", c.target.Thing.ID)
	w.text("epoch", n.Epoch.String())
	w.text("kind", string(n.Kind))
	w.time("toldAt", n.Time)
	w.number("noticeId", n.ID)
	w.number("firstSeq", n.From)
	w.number("lastSeq", n.To)
	w.number("observations", n.Count)
	w.text("cause", n.Cause)
	w.text("seqRanges", rangesText(n.Ranges))
	w.list("datastreams", n.Datastreams)
	w.list("cities", n.Cities)
	w.number("boot", uint64(n.Boot))
	w.time("start", n.Start)
	if n.Boot != 0 {
		w.always("bound", n.Bound)
	}
	if h := n.Heartbeat; h != nil {
		w.text("version", h.Version)
		w.always("uptime", h.Uptime)
		w.always("acceptedTo", h.AcceptedTo)
		w.always("since", h.Since)
		w.always("waiting", h.Waiting)
		w.always("pending", h.Pending)
		w.always("freeBytes", h.FreeBytes)
		w.time("oldest", h.Oldest)
		w.text("clock", h.Clock)
		w.text("lastStop", h.LastStop)
	}
	ref, err := json.Marshal(urn(deviceType, c.target.Thing.ID))
	if w.err == nil {
		w.err = err
	}
	w.dst = append(append(append(w.dst, `,"refDevice":{"type":"Relationship","object":`...), ref...), '}', '}')
	return entity{p.entity, w.dst}, w.err
}

// rangesText writes ranges as "1-5,9-9".
func rangesText(ranges []agent.Range) string {
	var b strings.Builder
	for i, r := range ranges {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d-%d", r.From, r.To)
	}
	return b.String()
}

// A noticeWriter appends Properties to an entity.
type noticeWriter struct {
	dst []byte
	err error
}

func (w *noticeWriter) always(name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		w.err = err
		return
	}
	w.dst = append(append(append(w.dst, `,"`...), name...), `":{"type":"Property","value":`...)
	w.dst = append(append(w.dst, text...), '}')
}

func (w *noticeWriter) text(name, value string) {
	if value != "" {
		w.always(name, value)
	}
}

// list writes names, which have no line breaks, a line each.
func (w *noticeWriter) list(name string, values []string) { w.text(name, strings.Join(values, "\n")) }

func (w *noticeWriter) number(name string, value uint64) {
	if value != 0 {
		w.always(name, value)
	}
}

func (w *noticeWriter) time(name string, at time.Time) {
	if !at.IsZero() {
		w.always(name, map[string]string{"@type": "DateTime", "@value": at.UTC().Format(layout)})
	}
}
