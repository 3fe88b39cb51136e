package sensorthings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
)

const root = "/v1.1"

// resource is a path below the root: a set, an entity of it, a set of that.
var resource = regexp.MustCompile(`^/([A-Za-z]+)(?:\(('[^']*'|\d+)\)(?:/([A-Za-z]+))?)?$`)

// maxBody is a limit no batch should come near to.
const maxBody = 1 << 20

func (s *server) routes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, root)
		m := resource.FindStringSubmatch(path)
		if !ok || m == nil {
			fail(w, http.StatusNotFound, "no such path")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		switch in, id, inner := m[1], m[2], m[3]; {
		case r.Method == http.MethodPost:
			s.post(w, r, in, id, inner)
		case r.Method == http.MethodGet && id != "" && inner == "":
			s.one(w, r, in, id)
		case r.Method == http.MethodGet:
			s.many(w, r, in, id, inner)
		case r.Method == http.MethodDelete && id != "" && inner == "":
			s.remove(w, in, id)
		default:
			fail(w, http.StatusMethodNotAllowed, r.Method)
		}
	})
}

func (s *server) post(w http.ResponseWriter, r *http.Request, in, id, inner string) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, "too large")
		return
	case err != nil:
		return
	case id != "" && s.set(in).all[id] == nil:
		fail(w, http.StatusNotFound, "no such entity")
		return
	case in == "CreateObservations" && id == "":
		s.createObservations(w, raw)
		return
	case in == "Datastreams" && inner == "Observations":
		s.createObservation(w, r, id, raw)
		return
	}
	var links map[string]string
	if in == "Things" && inner != "" {
		in, links = inner, map[string]string{"Thing": id}
	} else if id != "" {
		fail(w, http.StatusNotFound, "no such path")
		return
	}
	if _, ok := kinds[in]; !ok {
		fail(w, http.StatusNotFound, "no such set")
		return
	}
	var body object
	if err := decode(raw, &body); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	p := &plan{server: s}
	made, err := p.add(in, body, links)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if !s.commit(w, nil, p.changes) {
		return
	}
	s.created(w, r, in, made)
}

// commit writes changes and makes them.
func (s *server) commit(w http.ResponseWriter, received []received, changes []change) bool {
	keys, save := keysOf(received), make([]any, len(changes))
	for i := range changes {
		save[i] = changes[i]
	}
	if err := s.book.Count(keys, save...); err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return false
	}
	for _, c := range changes {
		s.apply(c)
	}
	return true
}

func (s *server) created(w http.ResponseWriter, r *http.Request, in, id string) {
	w.Header().Set("Location", "http://"+r.Host+root+"/"+in+"("+id+")")
	if s.Style == FROST {
		w.WriteHeader(http.StatusCreated)
		return
	}
	answer(w, http.StatusCreated, s.shown(in, s.set(in).all[id]))
}

func (s *server) remove(w http.ResponseWriter, in, id string) {
	if s.set(in).all[id] == nil {
		fail(w, http.StatusNotFound, "no such entity")
		return
	}
	if s.commit(w, nil, []change{{Set: in, Gone: id}}) {
		w.WriteHeader(http.StatusOK)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, object{"code": status, "type": "error", "message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// decode reads one JSON value and nothing behind it; numbers keep their text.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows the JSON")
	}
	return nil
}
