package ngsild

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Limits of a body, the smaller one for the temporal path.
const (
	maxBody     = 1 << 20
	maxTemporal = 256 << 10
)

func (b *broker) routes() http.Handler {
	mux := http.NewServeMux()
	const root = "/ngsi-ld/v1"
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, string){
		"POST " + root + "/entityOperations/upsert": b.upsert,
		"GET " + root + "/entities/{id}":            b.entity,
		"POST " + root + "/temporal/entities":       b.temporal(b.remember),
		"GET " + root + "/temporal/entities":        b.temporal(b.query),
		"GET " + root + "/temporal/entities/{id}":   b.temporal(b.recall),
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			name := strings.ToLower(r.Header.Get("NGSILD-Tenant"))
			if other := r.Header.Get("Fiware-Service"); other != "" && other != name {
				fail(w, http.StatusBadRequest, "BadRequestData", "two different tenants")
				return
			}
			if b.Tenants != nil && name != "" && !slices.Contains(b.Tenants, name) {
				fail(w, http.StatusNotFound, "NonexistentTenant", "no such tenant: "+name)
				return
			}
			h(w, r, name)
		})
	}
	return mux
}

// temporal answers in the place of a handler if there is no temporal path.
func (b *broker) temporal(h func(http.ResponseWriter, *http.Request, string)) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, tenant string) {
		switch b.History {
		case Idempotent, Duplicating:
			h(w, r, tenant)
		case NotEnabled:
			fail(w, int(b.History), "OperationNotSupported", "TRoE Not Enabled")
		case NotFound:
			fail(w, int(b.History), "ResourceNotFound", "no such path")
		default:
			fail(w, int(b.History), "OperationNotSupported", "no temporal path")
		}
	}
}

// fail answers with a problem document.
func fail(w http.ResponseWriter, status int, name, title string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem(status, name, title))
}

func problem(status int, name, title string) object {
	return object{"type": "https://uri.etsi.org/ngsi-ld/errors/" + name, "title": title, "status": status}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// body reads a body and whether every entity in it must name its context.
func body(w http.ResponseWriter, r *http.Request, limit int64) (raw []byte, linked, ok bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	link := r.Header.Get("Link")
	switch {
	case err != nil || kind != "application/json" && kind != "application/ld+json":
		fail(w, http.StatusUnsupportedMediaType, "InvalidRequest", "Content-Type "+r.Header.Get("Content-Type"))
		return nil, false, false
	case kind == "application/ld+json" && link != "":
		fail(w, http.StatusBadRequest, "BadRequestData", "a Link header beside application/ld+json")
		return nil, false, false
	case link != "" && !isContextLink(link):
		fail(w, http.StatusBadRequest, "BadRequestData", "a Link header that names no context")
		return nil, false, false
	}
	raw, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		fail(w, http.StatusRequestEntityTooLarge, "BadRequestData", "too large")
		return nil, false, false
	}
	return raw, kind == "application/ld+json", err == nil
}

func isContextLink(link string) bool {
	return strings.HasPrefix(link, "<http") && strings.Contains(link, `>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`)
}

// checkContext is the rule of GS CIM 009, 6.3.5: in the body or in the header.
func checkContext(entity object, inBody bool) error {
	_, has := entity["@context"]
	switch {
	case inBody && !has:
		return fmt.Errorf("application/ld+json without @context")
	case !inBody && has:
		return fmt.Errorf("application/json with @context")
	}
	return nil
}

// named returns a name as an answer has it: whole, if the request knows no
// context that would make it shorter.
func named(r *http.Request, name string) string {
	core := map[string]bool{"id": true, "type": true, "location": true}
	if core[name] || isContextLink(r.Header.Get("Link")) {
		return name
	}
	return "https://uri.etsi.org/ngsi-ld/default-context/" + name
}

// entity answers with the current state.
func (b *broker) entity(w http.ResponseWriter, r *http.Request, tenant string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.tenant(tenant).state[r.PathValue("id")]
	if !ok {
		fail(w, http.StatusNotFound, "ResourceNotFound", "no such entity")
		return
	}
	shown := object{}
	for name, v := range e {
		shown[named(r, name)] = v
	}
	answer(w, http.StatusOK, shown)
}
