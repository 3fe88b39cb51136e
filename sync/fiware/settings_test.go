package fiware_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/fiware"
)

func configure(change func(*fiware.Settings)) error {
	_, err := fiware.Protocol.Configure(func(into any) error {
		s := into.(*fiware.Settings)
		s.URL, s.APIKeyFile = "mqtts://broker.city.example", "/etc/lamppost/key"
		change(s)
		return nil
	})
	return err
}

func TestSettings(t *testing.T) {
	for want, change := range map[string]func(*fiware.Settings){
		"": func(s *fiware.Settings) {
			s.Service, s.ServicePath, s.NorthURL, s.NorthTokenFile = "lausanne", "/lamps", "https://iota.city.example:4041", "t"
		},
		"api_key_file is not set":           func(s *fiware.Settings) { s.APIKeyFile = "" },
		`encoding = "xml"`:                  func(s *fiware.Settings) { s.Encoding = "xml" },
		`read_back_wait = "0s"`:             func(s *fiware.Settings) { s.ReadBackWait = 0 },
		`service = "Lausanne"`:              func(s *fiware.Settings) { s.Service = "Lausanne" },
		`service_path = "lamps"`:            func(s *fiware.Settings) { s.ServicePath = "lamps" },
		`north_header = "x"`:                func(s *fiware.Settings) { s.NorthHeader = "x" },
		"north_token_file without":          func(s *fiware.Settings) { s.NorthTokenFile = "t" },
		"north_url without service":         func(s *fiware.Settings) { s.NorthURL = "https://iota.city.example" },
		`north_url: url = "http://iota.c"`:  func(s *fiware.Settings) { s.NorthURL, s.Service = "http://iota.c", "a" },
		"are for HTTP":                      func(s *fiware.Settings) { s.TokenFile = "t" },
		`url = "http://a.example"`:          func(s *fiware.Settings) { s.URL = "http://a.example" },
		`url = "mqtt://a.example"`:          func(s *fiware.Settings) { s.URL = "mqtt://a.example" },
		"token_url, client_id":              func(s *fiware.Settings) { s.URL, s.ClientID = "https://a.example", "a" },
		`scheme "ftp"`:                      func(s *fiware.Settings) { s.URL = "ftp://a.example" },
		"username and password_file belong": func(s *fiware.Settings) { s.URL, s.Username = "https://a.example", "a" },
	} {
		t.Run(want, func(t *testing.T) {
			err := configure(change)
			if want == "" {
				require.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, want)
		})
	}
}

func TestAcks(t *testing.T) {
	for url, want := range map[string][]agent.Ack{
		"mqtts://a.example": {agent.AckReadBack, agent.AckBroker}, "https://a.example": {agent.AckStored},
	} {
		c, err := fiware.Protocol.Configure(func(into any) error {
			into.(*fiware.Settings).URL, into.(*fiware.Settings).APIKeyFile = url, "key"
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, want, c.Acks)
	}
}

func TestCheck(t *testing.T) {
	b := newBench(t, ways[0])
	p, err := b.configured(nil)
	require.NoError(t, err)
	nowhere := agent.Thing{ID: "lamp-042"}
	assert.NoError(t, p.Check(thing, []agent.Property{agent.AirTemperature, agent.SensorState}))
	assert.NoError(t, p.Check(nowhere, []agent.Property{agent.Open}), "a Device may be anywhere")
	assert.ErrorContains(t, p.Check(nowhere, []agent.Property{agent.AirTemperature}), "WeatherObserved must have one")
	assert.ErrorContains(t, p.Check(thing, []agent.Property{{Name: "quantity", Unit: "furlong"}}), `property quantity in "furlong"`)
	for _, name := range []string{"type", "seq", "count", "lamp_status", "lamp_info"} {
		assert.ErrorContains(t, p.Check(thing, []agent.Property{{Name: name, Unit: "1"}}), "needs the name for itself")
	}
	b = newBench(t, ways[1])
	p, err = b.configured(nil)
	require.NoError(t, err)
	assert.NoError(t, p.Check(nowhere, []agent.Property{agent.AirTemperature}), "who provisions the device knows its place")
}
