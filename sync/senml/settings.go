package senml

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
)

// Settings are the keys of a city with protocol = "senml": the scheme of its url
// says whether MQTT or HTTP is spoken.
type Settings struct {
	httplink.Settings
	Format      string `doc:"json, or cbor: a third of the bytes"`
	Compression string `doc:"none, gzip or zstd"`
}

func (s Settings) overMQTT() bool { return strings.HasPrefix(s.URL, "mqtt") }

func (s Settings) mqtt() mqttlink.Settings {
	return mqttlink.Settings{
		URL: s.URL, Username: s.Username, PasswordFile: s.PasswordFile,
		CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile, Insecure: s.Insecure,
	}
}

// Validate returns all mistakes in the settings at once.
func (s Settings) Validate() error {
	var errs []error
	switch {
	case !s.overMQTT() && !strings.HasPrefix(s.URL, "http"):
		errs = append(errs, fmt.Errorf("url = %q: want mqtts://host:port or https://host/path", redacted(s.URL)))
	case s.overMQTT():
		errs = append(errs, s.mqtt().Validate())
		if s.TokenFile != "" || s.TokenURL != "" || s.ClientID != "" || s.ClientSecretFile != "" {
			errs = append(errs, errors.New("token_file, token_url, client_id and client_secret_file are for https://; MQTT has username and password_file"))
		}
	default:
		errs = append(errs, s.Settings.Validate())
	}
	if s.Format != "json" && s.Format != "cbor" {
		errs = append(errs, fmt.Errorf("format = %q: want json or cbor", s.Format))
	}
	if _, ok := compressors[s.Compression]; !ok {
		errs = append(errs, fmt.Errorf("compression = %q: want none, gzip or zstd", s.Compression))
	}
	return errors.Join(errs...)
}

// redacted leaves out of a URL what may be a password.
func redacted(url string) string {
	if i := strings.LastIndexByte(url, '@'); i >= 0 {
		return "…" + url[i:]
	}
	return url
}

// Acks returns who can acknowledge: over MQTT the broker, over HTTP the server
// that has stored a pack.
func (s Settings) Acks() []agent.Ack {
	if s.overMQTT() {
		return []agent.Ack{agent.AckBroker, agent.AckSent}
	}
	return []agent.Ack{agent.AckStored}
}

// headers are those of a pack over HTTP.
func (s Settings) headers() map[string]string {
	h := map[string]string{"Content-Type": "application/senml+" + s.Format}
	if s.Compression != "none" {
		h["Content-Encoding"] = s.Compression
	}
	return h
}
