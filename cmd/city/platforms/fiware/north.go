package fiware

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// handler serves the ports for measures and for provisioning.
func (d *Double) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+jsonResource, d.measures(jsonResource))
	mux.HandleFunc("POST "+ulResource, d.measures(ulResource))
	mux.HandleFunc("GET /iot/groups", d.north(d.listGroups))
	mux.HandleFunc("POST /iot/groups", d.north(d.addGroups))
	mux.HandleFunc("GET /iot/devices/{id}", d.north(d.device))
	mux.HandleFunc("POST /iot/devices", d.north(d.addDevices))
	mux.HandleFunc("PUT /iot/devices/{id}", d.north(d.changeDevice))
	mux.HandleFunc("DELETE /iot/devices/{id}", d.north(d.removeDevice))
	return mux
}

// A tenant is who devices belong to.
type tenant struct{ service, path string }

// north serves a request for provisioning: f returns a status and a body.
func (d *Double) north(f func(tenant, *http.Request) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := tenant{strings.ToLower(r.Header.Get("Fiware-Service")), r.Header.Get("Fiware-ServicePath")}
		if t.service == "" || !strings.HasPrefix(t.path, "/") {
			fail(w, verdict{400, "MISSING_HEADERS", `Some headers were missing from the request: ["fiware-service","fiware-servicepath"]`})
			return
		}
		d.mu.Lock()
		a, instead := next(&d.faults.North)
		status, text := 0, []byte(nil)
		if !instead || a.works() {
			status, text = answer(f(t, r))
		}
		d.mu.Unlock()
		if instead && reply(w, a) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(text) // who is gone needs none
	}
}

// answer writes a body, which may be a verdict.
func answer(status int, body any) (int, []byte) {
	if v, ok := body.(verdict); ok {
		status, body = v.status, map[string]string{"name": v.name, "message": v.message}
	}
	if status == http.StatusNoContent {
		return status, nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	return status, text
}

var wrongSyntax = verdict{400, "WRONG_SYNTAX", "Wrong syntax in request"}

func (d *Double) listGroups(t tenant, _ *http.Request) (int, any) {
	all := []*group{}
	for _, g := range d.registry.groups {
		if g.Service == t.service && g.Subservice == t.path {
			all = append(all, g)
		}
	}
	return http.StatusOK, map[string]any{"count": len(all), "groups": all}
}

func (d *Double) addGroups(t tenant, r *http.Request) (int, any) {
	var body struct{ Groups []*group }
	if json.NewDecoder(r.Body).Decode(&body) != nil || len(body.Groups) == 0 {
		return 400, wrongSyntax
	}
	for _, g := range body.Groups {
		if _, ok := d.registry.groups[g.key()]; ok {
			return 409, verdict{409, "DUPLICATE_GROUP", "A device configuration already exists for resource " + g.Resource + " and API Key " + g.APIKey}
		}
		g.Service, g.Subservice = t.service, t.path
		d.registry.groups[g.key()] = g
		if err := d.keep(saved{Group: g}); err != nil {
			return 500, verdict{500, "INTERNAL", err.Error()}
		}
	}
	return http.StatusCreated, struct{}{}
}

// named finds a device by its id alone, as the path has it.
func (d *Double) named(t tenant, id string) *device {
	for _, dev := range d.registry.devices {
		if dev.ID == id && dev.Service == t.service && dev.Subservice == t.path {
			return dev
		}
	}
	return nil
}

func missing(id string) verdict {
	return verdict{404, "DEVICE_NOT_FOUND", "No device was found with id:" + id}
}

func (d *Double) device(t tenant, r *http.Request) (int, any) {
	if dev := d.named(t, r.PathValue("id")); dev != nil {
		return http.StatusOK, dev
	}
	return 404, missing(r.PathValue("id"))
}

func (d *Double) addDevices(t tenant, r *http.Request) (int, any) {
	var body struct{ Devices []*device }
	if json.NewDecoder(r.Body).Decode(&body) != nil || len(body.Devices) == 0 {
		return 400, wrongSyntax
	}
	for _, dev := range body.Devices {
		if dev.ID == "" || strings.ContainsAny(dev.ID+dev.EntityName, "<>\"'=;() ?/#&") {
			return 400, wrongSyntax
		}
		if _, ok := d.registry.devices[dev.key()]; ok {
			return 409, verdict{409, "DUPLICATE_DEVICE_ID", "A device with the same pair (Service, DeviceId) was found:" + dev.ID}
		}
		dev.Service, dev.Subservice = t.service, t.path
		dev.complete()
		d.registry.devices[dev.key()] = dev
		if err := d.keep(saved{Device: dev}); err != nil {
			return 500, verdict{500, "INTERNAL", err.Error()}
		}
	}
	return http.StatusCreated, struct{}{}
}

// changeDevice takes the parts of a device that are named.
func (d *Double) changeDevice(t tenant, r *http.Request) (int, any) {
	dev := d.named(t, r.PathValue("id"))
	if dev == nil {
		return 404, missing(r.PathValue("id"))
	}
	var change map[string]json.RawMessage
	if json.NewDecoder(r.Body).Decode(&change) != nil {
		return 400, wrongSyntax
	}
	for _, fixed := range []string{"device_id", "apikey", "service", "service_path"} {
		if _, ok := change[fixed]; ok {
			return 400, wrongSyntax
		}
	}
	changed := *dev
	if _, ok := change["attributes"]; ok {
		changed.Attributes = nil // not what is in the old list
	}
	if _, ok := change["static_attributes"]; ok {
		changed.Static = nil
	}
	for name, into := range map[string]any{"attributes": &changed.Attributes, "static_attributes": &changed.Static, "explicitAttrs": &changed.ExplicitAttrs} {
		if text, ok := change[name]; ok && json.Unmarshal(text, into) != nil {
			return 400, wrongSyntax
		}
	}
	changed.complete()
	d.touch(dev, &changed)
	d.registry.devices[changed.key()] = &changed
	if err := d.keep(saved{Device: &changed}); err != nil {
		return 500, verdict{500, "INTERNAL", err.Error()}
	}
	return http.StatusNoContent, nil
}

// complete gives all attributes an object_id, as the agent does.
func (dev *device) complete() {
	for i := range dev.Attributes {
		a := &dev.Attributes[i]
		a.ObjectID = cmp.Or(a.ObjectID, a.Name)
	}
}

// touch does what a change of a device does to its entity: attributes that are
// new are null, and its time is now.
func (d *Double) touch(was, is *device) {
	e, ok := d.entities[was.EntityName]
	if !ok || d.faults.Down {
		return
	}
	u := &entity{ID: e.ID, Attrs: map[string]Attr{"TimeInstant": {Type: "DateTime", Value: time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}}}
	for _, a := range is.Attributes {
		if !slices.ContainsFunc(was.Attributes, func(x attribute) bool { return x.Name == a.Name }) {
			u.Attrs[a.Name] = Attr{Type: a.Type}
		}
	}
	d.merge(u)
}

func (d *Double) removeDevice(t tenant, r *http.Request) (int, any) {
	dev := d.named(t, r.PathValue("id"))
	if dev == nil {
		return 404, missing(r.PathValue("id"))
	}
	delete(d.registry.devices, dev.key())
	if err := d.keep(saved{Gone: &gone{dev.APIKey, dev.ID}}); err != nil {
		return 500, verdict{500, "INTERNAL", err.Error()}
	}
	return http.StatusNoContent, nil
}
