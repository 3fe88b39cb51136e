package ngsild

import (
	"net/http"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// upsert takes the current state of entities.
func (b *broker) upsert(w http.ResponseWriter, r *http.Request, tenant string) {
	options := r.URL.Query().Get("options")
	if options != "" && options != "update" && options != "replace" {
		fail(w, http.StatusBadRequest, "InvalidRequest", "options "+options)
		return
	}
	raw, inBody, ok := body(w, r, maxBody)
	if !ok {
		return
	}
	var entities []object
	if err := decode(raw, &entities); err != nil || len(entities) == 0 {
		fail(w, http.StatusBadRequest, "InvalidRequest", "not an array of entities")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.sort(entities, inBody, tenant, options != "update")
	if len(u.errors) > 0 && (b.Whole || len(u.good) == 0) {
		answer(w, http.StatusBadRequest, u.errors[0].(object)["error"])
		return
	}
	if err := b.book.Count(u.keys, u.save...); err != nil {
		fail(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	created := []string{}
	for _, s := range u.good {
		if b.apply(s) {
			created = append(created, text(s.Entity["id"]))
		}
	}
	for _, tell := range u.tell {
		if err := tell(); err != nil {
			fail(w, http.StatusInternalServerError, "InternalError", err.Error())
			return
		}
	}
	switch {
	case len(u.errors) > 0:
		answer(w, http.StatusMultiStatus, object{"success": u.ids, "errors": u.errors})
	case len(created) > 0:
		answer(w, http.StatusCreated, created)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// sorted is what there is to do for an upsert.
type sorted struct {
	good   []saved
	save   []any // the same
	keys   []desk.Keys
	tell   []func() error
	ids    []string
	errors []any
}

func (u *sorted) refuse(id, title string) {
	u.errors = append(u.errors, object{"entityId": id, "error": problem(http.StatusBadRequest, "BadRequestData", title)})
}

// sort parts good entities from bad ones. An entity that comes twice is merged
// and reported, as in Orion-LD: what came between is lost.
func (b *broker) sort(entities []object, inBody bool, tenant string, replace bool) *sorted {
	u := &sorted{}
	seen := make(map[string]int)
	for _, e := range entities {
		id := text(e["id"])
		err := checkContext(e, inBody)
		if err == nil {
			err = b.check(e, false)
		}
		if err != nil {
			u.refuse(id, err.Error())
			continue
		}
		s := saved{Tenant: tenant, Entity: e, Replace: replace}
		if at, twice := seen[id]; twice {
			u.refuse(id, "previous instances merged into one")
			for name, v := range e {
				u.good[at].Entity[name] = v
			}
			continue
		}
		if text(e["type"]) == noticeType {
			thing, n, err := readNotice(e)
			if err != nil {
				u.refuse(id, err.Error())
				continue
			}
			u.tell = append(u.tell, func() error { return b.book.Tell(thing, n) })
		}
		seen[id] = len(u.good)
		u.good = append(u.good, s)
		u.ids = append(u.ids, id)
		if thing, ok := deviceOf(id); ok {
			b.things[thing] = true
		}
	}
	for _, s := range u.good {
		u.save = append(u.save, s)
		if b.History != Idempotent && b.History != Duplicating {
			u.keys = append(u.keys, b.keys(s.Entity)...)
		}
	}
	return u
}
