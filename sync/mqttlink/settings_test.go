package mqttlink

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]string{
		"mqtts://broker.city.example":      "broker.city.example:8883",
		"mqtts://broker.city.example:443":  "broker.city.example:443",
		"mqtts://broker.city.example:443/": "broker.city.example:443",
		"mqtts://[2001:db8::1]":            "[2001:db8::1]:8883",
		"mqtt://localhost":                 "localhost:1883",
		"mqtt://127.3.2.1":                 "127.3.2.1:1883",
		"mqtt://[::1]:99":                  "[::1]:99",
	} {
		e, err := Settings{URL: url}.endpoint()
		require.NoError(t, err, url)
		assert.Equal(t, want, e.address())
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		settings Settings
		want     string // "" is good
	}{
		"tls":                   {Settings{URL: "mqtts://x"}, ""},
		"plain text":            {Settings{URL: "mqtt://x"}, `url = "mqtt://x": plain text over the network; use mqtts:// or insecure = true`},
		"plain text allowed":    {Settings{URL: "mqtt://x", Insecure: true}, ""},
		"looks like loopback":   {Settings{URL: "mqtt://127.0.0.1.city.example"}, `url = "mqtt://127.0.0.1.city.example": plain text over the network; use mqtts:// or insecure = true`},
		"nothing":               {Settings{}, `url = "": want something like mqtts://broker.city.example:8883`},
		"other scheme":          {Settings{URL: "https://x"}, `url = "https://x": scheme "https"; use mqtts:// or mqtt://`},
		"path":                  {Settings{URL: "mqtts://x/y"}, `url = "mqtts://x/y": something follows the port; MQTT has only a host and a port`},
		"port 0":                {Settings{URL: "mqtts://x:0"}, `url = "mqtts://x:0": port "0"; use 1 to 65535`},
		"port too large":        {Settings{URL: "mqtts://x:65536"}, `url = "mqtts://x:65536": port "65536"; use 1 to 65535`},
		"password in it":        {Settings{URL: "mqtts://u:canary@x"}, "url has a user in it: anybody who sees the configuration could read the password; use username and password_file"},
		"broken, with password": {Settings{URL: "mqtts://u:can%ary@x"}, "url has a user in it: anybody who sees the configuration could read the password; use username and password_file"},
		"user without password": {Settings{URL: "mqtts://x", Username: "u"}, ""},
		"password without user": {Settings{URL: "mqtts://x", PasswordFile: "p"}, "password_file without username: MQTT has no password without a user; set username"},
		"certificate alone":     {Settings{URL: "mqtts://x", CertFile: "c"}, "cert_file and key_file belong together: set both or none"},
		"key alone":             {Settings{URL: "mqtts://x", KeyFile: "k"}, "cert_file and key_file belong together: set both or none"},
		"certificates unused":   {Settings{URL: "mqtt://localhost", CAFile: "c"}, `url = "mqtt://localhost": plain text uses no certificates; use mqtts:// or leave out ca_file, cert_file and key_file`},
		"all at once": {
			Settings{URL: "mqtt://x", PasswordFile: "p", KeyFile: "k"},
			"url = \"mqtt://x\": plain text over the network; use mqtts:// or insecure = true\n" +
				"password_file without username: MQTT has no password without a user; set username\n" +
				"cert_file and key_file belong together: set both or none",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.settings.Validate()
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestSettingsAreDocumented(t *testing.T) {
	for f := range reflect.TypeFor[Settings]().Fields() {
		assert.NotEmptyf(t, f.Tag.Get("doc"), "%s has no doc tag", f.Name)
	}
}
