package fiware

import (
	"maps"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// An Attr is an attribute of an entity.
type Attr struct {
	Type  string         `json:"type"`
	Value any            `json:"value"`
	Meta  map[string]any `json:"meta,omitempty"`
}

// An entity is what the context broker has, or an update of it.
type entity struct {
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	Device string          `json:"device"`
	Attrs  map[string]Attr `json:"attrs"`
}

func (e *entity) clone() map[string]Attr {
	all := maps.Clone(e.Attrs)
	for name, a := range all {
		a.Meta = maps.Clone(a.Meta)
		all[name] = a
	}
	return all
}

// merge puts an update into its entity and tells whether that changed it. What
// the update does not name stays, metadata too (trap F6), and what is newest is
// what came last, whatever its time (trap F5).
func (d *Double) merge(u *entity) (changed bool) {
	e, ok := d.entities[u.ID]
	if !ok {
		e = &entity{ID: u.ID, Type: u.Type, Device: u.Device, Attrs: map[string]Attr{}}
		d.entities[u.ID] = e
	}
	for name, a := range u.Attrs {
		old, ok := e.Attrs[name]
		meta := maps.Clone(old.Meta)
		if meta == nil {
			meta = map[string]any{}
		}
		maps.Copy(meta, a.Meta)
		a.Meta = meta
		changed = changed || !ok || !reflect.DeepEqual(old.Value, a.Value) || !maps.EqualFunc(old.Meta, meta, func(x, y any) bool { return reflect.DeepEqual(x, y) })
		e.Attrs[name] = a
	}
	return changed
}

// Answers of the context broker that are no status.
const refused = -1

// update is a request of the agent to the context broker: it returns a status.
func (d *Double) update(updates []*entity) (int, error) {
	switch f := d.faults; {
	case f.Down:
		return refused, nil
	case f.Broker != 0:
		return f.Broker, nil
	case f.LinkedLD && len(updates) > 1:
		return 207, nil
	}
	for _, u := range updates {
		if d.faults.Poison != nil && d.faults.Poison(plain(u.Attrs)) {
			return 400, nil
		}
		for _, a := range u.Attrs {
			if !sayable(a.Value) {
				return 400, nil
			}
		}
	}
	for _, u := range updates {
		if err := d.apply(u, len(updates) > 1); err != nil {
			return 500, err
		}
	}
	return 204, nil
}

func plain(attrs map[string]Attr) map[string]any {
	all := make(map[string]any, len(attrs))
	for name, a := range attrs {
		all[name] = a.Value
	}
	return all
}

// sayable tells whether the context broker takes a value: some characters are in
// no text, not even in a nested one.
func sayable(v any) bool {
	switch v := v.(type) {
	case string:
		return !strings.ContainsAny(v, `<>"'=;()`)
	case []any:
		for _, x := range v {
			if !sayable(x) {
				return false
			}
		}
	case map[string]any:
		for _, x := range v {
			if !sayable(x) {
				return false
			}
		}
	}
	return true
}

// apply counts, saves and merges one update and notifies who keeps history. A
// single update that changes nothing is not notified.
func (d *Double) apply(u *entity, several bool) error {
	before := &entity{Attrs: map[string]Attr{}}
	if e, ok := d.entities[u.ID]; ok {
		before.Attrs = e.clone()
	}
	changed := d.merge(u)
	notify := changed || several
	var keys []desk.Keys
	if notify {
		keys = d.keysOf(u)
	}
	if err := d.book.Count(keys, saved{Entity: u}); err != nil {
		d.entities[u.ID].Attrs = before.Attrs
		return err
	}
	if !notify {
		return nil
	}
	if len(d.history) < maxHistory {
		d.history = append(d.history, Notification{u.ID, u.Type, d.entities[u.ID].clone()})
	}
	d.show(u)
	return d.hear(u)
}

// keyNames are the attributes that are no values of properties.
var keyNames = map[string]bool{
	"TimeInstant": true, "count": true, "seq": true, "epoch": true, "batch": true, "quality": true, "span": true, "boot": true,
	"mono": true, "notice": true, "location": true, "controlledProperty": true, "dateObserved": true,
}

// keysOf returns which observations a notification is about, as a history
// component sees it: by what the whole entity shows.
func (d *Double) keysOf(u *entity) []desk.Keys {
	if _, ok := u.Attrs["seq"]; !ok || u.Attrs["notice"].Value != nil {
		return nil
	}
	all := d.entities[u.ID].Attrs
	to := number(all["seq"].Value)
	count := number(all["count"].Value)
	from := to - count + 1
	values := uint64(0)
	for name := range u.Attrs {
		if !keyNames[name] {
			values++
		}
	}
	thing, _, _ := strings.Cut(u.Device, ":")
	epoch := strings.TrimPrefix(text(all["epoch"].Value), "x")
	if count == 0 || count > to || count != values || len(epoch) != 16 || strings.Trim(epoch, "0123456789abcdef") != "" {
		d.log().Warn("group not understood", "entity", u.ID, "count", count, "seq", to, "epoch", epoch, "values", values)
		return nil
	}
	return []desk.Keys{{Thing: thing, Epoch: epoch, From: from, To: to}}
}

// hear takes in a notice.
func (d *Double) hear(u *entity) error {
	a, ok := u.Attrs["notice"]
	if !ok {
		return nil
	}
	payload, err := url.PathUnescape(text(a.Value))
	if err != nil {
		d.log().Warn("notice not understood", "device", u.Device, "err", err)
		return nil
	}
	n, err := desk.ReadNotice([]byte(payload))
	if err != nil {
		d.log().Warn("notice not understood", "device", u.Device, "err", err)
		return nil
	}
	return d.book.Tell(u.Device, n)
}

// show remembers the values for people.
func (d *Double) show(u *entity) {
	thing, sensor, _ := strings.Cut(u.Device, ":")
	all := d.entities[u.ID].Attrs
	at, err := time.Parse(time.RFC3339, text(all["TimeInstant"].Value))
	if err != nil {
		return
	}
	for name, a := range u.Attrs {
		v, ok := a.Value.(float64)
		if !ok || keyNames[name] {
			continue
		}
		quality := text(all["quality"].Value)
		if quality == "good" {
			quality = ""
		}
		d.book.Show(thing, desk.Record{
			Name: sensor + "/" + name, Time: at, Value: v, Quality: quality,
			Epoch: strings.TrimPrefix(text(all["epoch"].Value), "x"), Seq: number(all["seq"].Value),
		})
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func number(v any) uint64 {
	if f, ok := v.(float64); ok && f >= 0 && f < 1<<53 {
		return uint64(f)
	}
	return 0
}
