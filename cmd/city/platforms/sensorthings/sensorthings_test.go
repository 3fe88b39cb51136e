package sensorthings_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/sensorthings"
)

const (
	place    = `{"name":"p","description":"p","encodingType":"application/geo+json","location":{"type":"Point","coordinates":[6.6,46.5]}}`
	sensor   = `{"name":"s","description":"s","encodingType":"text/html","metadata":"m"}`
	property = `{"name":"t","definition":"http://x/t","description":"t"}`
	unit     = `{"name":"degree Celsius","symbol":"°C","definition":"ucum:Cel"}`
	om       = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_"
	row      = `["2026-11-21T10:00:00.500Z","2026-11-21T10:00:00.500Z",21.5,{"seq":1,"epoch":"0123456789abcdef"}]`
)

func datastream(more string) string {
	return `{"name":"d","description":"d","observationType":"` + om + `Measurement","unitOfMeasurement":` + unit + more + `}`
}

// post is a Thing with a Datastream, made at once.
func post(locations string) string {
	return `{"name":"lamp","description":"l","properties":{"lamppost":"lamp-1"},` + locations + `"Datastreams":[` + datastream(`,"Sensor":`+sensor+`,"ObservedProperty":`+property) + `]}`
}

func array(stream, rows string) string {
	return `[{"Datastream":{"@iot.id":` + stream + `},"components":["phenomenonTime","resultTime","result","parameters"],"dataArray":[` + rows + `]}]`
}

func open(t *testing.T, o sensorthings.Options) *desk.City {
	t.Helper()
	c, err := desk.Open(desk.Options{Platform: o.Platform()})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func ask(t *testing.T, c *desk.City, method, path, body string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.URL()+"/v1.1"+path, strings.NewReader(body))
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text), res.Header
}

func TestMake(t *testing.T) {
	for name, tt := range map[string]struct {
		path, body string
		status     int
		says       string
	}{
		"a Thing":                        {"/Things", `{"name":"a","description":"b"}`, 201, ""},
		"a Thing without a description":  {"/Things", `{"name":"a"}`, 400, "missing description"},
		"a Thing of no name":             {"/Things", `{"name":"","description":"b"}`, 400, "missing name"},
		"no JSON":                        {"/Things", `{`, 400, ""},
		"a Location of another encoding": {"/Locations", strings.ReplaceAll(place, "geo+json", "json"), 400, "encodingType"},
		"an older encoding":              {"/Locations", strings.ReplaceAll(place, "geo+json", "vnd.geo+json"), 201, ""},
		"a Location that is nowhere":     {"/Locations", strings.ReplaceAll(place, "[6.6,46.5]", "[]"), 400, "location"},
		"a Sensor":                       {"/Sensors", sensor, 201, ""},
		"a Sensor of another encoding":   {"/Sensors", strings.ReplaceAll(sensor, "text/html", "text/plain"), 400, "encodingType"},
		"a Sensor without metadata":      {"/Sensors", strings.ReplaceAll(sensor, `,"metadata":"m"`, ""), 400, "metadata"},
		"an ObservedProperty":            {"/ObservedProperties", property, 201, ""},
		"a definition that is no URI":    {"/ObservedProperties", strings.ReplaceAll(property, "http://x/t", "t"), 400, "not a URI"},
		"a Datastream of no Thing":       {"/Datastreams", datastream(`,"Sensor":` + sensor + `,"ObservedProperty":` + property), 400, "Thing of Datastreams"},
		"a Datastream of no Sensor":      {"/Datastreams", datastream(`,"Thing":{"@iot.id":1},"ObservedProperty":` + property), 400, "Sensor of Datastreams"},
		"a Datastream of nothing":        {"/Datastreams", datastream(`,"Thing":{"@iot.id":1},"Sensor":` + sensor), 400, "ObservedProperty of Datastreams"},
		"a Datastream of another Thing":  {"/Datastreams", datastream(`,"Thing":{"@iot.id":99},"Sensor":` + sensor + `,"ObservedProperty":` + property), 400, "no such entity"},
		"a Datastream":                   {"/Datastreams", datastream(`,"Thing":{"@iot.id":1},"Sensor":` + sensor + `,"ObservedProperty":` + property), 201, ""},
		"a unit without a definition":    {"/Datastreams", strings.ReplaceAll(datastream(`,"Thing":{"@iot.id":1},"Sensor":`+sensor+`,"ObservedProperty":`+property), `,"definition":"ucum:Cel"`, ""), 400, "unitOfMeasurement"},
		"another observationType":        {"/Datastreams", strings.ReplaceAll(datastream(`,"Thing":{"@iot.id":1},"Sensor":`+sensor+`,"ObservedProperty":`+property), "OGC-OM", "OM"), 400, "observationType"},
		"a Location of a Thing":          {"/Things(1)/Locations", place, 201, ""},
		"a Location of no Thing":         {"/Things(99)/Locations", place, 404, ""},
		"a set there is not":             {"/Lamps", place, 404, ""},
		"too large":                      {"/Things", strings.Repeat(" ", 1<<20+1), 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, sensorthings.Options{})
			ask(t, c, "POST", "/Things", `{"name":"a","description":"b"}`)
			status, body, header := ask(t, c, "POST", tt.path, tt.body)
			assert.Equal(t, tt.status, status, body)
			assert.Contains(t, body, tt.says)
			if status == 201 {
				assert.Contains(t, header.Get("Location"), "/v1.1/")
				assert.Empty(t, body, "FROST says it in the header")
			}
		})
	}
	_, body, _ := ask(t, open(t, sensorthings.Options{Style: sensorthings.GOST, TextIDs: true}), "POST", "/Things", `{"name":"a","description":"b"}`)
	assert.Contains(t, body, `"@iot.id":"id-1"`, "GOST says it in the body")
}

func TestRows(t *testing.T) {
	for name, tt := range map[string]struct {
		rows        string
		frost, gost string // what is said of the last row
	}{
		"good":                     {row, "http://", "http://"},
		"again":                    {row + "," + row, "http://", "http://"},
		"an interval":              {strings.Replace(row, `00.500Z`, `00.500Z/2026-11-21T10:01:00Z`, 1), "http://", "http://"},
		"resultTime is null":       {strings.Replace(row, `,"2026-11-21T10:00:00.500Z"`, `,null`, 1), "http://", "http://"},
		"an interval turned round": {strings.Replace(row, `00.500Z`, `00.500Z/2026-11-21T09:01:00Z`, 1), "error Invalid phenomenonTime", "Invalid phenomenonTime"},
		"no time":                  {strings.Replace(row, `"2026-11-21T10:00:00.500Z"`, `5`, 1), "error Invalid phenomenonTime", "Invalid phenomenonTime"},
		"resultTime is none":       {strings.Replace(row, `,"2026-11-21T10:00:00.500Z"`, `,5`, 1), "error Invalid resultTime", "Invalid resultTime"},
		"another result":           {strings.Replace(row, `21.5`, `"warm"`, 1), "error result warm", "result warm"},
		"a row too short":          {`[1]`, "error a row of 1", "a row of 1"},
		"good after bad":           {`[1],` + row, "http://", "http://"},
	} {
		for style, want := range []string{tt.frost, tt.gost} {
			c := open(t, sensorthings.Options{Style: sensorthings.Style(style)})
			ask(t, c, "POST", "/Things", post(`"Locations":[`+place+`],`))
			status, body, _ := ask(t, c, "POST", "/CreateObservations", array("5", tt.rows))
			assert.Equal(t, 201, status, name)
			var said []string
			require.NoError(t, json.Unmarshal([]byte(body), &said), name)
			assert.True(t, strings.HasPrefix(said[len(said)-1], want), "%s: %v", name, said)
		}
	}
}

func TestCreateObservations(t *testing.T) {
	for name, tt := range map[string]struct {
		style  sensorthings.Style
		body   string
		status int
		says   string
	}{
		"FROST, no such Datastream": {sensorthings.FROST, array("99", row), 404, "Datastream"},
		"GOST, no such Datastream":  {sensorthings.GOST, array("99", row), 201, "not found"},
		"no JSON":                   {sensorthings.FROST, "[", 400, ""},
		"another count":             {sensorthings.FROST, strings.Replace(array("5", row), `"components"`, `"dataArray@iot.count":2,"components"`, 1), 400, "count"},
		"no components":             {sensorthings.FROST, `[{"Datastream":{"@iot.id":5},"dataArray":[` + row + `]}]`, 400, "components"},
		"another component":         {sensorthings.FROST, strings.Replace(array("5", row), "parameters", "colour", 1), 201, "component"},
	} {
		c := open(t, sensorthings.Options{Style: tt.style})
		ask(t, c, "POST", "/Things", post(`"Locations":[`+place+`],`))
		status, body, _ := ask(t, c, "POST", "/CreateObservations", tt.body)
		assert.Equal(t, tt.status, status, name)
		assert.Contains(t, body, tt.says, name)
		assert.Zero(t, c.Received("lamp-1").Distinct, name)
	}
	c := open(t, sensorthings.Options{})
	ask(t, c, "POST", "/Things", post(""))
	_, body, _ := ask(t, c, "POST", "/CreateObservations", array("4", row))
	assert.Contains(t, body, "error Missing Observation.FeatureOfInterest")
	status, body, _ := ask(t, c, "POST", "/Datastreams(4)/Observations", `{"phenomenonTime":"2026-11-21T10:00:00Z","resultTime":null,"result":1}`)
	assert.Equal(t, 400, status)
	assert.Contains(t, body, "Missing Observation.FeatureOfInterest")
}

func TestStoresDuplicates(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	c, err := desk.Open(desk.Options{Platform: sensorthings.Platform, Store: store})
	require.NoError(t, err)
	ask(t, c, "POST", "/Things", post(`"Locations":[`+place+`],`))
	for range 2 {
		ask(t, c, "POST", "/CreateObservations", array("5", row))
	}
	status, _, header := ask(t, c, "POST", "/Datastreams(5)/Observations", `{"phenomenonTime":"2026-11-21T10:00:01Z","resultTime":null,"result":1,"parameters":{"seq":2,"epoch":"0123456789abcdef","quality":"suspect"}}`)
	assert.Equal(t, 201, status)
	assert.Contains(t, header.Get("Location"), "/Observations(")
	r := c.Received("lamp-1")
	assert.Equal(t, map[string][]desk.Range{"0123456789abcdef": {{From: 1, To: 2}}}, r.Epochs)
	assert.EqualValues(t, 1, r.Duplicates)
	assert.Equal(t, "suspect", r.Latest["d"].Quality)
	require.NoError(t, c.Close())

	c, err = desk.Open(desk.Options{Platform: sensorthings.Platform, Store: store})
	require.NoError(t, err)
	defer c.Close()
	for query, n := range map[string]int{
		"":                            3,
		"$top=2":                      2,
		"$skip=2":                     1,
		"$orderby=phenomenonTime asc": 3,
		"$select=result":              3,
		"$filter=phenomenonTime ge 2026-11-21T10:00:01Z and phenomenonTime le 2026-11-21T10:00:02Z": 1,
		"$filter=phenomenonTime ge 2026-11-21T11:00:01Z and phenomenonTime le 2026-11-21T12:00:02Z": 0,
	} {
		status, body, _ := ask(t, c, "GET", "/Datastreams(5)/Observations?"+escape(query), "")
		assert.Equal(t, 200, status, query)
		assert.Equal(t, n, strings.Count(body, `"result":`), query)
		assert.Equal(t, query == "$top=2", strings.Contains(body, "@iot.nextLink"), query)
	}
}

func escape(query string) string {
	name, value, _ := strings.Cut(query, "=")
	return name + "=" + url.QueryEscape(value)
}

func TestQueries(t *testing.T) {
	c := open(t, sensorthings.Options{})
	ask(t, c, "POST", "/Things", post(`"Locations":[`+place+`],`))
	for path, says := range map[string]string{
		"/Things?" + escape("$filter=properties/lamppost eq 'lamp-1'"): `"name":"lamp"`,
		"/Things?" + escape("$filter=properties/lamppost eq 'lamp-2'"): `"value":[]`,
		"/Things?" + escape("$expand=Locations($select=id)"):           `"Locations":[{"@iot.id":2}]`,
		"/Things?$select=id":         `"value":[{"@iot.id":1}]`,
		"/Things(1)/Datastreams":     `"name":"d"`,
		"/Datastreams(5)":            `"observationType"`,
		"/Datastreams(5)?$select=id": `{"@iot.id":5}`,
		"/Sensors":                   `"name":"s"`,
	} {
		status, body, _ := ask(t, c, "GET", path, "")
		assert.Equal(t, 200, status, path)
		assert.Contains(t, body, says, path)
	}
	for path, want := range map[string]int{
		"/Things?" + escape("$filter=name eq 'x'"): 400, "/Things?$top=x": 400, "/Things?$top=-1": 400, "/Things?$skip=x": 400, "/Things?$orderby=name": 400,
		"/Things?$expand=Datastreams": 400, "/Things(9)": 404, "/Things(9)/Datastreams": 404, "/Lamps": 404, "/a/b/c": 404, "/Things(x)": 404,
	} {
		status, _, _ := ask(t, c, "GET", path, "")
		assert.Equal(t, want, status, path)
	}
	for path, want := range map[string]int{"/Datastreams(5)": 200, "/Datastreams(9)": 404} {
		status, _, _ := ask(t, c, "DELETE", path, "")
		assert.Equal(t, want, status, path)
	}
	status, _, _ := ask(t, c, "PUT", "/Datastreams(5)", "")
	assert.Equal(t, 405, status)
	status, _, _ = ask(t, c, "GET", "/Datastreams(5)", "")
	assert.Equal(t, 404, status)
}
