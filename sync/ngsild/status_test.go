package ngsild_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
	"github.com/lamppost-city/lamppost/sync/ngsild"
)

// What came of a batch.
const (
	taken   = "taken"
	retry   = "surely not taken"
	refused = "refused"
	unknown = "unknown"
)

func outcome(err error) string {
	var (
		r *agent.RetryError
		f *agent.RefusedError
	)
	switch {
	case err == nil:
		return taken
	case errors.As(err, &r):
		return retry
	case errors.As(err, &f):
		return refused
	}
	return unknown
}

func named(name string) string {
	return `{"type":"https://uri.etsi.org/ngsi-ld/errors/` + name + `","title":"so it is"}`
}

// rows are statuses that mean the same on both paths.
var rows = map[string]struct {
	fault faults.Fault
	want  string
	says  string
}{
	"201":                           {faults.Fault{Status: 201, Body: `["urn:ngsi-ld:X:y"]`}, taken, ""},
	"201 without a body":            {faults.Fault{Status: 201}, taken, ""},
	"204":                           {faults.Fault{Status: 204}, taken, ""},
	"200 is not in the table":       {faults.Fault{Status: 200, Body: `{}`}, unknown, "status 200"},
	"302":                           {faults.Fault{Status: 302, Header: map[string]string{"Location": "/x"}}, retry, "status 302"},
	"404 ResourceNotFound":          {faults.Fault{Status: 404, Body: named("ResourceNotFound")}, retry, "404"},
	"405":                           {faults.Fault{Status: 405}, retry, "check url"},
	"415":                           {faults.Fault{Status: 415}, retry, "check url"},
	"400 BadRequestData":            {faults.Fault{Status: 400, Body: named("BadRequestData")}, refused, "status 400"},
	"400 InvalidRequest":            {faults.Fault{Status: 400, Body: named("InvalidRequest")}, refused, "status 400"},
	"413":                           {faults.Fault{Status: 413}, refused, "status 413"},
	"400 LdContextNotAvailable":     {faults.Fault{Status: 400, Body: named("LdContextNotAvailable")}, retry, "check context"},
	"503 LdContextNotAvailable":     {faults.Fault{Status: 503, Body: named("LdContextNotAvailable")}, retry, "check context"},
	"504 LdContextNotAvailable":     {faults.Fault{Status: 504, Body: named("LdContextNotAvailable")}, retry, "check context"},
	"404 NonexistentTenant":         {faults.Fault{Status: 404, Body: named("NonexistentTenant")}, retry, "no tenant"},
	"501 NoMultiTenantSupport":      {faults.Fault{Status: 501, Body: named("NoMultiTenantSupport")}, retry, "no tenant"},
	"401":                           {faults.Fault{Status: 401}, retry, "proves itself"},
	"403":                           {faults.Fault{Status: 403}, retry, "proves itself"},
	"408":                           {faults.Fault{Status: 408}, retry, "408"},
	"409":                           {faults.Fault{Status: 409, Body: named("AlreadyExists")}, unknown, "409"},
	"429":                           {faults.Fault{Status: 429, Header: map[string]string{"Retry-After": "7"}}, retry, "429"},
	"500":                           {faults.Fault{Status: 500, Body: named("InternalError")}, retry, "500"},
	"503":                           {faults.Fault{Status: 503, Body: "busy"}, retry, "503"},
	"502 of a proxy after storing":  {faults.Fault{Status: 502, After: true}, unknown, "502"},
	"504 of a proxy after storing":  {faults.Fault{Status: 504, After: true}, unknown, "504"},
	"no answer after storing":       {faults.Fault{Drop: true, After: true}, unknown, "closed the connection"},
	"no answer":                     {faults.Fault{Drop: true}, unknown, "closed the connection"},
	"an answer that comes late":     {faults.Fault{Delay: 50 * time.Millisecond}, taken, ""},
	"a body that is no JSON at all": {faults.Fault{Status: 400, Body: "<html>"}, retry, "<html>"},
}

func TestStatus(t *testing.T) {
	for path, history := range map[string]double.History{temporal: double.Idempotent, upserts: double.NotFound} {
		for name, tt := range rows {
			t.Run(path+" "+name, func(t *testing.T) {
				d := open(t, double.Options{History: history}, "")
				c := d.connected(func(s *ngsild.Settings) { s.Tenant = "lausanne" })
				tt.fault.Path, tt.fault.Method = path, "POST"
				d.faults.Add(1, tt.fault)
				err := c.Publish(t.Context(), batch(observed(1, air, 0, 1)))
				assert.Equal(t, tt.want, outcome(err), "%v", err)
				if err != nil {
					assert.ErrorContains(t, err, tt.says)
				}
				var later *agent.RetryError
				if errors.As(err, &later) && name == "429" {
					assert.Equal(t, 7*time.Second, later.After)
				}
				if err == nil && tt.fault.Status == 0 {
					assert.Equal(t, []uint64{1}, d.received(epoch))
				}
			})
		}
	}
}

// What only the temporal path says: it is the platform's fault, not the
// observation's.
func TestHistoryThatIsReadOnly(t *testing.T) {
	for name, fault := range map[string]faults.Fault{
		"404": {Status: 404, Body: named("ResourceNotFound")},
		"422": {Status: 422, Body: named("OperationNotSupported")},
		"501": {Status: 501, Body: named("OperationNotSupported")},
		"503": {Status: 503, Body: named("OperationNotSupported")},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{}, "")
			c := d.connected(nil)
			fault.Path, fault.Method = temporal, "POST"
			d.faults.Add(1, fault)
			err := c.Publish(t.Context(), batch(observed(1, air, 0, 1)))
			assert.Equal(t, retry, outcome(err))
			assert.ErrorContains(t, err, `set history = "off"`)
		})
	}
}

func TestProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   faults.Fault
		inOrder bool
		fails   string
	}{
		"200":                       {faults.Fault{Status: 200, Body: "[]"}, false, ""},
		"206":                       {faults.Fault{Status: 206, Body: "[]"}, false, ""},
		"404":                       {faults.Fault{Status: 404}, true, ""},
		"422":                       {faults.Fault{Status: 422}, true, ""},
		"501":                       {faults.Fault{Status: 501}, true, ""},
		"503 TRoE Not Enabled":      {faults.Fault{Status: 503, Body: `{"type":"x/OperationNotSupported","title":"TRoE Not Enabled"}`}, true, ""},
		"503 for a while":           {faults.Fault{Status: 503, Body: named("InternalError"), Header: map[string]string{"Retry-After": "5"}}, false, "503"},
		"503 of a proxy":            {faults.Fault{Status: 503, Body: "<html>Service Unavailable"}, false, "503"},
		"503 LdContextNotAvailable": {faults.Fault{Status: 503, Body: named("LdContextNotAvailable")}, false, "check context"},
		"404 of a proxy":            {faults.Fault{Status: 404, Body: "404 page not found"}, false, "check url, or set history"},
		"404 NonexistentTenant":     {faults.Fault{Status: 404, Body: named("NonexistentTenant")}, false, "no tenant"},
		"401":                       {faults.Fault{Status: 401}, false, "401"},
		"500":                       {faults.Fault{Status: 500}, false, "500"},
		"no answer":                 {faults.Fault{Drop: true}, false, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{}, "")
			c, err := d.dial(t.Context(), thing, nil)
			require.NoError(t, err)
			tt.fault.Path, tt.fault.Method = temporal, "GET"
			d.faults.Add(map[bool]int{false: 1, true: 2}[tt.fault.Drop], tt.fault) // a GET may be sent again
			err = c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil)
			if tt.fails != "" {
				assert.ErrorContains(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.inOrder, c.(agent.Pacer).Pace().InOrder)
			require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil))
			probes := 0
			for _, r := range d.faults.Requests("GET", temporal+"?") {
				probes += strings.Count(r.URI, "timerel=before")
			}
			assert.Equal(t, 1, probes, "asked once")
		})
	}
	for setting, inOrder := range map[string]bool{"on": false, "off": true} {
		d := open(t, double.Options{}, "")
		c := d.connected(func(s *ngsild.Settings) { s.History = setting })
		assert.Equal(t, inOrder, c.(agent.Pacer).Pace().InOrder)
		assert.Empty(t, d.faults.Requests("GET", temporal))
	}
}

// bad makes the double refuse negative values.
func bad(name string, value any) string {
	if n, ok := value.(interface{ Float64() (float64, error) }); ok {
		if f, _ := n.Float64(); f < 0 {
			return "negative"
		}
	}
	return ""
}

func TestRefusedByThePlatform(t *testing.T) {
	for name, o := range map[string]double.Options{
		"temporal":              {Refuse: bad},
		"upsert 400":            {Refuse: bad, History: double.NotBuilt, Whole: true},
		"upsert 207 per entity": {Refuse: bad, History: double.NotBuilt},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, o, "")
			c := d.connected(nil)
			b := batch(observed(1, air, 0, 1), observed(2, rh, 0, -2), observed(3, co2, 0, 3), observed(4, door, 0, -1))
			for i := range uint64(50) {
				o := observed(i+5, air, time.Duration(i+1)*time.Second, 1)
				if i == 17 || i == 49 {
					o.Value = -1
				}
				b.Observations = append(b.Observations, o)
			}
			err := c.Publish(t.Context(), b)
			var r *agent.RefusedError
			require.ErrorAs(t, err, &r)
			assert.Len(t, r.Refused, 4)
			for _, seq := range []uint64{2, 4, 22, 54} {
				assert.Contains(t, r.Refused[seq], "negative")
			}
			assert.Len(t, d.received(epoch), 50)
			assert.NotContains(t, d.received(epoch), uint64(22))
			require.NoError(t, c.Publish(t.Context(), batch(observed(100, rh, time.Hour, 5))), "what was refused holds nothing up")
		})
	}
}

func TestMultiStatus(t *testing.T) {
	const hall, roof = "urn:ngsi-ld:AirQualityObserved:lamp-042-hall", "urn:ngsi-ld:WeatherObserved:lamp-042-roof-air"
	for name, tt := range map[string]struct {
		body string
		want string
		says string
	}{
		"all stored":            {`{"success":["` + hall + `","` + roof + `"],"errors":[]}`, taken, ""},
		"one will never be":     {`{"success":["` + hall + `"],"errors":[{"entityId":"` + roof + `","error":{"status":400,"title":"no"}}]}`, taken, ""},
		"one may be later":      {`{"success":["` + hall + `"],"errors":[{"entityId":"` + roof + `","error":{"status":503,"title":"no"}}]}`, unknown, "was not taken"},
		"one is forgotten":      {`{"success":["` + hall + `"],"errors":[]}`, unknown, "says nothing of " + roof},
		"no report":             {``, unknown, "without a report"},
		"stored and refused":    {`{"success":["` + hall + `","` + roof + `"],"errors":[{"entityId":"` + hall + `","error":{"type":"x/InternalError"}}]}`, unknown, "was not taken"},
		"a detail that is none": {`{"success":["` + hall + `"],"errors":[{"entityId":"` + roof + `","error":{"status":500,"detail":{"a":[1]}}}]}`, unknown, "was not taken"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{History: double.NotAllowed}, "")
			c := d.connected(nil)
			d.faults.Add(1, faults.Fault{Path: upserts, Status: http.StatusMultiStatus, Body: tt.body})
			err := c.Publish(t.Context(), batch(observed(1, co2, 0, 1), observed(2, air, 0, 2)))
			assert.Equal(t, tt.want, outcome(err), "%v", err)
			if err != nil {
				assert.ErrorContains(t, err, tt.says)
			}
			if name == "one will never be" { // said once: when asked again alone, the double took it
				assert.Equal(t, []uint64{2}, d.received(epoch))
			}
		})
	}
}

// A part of a batch was taken when the rest was put off.
func TestTakenInPart(t *testing.T) {
	for _, history := range []double.History{double.Duplicating, double.NotEnabled} {
		d := open(t, double.Options{History: history}, "")
		c := d.connected(nil)
		path := temporal
		if history == double.NotEnabled {
			path = upserts
		}
		b := batch(observed(1, air, 0, 1), observed(2, co2, time.Second, 2), observed(3, door, 2*time.Second, 0))
		d.faults.Add(1, faults.Fault{Path: path, Delay: time.Millisecond})
		d.faults.Add(1, faults.Fault{Path: path, Status: 429})
		err := c.Publish(t.Context(), b)
		assert.Equal(t, unknown, outcome(err), "%v", err)
		assert.Equal(t, []uint64{1}, d.received(epoch))
		have, err := c.(agent.Reconciler).Reconcile(t.Context(), b)
		require.NoError(t, err)
		if history == double.Duplicating {
			assert.Equal(t, []uint64{1}, have)
		}
	}
}

func TestUnknownTenant(t *testing.T) {
	d := open(t, double.Options{Tenants: []string{"geneva"}}, "")
	c, err := d.dial(t.Context(), thing, func(s *ngsild.Settings) { s.Tenant = "lausanne" })
	require.NoError(t, err)
	err = c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil)
	assert.ErrorContains(t, err, `the platform has no tenant "lausanne"`)
	assert.ErrorContains(t, err, "have it created or check tenant")
}
