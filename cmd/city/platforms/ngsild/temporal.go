package ngsild

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// remember takes instances of one entity's attributes.
func (b *broker) remember(w http.ResponseWriter, r *http.Request, tenant string) {
	raw, inBody, ok := body(w, r, maxTemporal)
	if !ok {
		return
	}
	var e object
	err := decode(raw, &e)
	if err == nil {
		err = checkContext(e, inBody)
	}
	if err == nil {
		err = b.check(e, true)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "BadRequestData", err.Error())
		return
	}
	delete(e, "@context")
	b.mu.Lock()
	defer b.mu.Unlock()
	s := saved{Tenant: tenant, Temporal: e}
	if err := b.book.Count(b.keys(e), s); err != nil {
		fail(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	if b.apply(s) {
		w.Header().Set("Location", "/ngsi-ld/v1/temporal/entities/"+text(e["id"]))
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// A period is what timerel, timeAt and endTimeAt ask for.
type period struct {
	rel      string
	at, end  time.Time
	attrs    []string
	sensible bool
}

func periodOf(q url.Values) period {
	p := period{rel: q.Get("timerel"), at: moment(q.Get("timeAt")), end: moment(q.Get("endTimeAt"))}
	if s := q.Get("attrs"); s != "" {
		p.attrs = strings.Split(s, ",")
	}
	switch p.rel {
	case "":
		p.sensible = q.Get("timeAt") == ""
	case "before", "after":
		p.sensible = !p.at.IsZero()
	case "between":
		p.sensible = !p.at.IsZero() && p.end.After(p.at)
	}
	return p
}

// has tells whether a time is within the period; its ends are not, as in Stellio.
func (p period) has(t time.Time) bool {
	switch p.rel {
	case "before":
		return t.Before(p.at)
	case "after":
		return t.After(p.at)
	case "between":
		return t.After(p.at) && t.Before(p.end)
	}
	return true
}

// show returns what there is of an entity in the period.
func (b *broker) show(r *http.Request, id string, h *temporal, p period) (object, bool) {
	shown, some := object{"id": id, "type": h.kind}, false
	for name, all := range h.attributes {
		if p.attrs != nil && !slices.Contains(p.attrs, name) {
			continue
		}
		found := []object{}
		for _, i := range all {
			if p.has(moment(i["observedAt"])) {
				found = append(found, i)
			}
		}
		some = some || len(found) > 0
		switch {
		case len(found) == 1 && b.History == Duplicating:
			shown[named(r, name)] = found[0] // JSON-LD makes one of a list of one
		case len(found) > 0:
			shown[named(r, name)] = found
		}
	}
	return shown, some
}

// recall answers with the history of one entity.
func (b *broker) recall(w http.ResponseWriter, r *http.Request, tenant string) {
	p := periodOf(r.URL.Query())
	if !p.sensible {
		fail(w, http.StatusBadRequest, "BadRequestData", "temporal query")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.PathValue("id")
	h, ok := b.tenant(tenant).history[id]
	if !ok {
		fail(w, http.StatusNotFound, "ResourceNotFound", "no such entity")
		return
	}
	shown, _ := b.show(r, id, h, p)
	answer(w, http.StatusOK, shown)
}

// query answers with the histories of entities of a type.
func (b *broker) query(w http.ResponseWriter, r *http.Request, tenant string) {
	q := r.URL.Query()
	p := periodOf(q)
	limit, err := strconv.Atoi(q.Get("limit"))
	if q.Get("limit") == "" {
		limit, err = 20, nil
	}
	if !p.sensible || p.rel == "" || err != nil || limit < 1 || q.Get("type") == "" && p.attrs == nil {
		fail(w, http.StatusBadRequest, "BadRequestData", "temporal query")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	found := []object{}
	for id, h := range b.tenant(tenant).history {
		if h.kind != q.Get("type") || len(found) == limit {
			continue
		}
		if shown, some := b.show(r, id, h, p); some {
			found = append(found, shown)
		}
	}
	answer(w, http.StatusOK, found)
}
