package sensorthings_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/sensorthings"
	"github.com/lamppost-city/lamppost/sync/sensorthings"
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

func TestStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		fault faults.Fault
		want  string
		says  string
	}{
		"201 a link":                   {faults.Fault{Status: 201, Body: `["http://x/v1.1/Observations(1)"]`}, taken, ""},
		"201 a link of TLS":            {faults.Fault{Status: 201, Body: `["https://x/v1.1/Observations(1)"]`}, taken, ""},
		"201 resultMetadata=off":       {faults.Fault{Status: 201, Body: `[""]`}, taken, ""},
		"201 error, the standard":      {faults.Fault{Status: 201, Body: `["error"]`}, refused, "error"},
		"201 error with text, FROST":   {faults.Fault{Status: 201, Body: `["error no such thing"]`}, refused, "no such thing"},
		"201 bare text, GOST":          {faults.Fault{Status: 201, Body: `["Invalid phenomenonTime"]`}, refused, "Invalid phenomenonTime"},
		"201 no FeatureOfInterest":     {faults.Fault{Status: 201, Body: `["Missing Observation.FeatureOfInterest"]`}, retry, "FeatureOfInterest"},
		"201 fewer answers than rows":  {faults.Fault{Status: 201, Body: `[]`}, unknown, "0 answers to 1 rows"},
		"201 more answers than rows":   {faults.Fault{Status: 201, Body: `["http://x","http://x"]`}, unknown, "2 answers to 1 rows"},
		"201 no list":                  {faults.Fault{Status: 201, Body: `{}`}, unknown, "no list of rows"},
		"201 null for a row":           {faults.Fault{Status: 201, Body: `[null]`}, unknown, "no answer to row 1"},
		"201 nothing":                  {faults.Fault{Status: 201}, unknown, "no list of rows"},
		"200 is not in the table":      {faults.Fault{Status: 200, Body: `["http://x"]`}, unknown, "200"},
		"302":                          {faults.Fault{Status: 302}, retry, "check url"},
		"405":                          {faults.Fault{Status: 405}, retry, "check url"},
		"415":                          {faults.Fault{Status: 415}, retry, "check url"},
		"400":                          {faults.Fault{Status: 400, Body: "no"}, refused, "400"},
		"401":                          {faults.Fault{Status: 401}, retry, "proves itself"},
		"403":                          {faults.Fault{Status: 403}, retry, "proves itself"},
		"404":                          {faults.Fault{Status: 404}, retry, "made again"},
		"409":                          {faults.Fault{Status: 409}, unknown, "409"},
		"413":                          {faults.Fault{Status: 413}, refused, "413"},
		"429":                          {faults.Fault{Status: 429, Header: map[string]string{"Retry-After": "9"}}, retry, "429"},
		"500":                          {faults.Fault{Status: 500}, retry, "500"},
		"503":                          {faults.Fault{Status: 503}, retry, "503"},
		"502 of a proxy after storing": {faults.Fault{Status: 502, After: true}, unknown, "502"},
		"504 of a proxy after storing": {faults.Fault{Status: 504, After: true}, unknown, "504"},
		"no answer after storing":      {faults.Fault{Drop: true, After: true}, unknown, "closed the connection"},
		"an answer that comes late":    {faults.Fault{Delay: 50 * time.Millisecond}, taken, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, double.Options{}, "")
			c := d.connected()
			tt.fault.Path = rows
			d.faults.Add(1, tt.fault)
			err := c.Publish(t.Context(), batch(observed(1, air, 0, 1)))
			assert.Equal(t, tt.want, outcome(err), "%v", err)
			if err != nil {
				assert.ErrorContains(t, err, tt.says)
			}
			if tt.fault.Status == 0 && err == nil || tt.fault.After {
				assert.Equal(t, []uint64{1}, d.received(epoch))
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected()
	d.faults.Add(1, faults.Fault{Path: rows, Status: 429, Header: map[string]string{"Retry-After": "9"}})
	var later *agent.RetryError
	require.ErrorAs(t, c.Publish(t.Context(), batch(observed(1, air, 0, 1))), &later)
	assert.Equal(t, 9*time.Second, later.After)
}

// negative makes the double refuse negative values.
func negative(_ string, result any) string {
	if n, ok := result.(interface{ Float64() (float64, error) }); ok {
		if f, _ := n.Float64(); f < 0 {
			return "negative"
		}
	}
	return ""
}

func TestRowsAreRefusedAlone(t *testing.T) {
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			o.Refuse = negative
			d := open(t, o, "")
			c := d.connected()
			b := batch()
			for i := range uint64(1200) {
				v := 1.0
				if i%500 == 7 {
					v = -1
				}
				b.Observations = append(b.Observations, observed(2*i+1, air, time.Duration(i)*time.Second, v), observed(2*i+2, rh, time.Duration(i)*time.Second, 1))
			}
			var r *agent.RefusedError
			require.ErrorAs(t, c.Publish(t.Context(), b), &r)
			assert.Len(t, r.Refused, 3)
			for _, seq := range []uint64{15, 1015, 2015} {
				assert.Contains(t, r.Refused[seq], "negative")
			}
			assert.Len(t, d.received(epoch), 2397)
			assert.Len(t, d.faults.Requests("POST", rows), 3, "at most 1000 rows a request")
			d.faults.Clear()
			require.ErrorAs(t, c.Publish(t.Context(), batch(observed(1, air, 0, -1))), &r, "also when it stands alone")
		})
	}
}

// JSON errors roll everything back: the one row is found by halves.
func TestBisect(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected()
	d.faults.Add(1, faults.Fault{Path: rows, Status: http.StatusBadRequest})
	b := batch()
	for i := range uint64(10) {
		b.Observations = append(b.Observations, observed(i+1, air, time.Duration(i)*time.Second, 1))
	}
	require.NoError(t, c.Publish(t.Context(), b))
	assert.Len(t, d.received(epoch), 10)
	assert.Len(t, d.faults.Requests("POST", rows), 3)
}

// remove deletes as a person would.
func (p *platform) remove(path string) {
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodDelete, p.city.URL()+"/v1.1"+path, nil)
	require.NoError(p.t, err)
	res, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	res.Body.Close()
	require.Equal(p.t, http.StatusOK, res.StatusCode)
}

// A Datastream that is gone is made again, and nothing is refused for it.
func TestDatastreamIsGone(t *testing.T) {
	for name, tt := range map[string]struct {
		o       double.Options
		batch   agent.Batch
		outcome string
	}{
		"FROST":                {double.Options{}, batch(observed(1, air, 0, 1)), retry},
		"GOST":                 {double.Options{Style: double.GOST}, batch(observed(1, air, 0, 1)), retry},
		"FROST, one of two":    {double.Options{}, batch(observed(1, air, 0, 1), observed(2, rh, 0, 1)), retry},
		"GOST, one of two":     {double.Options{Style: double.GOST}, batch(observed(1, air, 0, 1), observed(2, rh, 0, 1)), unknown},
		"GOST, and one is bad": {double.Options{Style: double.GOST, Refuse: negative}, batch(observed(1, air, 0, 1), observed(2, rh, 0, 1), observed(3, rh, time.Second, -1)), unknown},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, tt.o, "")
			c := d.connected()
			d.remove("/Datastreams(5)")
			err := c.Publish(t.Context(), tt.batch)
			assert.Equal(t, tt.outcome, outcome(err), "%v", err)
			c.Publish(t.Context(), tt.batch)
			assert.Contains(t, d.received(epoch), uint64(1))
			require.NoError(t, c.Publish(t.Context(), batch(observed(9, air, time.Minute, 1))))
			made := 0
			for _, r := range d.faults.Requests("POST", "/Datastreams") {
				made += strings.Count(r.Body, "airTemperature")
			}
			assert.Positive(t, made)
		})
	}
	t.Run("of notices", func(t *testing.T) {
		for _, style := range []double.Style{double.FROST, double.GOST} {
			d := open(t, double.Options{Style: style}, "")
			c := d.connected()
			d.remove("/Datastreams(18)")
			beat := []agent.Notice{{Kind: agent.NoticeHeartbeat, Time: when, Epoch: epoch, Heartbeat: &agent.Heartbeat{}}}
			assert.Error(t, c.Notify(t.Context(), beat))
			assert.NoError(t, c.Notify(t.Context(), beat))
			assert.Len(t, d.city.Received("lamp-042").Notices, 1)
		}
	})
	t.Run("whether it is there is not known", func(t *testing.T) {
		d := open(t, double.Options{Refuse: negative}, "")
		c := d.connected()
		d.faults.Add(1, faults.Fault{Path: "/Datastreams(", Method: "GET", Status: 500})
		assert.Equal(t, unknown, outcome(c.Publish(t.Context(), batch(observed(1, air, 0, -1)))))
	})
}

// A Thing without a Location takes no Observation: it is given one.
func TestLocationIsGone(t *testing.T) {
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			d := open(t, o, "")
			c := d.connected()
			d.remove(map[bool]string{false: "/Locations(2)", true: "/Locations('id-2')"}[o.TextIDs])
			err := c.Publish(t.Context(), batch(observed(1, air, 0, 1)))
			assert.Equal(t, retry, outcome(err), "no fault of the observation: %v", err)
			require.NoError(t, c.Publish(t.Context(), batch(observed(1, air, 0, 1))))
			assert.Equal(t, []uint64{1}, d.received(epoch))
		})
	}
	d := open(t, double.Options{}, "")
	c, err := d.dial(t.Context(), agent.Thing{ID: "nowhere"})
	require.NoError(t, err)
	assert.ErrorContains(t, c.Announce(t.Context(), agent.Thing{}, all, nil), "thing.location is missing")
	_, err = d.dial(t.Context(), agent.Thing{})
	assert.ErrorContains(t, err, "thing.id is empty")
}

func TestCheck(t *testing.T) {
	var s sensorthings.Settings
	assert.NoError(t, s.Check(thing, nil))
	assert.ErrorContains(t, s.Check(agent.Thing{ID: "x"}, nil), "thing.location is missing")
}

// The outcome of the rows is unknown: what is there is read back.
func TestReconcile(t *testing.T) {
	for name, o := range map[string]double.Options{
		"FROST": {}, "GOST": {Style: double.GOST, TextIDs: true}, "small pages": {PageSize: 7}, "without parameters": {NoParameters: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, o, "")
			c := d.connected()
			b := batch()
			for i := range uint64(30) {
				b.Observations = append(b.Observations, observed(2*i+1, air, time.Duration(i)*time.Second, float64(i)), observed(2*i+2, door, time.Duration(i)*time.Second, float64(i%2)))
			}
			half := b
			half.Observations = b.Observations[:31]
			d.faults.Add(1, faults.Fault{Path: rows, After: true, Drop: true})
			assert.Equal(t, unknown, outcome(c.Publish(t.Context(), half)))
			c = d.connected()
			have, err := c.(agent.Reconciler).Reconcile(t.Context(), b)
			require.NoError(t, err)
			assert.ElementsMatch(t, d.received(epoch), have)
			assert.Len(t, have, 31)
			if !o.NoParameters {
				b.Epoch++
				have, err = c.(agent.Reconciler).Reconcile(t.Context(), b)
				require.NoError(t, err)
				assert.Empty(t, have, "the epoch counts")
			} else {
				b.Observations[0].Value, b.Observations[1].Value = 77, 1
				have, err = c.(agent.Reconciler).Reconcile(t.Context(), b)
				require.NoError(t, err)
				assert.Len(t, have, 29, "the result counts")
			}
			for _, fault := range []faults.Fault{{Status: 500}, {Status: 200, Body: "<html>"}, {Status: 404}} {
				fault.Path = "/Observations"
				d.faults.Add(1, fault)
				_, err = c.(agent.Reconciler).Reconcile(t.Context(), b)
				assert.Error(t, err)
			}
		})
	}
}

// Whatever goes wrong while entities are found or made, nothing is made twice.
func TestAnnounceFails(t *testing.T) {
	for _, set := range []string{"/Things", "/Sensors", "/ObservedProperties", "/Datastreams"} {
		for name, fault := range map[string]faults.Fault{
			"500": {Status: 500}, "400": {Status: 400}, "made, no answer": {Drop: true, After: true}, "201 and no id": {Status: 201, After: true},
			"no page": {Method: "GET", Status: 200, Body: "<html>"}, "an entity without an id": {Method: "GET", Status: 200, Body: `{"value":[{"name":"x"}]}`},
			"404": {Method: "GET", Status: 404},
		} {
			t.Run(set+" "+name, func(t *testing.T) {
				d := open(t, double.Options{}, "")
				c, err := d.dial(t.Context(), thing)
				require.NoError(t, err)
				fault.Path = set
				if fault.Method == "" {
					fault.Method = "POST"
				} else if set == "/Datastreams" {
					d.connected() // else nobody asks for any
				}
				d.faults.Add(1, fault)
				err = c.Announce(t.Context(), thing, all, nil)
				assert.Equal(t, fault.Status == 400 && set != "/Things", err == nil, "what one Datastream needs keeps no other waiting: %v", err)
				d.connected()
				d.connected()
				for _, in := range []struct {
					set string
					n   int
				}{{"Things", 1}, {"Sensors", 4}, {"ObservedProperties", 6}, {"Datastreams", 6}} {
					assert.Equal(t, in.n, d.size(in.set), in.set)
				}
			})
		}
	}
	d := open(t, double.Options{}, "")
	c := d.connected()
	fresh := stream("new", agent.PM1, 0)
	d.faults.Add(1, faults.Fault{Path: "/Sensors", Status: 503, Header: map[string]string{"Retry-After": "8"}})
	err := c.Publish(t.Context(), batch(observed(1, fresh, 0, 1)))
	var later *agent.RetryError
	require.ErrorAs(t, err, &later, "the rows were not even sent")
	assert.Equal(t, 8*time.Second, later.After)
	assert.NoError(t, c.Publish(t.Context(), batch(observed(1, fresh, 0, 1))))
}

// size is how many entities a set has.
func (p *platform) size(set string) int {
	res, err := http.Get(p.city.URL() + "/v1.1/" + set)
	require.NoError(p.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	return strings.Count(string(body), `"@iot.selfLink"`)
}

func TestNotices(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected()
	require.NoError(t, c.Notify(t.Context(), nil))
	beat := []agent.Notice{{ID: 3, Kind: agent.NoticeClock, Time: when, Epoch: epoch, Cause: "offset"}, {Kind: agent.NoticeHeartbeat, Time: when, Epoch: epoch, Heartbeat: &agent.Heartbeat{AcceptedTo: 5}}}
	require.NoError(t, c.Notify(t.Context(), beat))
	sent := d.faults.Requests("POST", rows)
	require.Len(t, sent, 1)
	assert.Contains(t, sent[0].Body, `"2026-11-21T10:00:00.500Z",{"epoch":"0123456789abcdef","id":3,"kind":"clock"`)
	assert.Contains(t, sent[0].Body, `,{"epoch":"0123456789abcdef","notice":3}]`)
	assert.Len(t, d.city.Received("lamp-042").Notices, 2)
	for name, fault := range map[string]faults.Fault{
		"500": {Status: 500}, "404": {Status: 404}, "400": {Status: 400}, "no answer": {Drop: true, After: true},
		"a row is refused": {Status: 201, Body: `["http://x","error"]`}, "a row is forgotten": {Status: 201, Body: `["http://x"]`},
	} {
		fault.Path = rows
		d.faults.Add(1, fault)
		assert.Error(t, c.Notify(t.Context(), beat), name)
	}
}

// Datastreams that come up while batches are under way are made once.
func TestManyMakeOne(t *testing.T) {
	d := open(t, double.Options{}, "")
	c := d.connected()
	fresh := stream("new", agent.PM1, 0)
	var wg sync.WaitGroup
	for i := range uint64(8) {
		wg.Go(func() {
			assert.NoError(t, c.Publish(t.Context(), batch(observed(i+1, fresh, time.Duration(i)*time.Second, 1))))
		})
	}
	wg.Wait()
	assert.Equal(t, 7, d.size("Datastreams"))
	assert.Len(t, d.received(epoch), 8)
}
