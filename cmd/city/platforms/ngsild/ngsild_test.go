package ngsild_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
)

const (
	linked = `<https://city.internal/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`
	device = `{"@context":"https://x","id":"urn:ngsi-ld:Device:lamp-1","type":"Device","controlledProperty":{"type":"Property","value":["light"]}}`
)

func entity(id, attributes string) string {
	return `{"@context":"https://x","id":"` + id + `","type":"WeatherObserved",` + attributes + `}`
}

func value(v string) string { return `"temperature":{"type":"Property","value":` + v + `}` }

func instance(seq int, second string) string {
	return fmt.Sprintf(`{"type":"Property","value":%d,"observedAt":"2026-11-21T10:00:%sZ","seq":{"type":"Property","value":%d},"epoch":{"type":"Property","value":"0123456789abcdef"}}`, seq, second, seq)
}

// ask sends a request as any client would.
func ask(t *testing.T, c *desk.City, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.URL()+"/ngsi-ld/v1"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/ld+json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text), res.Header
}

func open(t *testing.T, o ngsild.Options) *desk.City {
	t.Helper()
	c, err := desk.Open(desk.Options{Platform: o.Platform()})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

const upsert = "/entityOperations/upsert?options=update"

func TestUpsert(t *testing.T) {
	for name, tt := range map[string]struct {
		path, body string
		header     []string
		status     int
		says       string
	}{
		"created":                      {upsert, "[" + entity("urn:a:b", value("1")) + "]", nil, 201, `["urn:a:b"]`},
		"option that is none":          {"/entityOperations/upsert?options=updatex", "[" + device + "]", nil, 400, "InvalidRequest"},
		"replace":                      {"/entityOperations/upsert", "[" + device + "]", nil, 201, ""},
		"an object, no array":          {upsert, device, nil, 400, "InvalidRequest"},
		"an empty array":               {upsert, "[]", nil, 400, "InvalidRequest"},
		"no JSON":                      {upsert, "[", nil, 400, "InvalidRequest"},
		"something behind it":          {upsert, "[" + device + "] x", nil, 400, "InvalidRequest"},
		"ld+json without context":      {upsert, strings.ReplaceAll("["+device+"]", `"@context":"https://x",`, ""), nil, 400, "without @context"},
		"ld+json with Link":            {upsert, "[" + device + "]", []string{"Link", linked}, 400, "Link"},
		"json with context":            {upsert, "[" + device + "]", []string{"Content-Type", "application/json"}, 400, "with @context"},
		"json with Link":               {upsert, strings.ReplaceAll("["+device+"]", `"@context":"https://x",`, ""), []string{"Content-Type", "application/json", "Link", linked}, 201, ""},
		"a Link to nothing":            {upsert, strings.ReplaceAll("["+device+"]", `"@context":"https://x",`, ""), []string{"Content-Type", "application/json", "Link", "<x>"}, 400, "Link"},
		"another content type":         {upsert, "[" + device + "]", []string{"Content-Type", "text/plain"}, 415, ""},
		"two different tenants":        {upsert, "[" + device + "]", []string{"NGSILD-Tenant", "a", "Fiware-Service", "b"}, 400, "tenants"},
		"a tenant in upper case":       {upsert, "[" + device + "]", []string{"NGSILD-Tenant", "A"}, 201, ""},
		"an unknown tenant":            {upsert, "[" + device + "]", []string{"NGSILD-Tenant", "b"}, 404, "NonexistentTenant"},
		"id that is no URI":            {upsert, "[" + entity("lamp", value("1")) + "]", nil, 400, "URI"},
		"id with a space":              {upsert, "[" + entity("urn:a:b c", value("1")) + "]", nil, 400, "URI"},
		"no type":                      {upsert, `[{"@context":"https://x","id":"urn:a:b"}]`, nil, 400, "type"},
		"null":                         {upsert, "[" + entity("urn:a:b", value("null")) + "]", nil, 400, "without a value"},
		"null deep within":             {upsert, "[" + entity("urn:a:b", value(`{"a":[1,null]}`)) + "]", nil, 400, "without a value"},
		"the null of merge":            {upsert, "[" + entity("urn:a:b", value(`"urn:ngsi-ld:null"`)) + "]", nil, 400, "without a value"},
		"a bare value":                 {upsert, "[" + entity("urn:a:b", `"temperature":1`) + "]", nil, 400, "not an attribute"},
		"an attribute of no type":      {upsert, "[" + entity("urn:a:b", `"temperature":{"value":1}`) + "]", nil, 400, "type"},
		"the temporal form":            {upsert, "[" + entity("urn:a:b", `"temperature":[`+instance(1, "00")+`]`) + "]", nil, 400, "not an attribute"},
		"a time with an offset":        {upsert, "[" + entity("urn:a:b", `"t":{"type":"Property","value":1,"observedAt":"2026-11-21T10:00:00+01:00"}`) + "]", nil, 400, "observedAt"},
		"seven places of a second":     {upsert, "[" + entity("urn:a:b", `"t":{"type":"Property","value":1,"observedAt":"2026-11-21T10:00:00.1234567Z"}`) + "]", nil, 400, "observedAt"},
		"unitCode that is none":        {upsert, "[" + entity("urn:a:b", `"t":{"type":"Property","value":1,"unitCode":5}`) + "]", nil, 400, "unitCode"},
		"latitude first":               {upsert, "[" + entity("urn:a:b", `"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[46.5,106.6]}}`) + "]", nil, 400, "coordinates"},
		"a place of one number":        {upsert, "[" + entity("urn:a:b", `"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[46.5]}}`) + "]", nil, 400, "Point"},
		"a Relationship to nothing":    {upsert, "[" + entity("urn:a:b", `"refDevice":{"type":"Relationship","object":"lamp"}`) + "]", nil, 400, "Relationship"},
		"a Property of it that is bad": {upsert, "[" + entity("urn:a:b", `"t":{"type":"Property","value":1,"seq":5}`) + "]", nil, 400, "seq is not an attribute"},
		"one good and one bad":         {upsert, "[" + entity("urn:a:b", value("1")) + "," + entity("urn:a:c", value("null")) + "]", nil, 207, `"success":["urn:a:b"]`},
		"one entity twice":             {upsert, "[" + entity("urn:a:b", value("1")) + "," + entity("urn:a:b", value("2")) + "]", nil, 207, "merged into one"},
		"a notice of no epoch":         {upsert, `[{"@context":"https://x","id":"urn:a:n","type":"LamppostNotice","thing":{"type":"Property","value":"lamp-1"}}]`, nil, 400, "epoch"},
		"too large":                    {upsert, "[" + strings.Repeat(" ", 1<<20) + "]", nil, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, ngsild.Options{Tenants: []string{"a"}})
			status, body, _ := ask(t, c, "POST", tt.path, tt.body, tt.header...)
			assert.Equal(t, tt.status, status, body)
			assert.Contains(t, body, tt.says)
		})
	}
}

func TestUpdateAndReplace(t *testing.T) {
	c := open(t, ngsild.Options{})
	first := "[" + entity("urn:a:b", value("1")+`,"other":{"type":"Property","value":2}`) + "]"
	ask(t, c, "POST", upsert, first)
	status, body, _ := ask(t, c, "POST", upsert, "["+entity("urn:a:b", value("3"))+"]")
	assert.Equal(t, 204, status)
	assert.Empty(t, body)
	_, body, _ = ask(t, c, "GET", "/entities/urn:a:b", "", "Link", linked)
	assert.Contains(t, body, `"value":3`)
	assert.Contains(t, body, `"other"`)
	ask(t, c, "POST", "/entityOperations/upsert", "["+entity("urn:a:b", value("4"))+"]")
	_, body, _ = ask(t, c, "GET", "/entities/urn:a:b", "")
	assert.NotContains(t, body, `other`, "replace is the default, and wipes")
	assert.Contains(t, body, "https://uri.etsi.org/ngsi-ld/default-context/temperature", "names are whole without a context")
	status, _, _ = ask(t, c, "GET", "/entities/urn:a:c", "")
	assert.Equal(t, 404, status)
}

func TestTemporal(t *testing.T) {
	const id = "urn:ngsi-ld:WeatherObserved:lamp-1-roof"
	for name, tt := range map[string]struct {
		history ngsild.History
		rows    int
	}{"Stellio": {ngsild.Idempotent, 3}, "Scorpio": {ngsild.Duplicating, 4}} {
		t.Run(name, func(t *testing.T) {
			c := open(t, ngsild.Options{History: tt.history})
			ask(t, c, "POST", upsert, "["+device+"]")
			status, _, header := ask(t, c, "POST", "/temporal/entities", entity(id, `"temperature":[`+instance(1, "01")+","+instance(2, "02")+`]`))
			assert.Equal(t, 201, status)
			assert.Equal(t, "/ngsi-ld/v1/temporal/entities/"+id, header.Get("Location"))
			status, _, _ = ask(t, c, "POST", "/temporal/entities", entity(id, `"temperature":[`+instance(2, "02")+","+instance(3, "03")+`]`))
			assert.Equal(t, 204, status)
			_, body, _ := ask(t, c, "GET", "/temporal/entities/"+id, "", "Link", linked)
			assert.Equal(t, tt.rows, strings.Count(body, "observedAt"))
			r := c.Received("lamp-1")
			assert.Equal(t, map[string][]desk.Range{"0123456789abcdef": {{From: 1, To: 3}}}, r.Epochs)
			assert.EqualValues(t, 1, r.Duplicates)
			assert.EqualValues(t, 3, r.Latest["roof/temperature"].Value)

			for query, n := range map[string]int{
				"timerel=before&timeAt=2026-11-21T10:00:02Z":                                 1,
				"timerel=after&timeAt=2026-11-21T10:00:02Z":                                  1,
				"timerel=between&timeAt=2026-11-21T10:00:00Z&endTimeAt=2026-11-21T10:00:02Z": 1,
				"attrs=other": 0,
			} {
				_, body, _ = ask(t, c, "GET", "/temporal/entities/"+id+"?"+query, "", "Link", linked)
				assert.Equal(t, n, strings.Count(body, "observedAt"), query)
				assert.Equal(t, n == 1 && tt.history == ngsild.Duplicating, strings.Contains(body, `"temperature":{`), "one stands alone")
			}
			for _, query := range []string{"timerel=between&timeAt=2026-11-21T10:00:00Z", "timerel=near&timeAt=2026-11-21T10:00:00Z", "timerel=after", "timeAt=2026-11-21T10:00:00Z"} {
				status, _, _ = ask(t, c, "GET", "/temporal/entities/"+id+"?"+query, "")
				assert.Equal(t, 400, status, query)
			}
			for query, want := range map[string]string{
				"type=WeatherObserved&timerel=after&timeAt=2026-11-21T10:00:00Z&limit=1":  id,
				"type=WeatherObserved&timerel=before&timeAt=2000-01-01T00:00:00Z&limit=1": "[]",
				"timerel=before&timeAt=2000-01-01T00:00:00Z":                              "BadRequestData",
				"type=X&timerel=before&timeAt=2000-01-01T00:00:00Z&limit=0":               "BadRequestData",
				"type=X": "BadRequestData",
			} {
				_, body, _ = ask(t, c, "GET", "/temporal/entities?"+query, "", "Link", linked)
				assert.Contains(t, body, want, query)
			}
			status, _, _ = ask(t, c, "GET", "/temporal/entities/urn:a:c", "")
			assert.Equal(t, 404, status)
			for _, bad := range []string{"{", entity(id, value("1")), entity(id, `"temperature":[]`), entity(id, `"temperature":[1]`)} {
				status, _, _ = ask(t, c, "POST", "/temporal/entities", bad)
				assert.Equal(t, 400, status, bad)
			}
			status, _, _ = ask(t, c, "POST", "/temporal/entities", strings.Repeat(" ", 256<<10)+"{}")
			assert.Equal(t, 413, status)
		})
	}
}

func TestNoTemporalPath(t *testing.T) {
	for history, says := range map[ngsild.History]string{
		ngsild.NotFound: "ResourceNotFound", ngsild.NotAllowed: "OperationNotSupported", ngsild.NotBuilt: "OperationNotSupported", ngsild.NotEnabled: "TRoE Not Enabled",
	} {
		c := open(t, ngsild.Options{History: history})
		for _, try := range []struct{ method, path string }{{"POST", ""}, {"GET", ""}, {"GET", "/urn:a:b"}} {
			status, body, _ := ask(t, c, try.method, "/temporal/entities"+try.path, "{}")
			assert.Equal(t, int(history), status)
			assert.Contains(t, body, says)
		}
		ask(t, c, "POST", upsert, "["+device+"]")
		ask(t, c, "POST", upsert, "["+entity("urn:ngsi-ld:WeatherObserved:lamp-1-roof", `"temperature":`+instance(7, "01"))+"]")
		assert.EqualValues(t, 1, c.Received("lamp-1").Distinct, "an upsert counts")
	}
}

func TestFaults(t *testing.T) {
	f := &faults.Faults{}
	c := open(t, ngsild.Options{Faults: f})
	f.Add(1, faults.Fault{Path: "/upsert", Status: 429, Header: map[string]string{"Retry-After": "3"}, Body: "later"})
	f.Add(1, faults.Fault{Path: "/upsert", Status: 500, After: true})
	status, body, header := ask(t, c, "POST", upsert, "["+device+"]")
	assert.Equal(t, 429, status)
	assert.Equal(t, "later", body)
	assert.Equal(t, "3", header.Get("Retry-After"))
	assert.Equal(t, 1, f.Left())
	status, _, _ = ask(t, c, "POST", upsert, "["+device+"]")
	assert.Equal(t, 500, status)
	status, _, _ = ask(t, c, "GET", "/entities/urn:ngsi-ld:Device:lamp-1", "")
	assert.Equal(t, 200, status, "it was taken all the same")
	f.Add(3, faults.Fault{Status: 500})
	f.Clear()
	status, _, _ = ask(t, c, "POST", upsert, "["+device+"]")
	assert.Equal(t, 204, status)
	assert.Len(t, f.Requests("POST", "upsert"), 3)
}
