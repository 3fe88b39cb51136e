// Package mqttlink is a connection to an MQTT 3.1.1 broker that tells the
// truth: a message counts as delivered when the broker has acknowledged it on
// this very connection, and in no other case.
//
// A [Link] lives as long as its connection. When that is lost the link is
// closed and another one is made; who wants to send again does so under the
// same keys. Nothing is queued, stored or sent twice here. This package is the
// only one that imports paho.
package mqttlink

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/lamppost-city/lamppost/sync/credentials"
)

// Settings are the keys of a city that is spoken to over MQTT.
type Settings struct {
	URL          string `doc:"mqtts://host:port, or mqtt:// for plain text; the port is 8883 or 1883 if left out"`
	Username     string `doc:"user name at the broker"`
	PasswordFile string `doc:"file that holds the password; only its owner may read it"`
	CAFile       string `doc:"PEM file of the authorities that sign the broker's certificate; the system's if left out"`
	CertFile     string `doc:"PEM file of the gateway's own certificate, for brokers that ask for one"`
	KeyFile      string `doc:"PEM file of its private key; only its owner may read it"`
	Insecure     bool   `doc:"allow mqtt:// over a network: everybody on the way can read and change what is sent"`
}

// Validate returns all mistakes in the settings at once. It touches neither
// files nor the network.
func (s Settings) Validate() error {
	_, err := s.endpoint()
	errs := []error{err}
	if s.PasswordFile != "" && s.Username == "" {
		errs = append(errs, errors.New("password_file without username: MQTT has no password without a user; set username"))
	}
	if err := s.credentials().Validate(); err != nil {
		errs = append(errs, err)
	}
	if err == nil && strings.HasPrefix(s.URL, "mqtt:") && (s.CAFile != "" || s.CertFile != "") {
		errs = append(errs, fmt.Errorf("url = %q: plain text uses no certificates; use mqtts:// or leave out ca_file, cert_file and key_file", s.URL))
	}
	return errors.Join(errs...)
}

// An endpoint is where a URL points to.
type endpoint struct {
	host, port string
	secure     bool
}

// address returns host and port as net.Dial takes them.
func (e endpoint) address() string { return net.JoinHostPort(e.host, e.port) }

// endpoint reads the URL. A URL that may hold a secret is not in the error.
func (s Settings) endpoint() (endpoint, error) {
	if strings.Contains(s.URL, "@") {
		return endpoint{}, errors.New("url has a user in it: anybody who sees the configuration could read the password; use username and password_file")
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" {
		return endpoint{}, fmt.Errorf("url = %q: want something like mqtts://broker.city.example:8883", s.URL)
	}
	e := endpoint{host: u.Hostname(), port: u.Port()}
	switch u.Scheme {
	case "mqtts":
		e.secure = true
		e.port = orElse(e.port, "8883")
	case "mqtt":
		e.port = orElse(e.port, "1883")
		if !s.Insecure && !credentials.Loopback(e.host) {
			return endpoint{}, fmt.Errorf("url = %q: plain text over the network; use mqtts:// or insecure = true", s.URL)
		}
	default:
		return endpoint{}, fmt.Errorf("url = %q: scheme %q; use mqtts:// or mqtt://", s.URL, u.Scheme)
	}
	if n, err := strconv.ParseUint(e.port, 10, 16); err != nil || n == 0 {
		return endpoint{}, fmt.Errorf("url = %q: port %q; use 1 to 65535", s.URL, e.port)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return endpoint{}, fmt.Errorf("url = %q: something follows the port; MQTT has only a host and a port", s.URL)
	}
	return e, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s Settings) credentials() credentials.Set {
	return credentials.Set{CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile}
}

// password reads the password, if there is one.
func (s Settings) password() (string, error) {
	if s.PasswordFile == "" {
		return "", nil
	}
	return credentials.Secret("password_file", s.PasswordFile)
}
