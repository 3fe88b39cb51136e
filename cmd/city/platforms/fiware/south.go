package fiware

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// errNoAck is why a message is not acknowledged.
var errNoAck = errors.New("the connection is to end before the acknowledgement")

// receive takes a message to the broker, which acknowledges it whatever becomes
// of the measures in it (trap F3).
func (d *Double) receive(m desk.Message) error {
	d.mu.Lock()
	topic, answer := d.message(m)
	err := error(nil)
	if d.faults.NoAck > 0 {
		d.faults.NoAck--
		err = errNoAck
	}
	d.mu.Unlock()
	if answer != nil {
		if err := d.book.Publish(topic, answer, false); err != nil {
			d.log().Error("answer not published", "err", err)
		}
	}
	return err
}

// message works on a message, and returns what to answer where. The agent hears
// topics with and without a slash before them.
func (d *Double) message(m desk.Message) (topic string, answer []byte) {
	part := strings.Split(strings.TrimPrefix(m.Topic, "/"), "/")
	if len(part) < 4 || part[0] != "json" && part[0] != "ul" || d.faults.Deaf {
		return "", nil
	}
	ul, apikey, id := part[0] == "ul", part[1], part[2]
	resource := jsonResource
	if ul {
		resource = ulResource
	}
	switch kind := strings.Join(part[3:], "/"); {
	case kind == "attrs":
		groups, err := parseMQTT(ul, m.Payload)
		if err != nil {
			d.log().Warn("measures not understood", "device", id, "err", err)
			return "", nil
		}
		d.later(func() { d.lose(id, d.measure(resource, apikey, id, groups)) })
	case len(part) == 5 && part[3] == "attrs":
		d.later(func() {
			d.lose(id, d.measure(resource, apikey, id, []map[string]any{{part[4]: single(m.Payload)}}))
		})
	case kind == "cmdexe":
		d.result(resource, apikey, id, m.Payload)
	case kind == "configuration/commands":
		answer := d.configuration(ul, resource, apikey, id, m.Payload)
		return "/" + apikey + "/" + id + "/configuration/values", answer
	}
	return "", nil
}

// lose logs measures that came to nothing: nobody else is told over MQTT.
func (d *Double) lose(id string, v verdict) {
	if v != fine {
		d.log().Warn("measures lost", "device", id, "error", v.name)
	}
}

// later applies measures now, or after so many questions as the faults say.
func (d *Double) later(apply func()) {
	if d.faults.Lag == 0 {
		apply()
		return
	}
	d.lagging = append(d.lagging, apply)
}

// single reads the value of one attribute. What is no JSON becomes hexadecimal.
func single(payload []byte) any {
	var v any
	if json.Unmarshal(payload, &v) != nil {
		return hex.EncodeToString(payload)
	}
	return v
}

// parseMQTT reads the groups of a message. An array of one object is taken for
// an attribute "0" (trap F2).
func parseMQTT(ul bool, payload []byte) ([]map[string]any, error) {
	if ul {
		return parseUL(string(payload))
	}
	groups, err := parseJSON(payload)
	if err == nil && len(groups) == 1 && strings.HasPrefix(strings.TrimSpace(string(payload)), "[") {
		return []map[string]any{{"0": groups[0]}}, nil
	}
	return groups, err
}

func parseJSON(payload []byte) ([]map[string]any, error) {
	var one map[string]any
	if err := json.Unmarshal(payload, &one); err == nil && one != nil {
		return []map[string]any{one}, nil
	}
	var all []map[string]any
	if err := json.Unmarshal(payload, &all); err != nil || len(all) == 0 {
		return nil, errors.New("no object and no array of objects")
	}
	return all, nil
}

// result takes the result of a command, which moves the entity's time (trap F7).
func (d *Double) result(resource, apikey, id string, payload []byte) {
	var results map[string]any
	dev, _, v := d.find(resource, apikey, id)
	if json.Unmarshal(payload, &results) != nil || v != fine {
		return
	}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	u := &entity{ID: dev.EntityName, Type: dev.EntityType, Device: id, Attrs: map[string]Attr{"TimeInstant": {Type: "DateTime", Value: now}}}
	for name, value := range results {
		u.Attrs[name+"_status"] = Attr{Type: "commandStatus", Value: "OK"}
		u.Attrs[name+"_info"] = Attr{Type: "commandResult", Value: value}
	}
	if !d.faults.Down {
		d.merge(u)
	}
}

// configuration answers what the context broker has of a device.
func (d *Double) configuration(ul bool, resource, apikey, id string, payload []byte) []byte {
	defer d.catchUp()
	var q struct {
		Type   string
		Fields []string
	}
	if ul {
		fields := strings.Split(string(payload), "|")
		q.Type, q.Fields = fields[0], fields[1:]
	} else if json.Unmarshal(payload, &q) != nil {
		return nil
	}
	dev, _, v := d.find(resource, apikey, id)
	if q.Type != "configuration" || v != fine || d.faults.Mute || d.faults.Down {
		return nil
	}
	e, ok := d.entities[dev.EntityName]
	if !ok {
		return nil
	}
	values := map[string]any{}
	line := id + "@configuration"
	for _, name := range q.Fields {
		if a, ok := e.Attrs[name]; ok {
			values[name] = a.Value
			line += fmt.Sprintf("|%s=%s", name, text(a.Value))
		}
	}
	now := time.Now().UTC().Format("20060102T150405Z")
	if ul {
		return []byte(line + "|dt=" + now)
	}
	values["dt"] = now
	answer, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	return answer
}

// catchUp applies what lags behind, if it is time.
func (d *Double) catchUp() {
	if len(d.lagging) == 0 {
		return
	}
	if d.answered++; d.answered < d.faults.Lag {
		return
	}
	for _, apply := range d.lagging {
		apply()
	}
	d.lagging, d.answered = nil, 0
}

// maxBody is what the agent reads of a request.
const maxBody = 1 << 20

// measures serves the port for measures.
func (d *Double) measures(resource string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return
		}
		d.mu.Lock()
		a, instead := next(&d.faults.South)
		var v verdict
		if !instead || a.works() {
			v = d.post(resource, r, body)
		}
		d.mu.Unlock()
		if instead && reply(w, a) {
			return
		}
		w.Header().Set("X-Processing-Time", "1")
		if v != fine {
			fail(w, v)
			return
		}
		if resource == jsonResource {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{}")
		}
	}
}

// post works on a request with measures.
func (d *Double) post(resource string, r *http.Request, body []byte) verdict {
	apikey, id := r.URL.Query().Get("k"), r.URL.Query().Get("i")
	if apikey == "" || id == "" {
		return verdict{400, "MANDATORY_PARAMS_NOT_FOUND", `Some of the mandatory params weren't found in the request: ["i","k"]`}
	}
	if len(body) > maxBody {
		return verdict{413, "PayloadTooLargeError", "request entity too large"}
	}
	var (
		groups []map[string]any
		err    error
	)
	if resource == ulResource {
		groups, err = parseUL(string(body))
	} else {
		groups, err = parseJSON(body)
	}
	if err != nil {
		return verdict{400, "SyntaxError", err.Error()}
	}
	if t := r.URL.Query().Get("t"); t != "" {
		for _, g := range groups {
			g["TimeInstant"] = t
		}
	}
	return d.measure(resource, apikey, id, groups)
}

// reply gives an answer of the faults, if it is one.
func reply(w http.ResponseWriter, a Answer) bool {
	if a.Cut {
		panic(http.ErrAbortHandler)
	}
	if a.Status == 0 {
		return false
	}
	for k, v := range a.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.Status)
	fmt.Fprint(w, a.Body)
	return true
}

func fail(w http.ResponseWriter, v verdict) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(v.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"name": v.name, "message": v.message})
}
