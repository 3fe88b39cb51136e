package sensorthings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// An array is the rows of one Datastream.
type array struct {
	Datastream object   `json:"Datastream"`
	Components []string `json:"components"`
	Count      *int     `json:"dataArray@iot.count"`
	Rows       [][]any  `json:"dataArray"`
}

// received is an Observation that is counted.
type received struct {
	keys   desk.Keys
	thing  string
	notice *desk.Notice
	show   desk.Record
}

// createObservations takes data arrays, and answers for each row (OGC 18-088, 13).
func (s *server) createObservations(w http.ResponseWriter, raw []byte) {
	var arrays []array
	if err := decode(raw, &arrays); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	var (
		answers = []string{}
		all     []received
		changes []change
	)
	for _, a := range arrays {
		stream := s.set("Datastreams").all[pathID(a.Datastream["@iot.id"])]
		switch {
		case stream == nil && s.Style == FROST:
			fail(w, http.StatusNotFound, "no such Datastream")
			return
		case len(a.Components) == 0 || a.Count != nil && *a.Count != len(a.Rows):
			fail(w, http.StatusBadRequest, "components or count")
			return
		}
		for _, row := range a.Rows {
			body, r, err := s.row(stream, a.Components, row)
			if err != nil {
				text := err.Error()
				if s.Style == FROST {
					text = "error " + text
				}
				answers = append(answers, text)
				continue
			}
			e := &entity{ID: s.nextID(len(changes) + 1), Body: body, Links: map[string]string{"Datastream": stream.ID}}
			changes = append(changes, change{Set: "Observations", Entity: e})
			all = append(all, r)
			answers = append(answers, "http://desk"+root+"/Observations("+e.ID+")")
		}
	}
	if !s.commit(w, all, changes) || !s.tell(w, all) {
		return
	}
	answer(w, http.StatusCreated, answers)
}

// createObservation takes one.
func (s *server) createObservation(w http.ResponseWriter, r *http.Request, id string, raw []byte) {
	var body object
	err := decode(raw, &body)
	var one received
	if err == nil {
		one, err = s.observation(s.set("Datastreams").all[id], body)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	e := &entity{ID: s.nextID(1), Body: body, Links: map[string]string{"Datastream": id}}
	if s.commit(w, []received{one}, []change{{Set: "Observations", Entity: e}}) && s.tell(w, []received{one}) {
		s.created(w, r, "Observations", e.ID)
	}
}

// row reads a row into an Observation.
func (s *server) row(stream *entity, components []string, row []any) (object, received, error) {
	if stream == nil {
		return nil, received{}, said("Datastream not found")
	}
	if len(row) != len(components) {
		return nil, received{}, fmt.Errorf("a row of %d values for %d components", len(row), len(components))
	}
	body := object{}
	for i, name := range components {
		if !slices.Contains([]string{"phenomenonTime", "resultTime", "result", "parameters"}, name) {
			return nil, received{}, fmt.Errorf("component %q", name)
		}
		body[name] = row[i]
	}
	r, err := s.observation(stream, body)
	return body, r, err
}

// observation checks an Observation and reads its key.
func (s *server) observation(stream *entity, body object) (r received, err error) {
	begin, _, err := interval(body["phenomenonTime"])
	if err != nil {
		return r, said("Invalid phenomenonTime %v", body["phenomenonTime"])
	}
	if t, ok := body["resultTime"]; !ok || t != nil && !isTime(t) {
		return r, said("Invalid resultTime %v", t)
	}
	if err := checkResult(stream, body["result"]); err != nil {
		return r, err
	}
	if len(s.locations(stream.Links["Thing"])) == 0 {
		return r, said("Missing Observation.FeatureOfInterest, and no Location to make it of")
	}
	name, _ := stream.Body["name"].(string)
	if s.Refuse != nil {
		if why := s.Refuse(name, body["result"]); why != "" {
			return r, fmt.Errorf("%s", why)
		}
	}
	if thing := s.set("Things").all[stream.Links["Thing"]]; thing != nil {
		properties, _ := thing.Body["properties"].(object)
		r.thing, _ = properties["lamppost"].(string)
	}
	if o, ok := body["result"].(object); ok {
		raw, err := json.Marshal(o)
		if err != nil {
			return r, err
		}
		n, err := desk.ReadNotice(raw)
		r.notice = &n
		return r, err
	}
	parameters, _ := body["parameters"].(object)
	seq, _ := parameters["seq"].(json.Number)
	n, err := seq.Int64()
	epoch, _ := parameters["epoch"].(string)
	if err != nil || n < 1 || len(epoch) != 16 || strings.Trim(epoch, "0123456789abcdef") != "" {
		return r, nil // it is an Observation all the same, of somebody else
	}
	r.keys = desk.Keys{Thing: r.thing, Epoch: epoch, From: uint64(n), To: uint64(n)}
	r.show = desk.Record{Name: name, Time: begin, Value: number(body["result"]), Epoch: epoch, Seq: uint64(n)}
	r.show.Quality, _ = parameters["quality"].(string)
	return r, nil
}

func isTime(v any) bool {
	text, _ := v.(string)
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}

// checkResult compares a result with the observationType of its Datastream.
func checkResult(stream *entity, result any) error {
	kind, _ := stream.Body["observationType"].(string)
	n, isNumber := result.(json.Number)
	ok := result != nil
	switch kind[strings.LastIndex(kind, "/")+1:] {
	case "OM_Measurement":
		ok = isNumber
	case "OM_CountObservation":
		_, err := n.Int64()
		ok = isNumber && err == nil
	case "OM_TruthObservation":
		_, ok = result.(bool)
	}
	if !ok {
		return fmt.Errorf("result %v is no %s", result, kind)
	}
	return nil
}

func number(v any) float64 {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

// keysOf joins consecutive keys.
func keysOf(all []received) (keys []desk.Keys) {
	for _, r := range all {
		if n := len(keys); n > 0 && keys[n-1].Thing == r.keys.Thing && keys[n-1].Epoch == r.keys.Epoch && keys[n-1].To+1 == r.keys.From {
			keys[n-1].To = r.keys.To
		} else if r.keys.From > 0 {
			keys = append(keys, r.keys)
		}
	}
	return keys
}

// tell notes notices, and shows the newest values.
func (s *server) tell(w http.ResponseWriter, all []received) bool {
	for _, r := range all {
		if r.keys.From > 0 {
			s.book.Show(r.thing, r.show)
		}
		if r.notice == nil {
			continue
		}
		if err := s.book.Tell(r.thing, *r.notice); err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return false
		}
	}
	return true
}

// said is what servers say of a row, word for word.
func said(format string, args ...any) error { return words(fmt.Sprintf(format, args...)) }

type words string

// Error returns the words.
func (w words) Error() string { return string(w) }
