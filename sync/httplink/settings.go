// Package httplink speaks HTTP with a city platform and tells what is known of
// a request that failed: that it surely never left, or that it may have arrived.
//
// Passwords, tokens and certificates are read from files each time they are
// used, so renewed ones take effect; none is ever shown in an error.
package httplink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lamppost-city/lamppost/sync/credentials"
)

// Settings are the keys of a city that is spoken to over HTTP.
type Settings struct {
	URL              string `doc:"https://host/path of the service, or http:// for plain text"`
	Username         string `doc:"user name for Basic authentication"`
	PasswordFile     string `doc:"file that holds the password; only its owner may read it"`
	TokenFile        string `doc:"file that holds a bearer token; only its owner may read it"`
	TokenURL         string `doc:"where an OAuth2 token is asked for with client credentials"`
	ClientID         string `doc:"the gateway's id there"`
	ClientSecretFile string `doc:"file that holds its secret; only its owner may read it"`
	CAFile           string `doc:"PEM file of the authorities that sign the server's certificate; the system's if left out"`
	CertFile         string `doc:"PEM file of the gateway's own certificate, for servers that ask for one"`
	KeyFile          string `doc:"PEM file of its private key; only its owner may read it"`
	Insecure         bool   `doc:"allow http:// over a network: everybody on the way can read and change what is sent"`
}

// Validate returns all mistakes in the settings at once. It touches neither
// files nor the network.
func (s Settings) Validate() error {
	errs := []error{s.endpoint("url", s.URL), s.credentials().Validate()}
	if s.TokenURL != "" {
		errs = append(errs, s.endpoint("token_url", s.TokenURL))
	}
	if (s.Username == "") != (s.PasswordFile == "") {
		errs = append(errs, errors.New("username and password_file belong together: set both or none"))
	}
	if oauth := s.ClientID != ""; oauth != (s.ClientSecretFile != "") || oauth != (s.TokenURL != "") {
		errs = append(errs, errors.New("token_url, client_id and client_secret_file belong together: set all or none"))
	}
	ways := 0
	for _, key := range []string{s.Username, s.TokenFile, s.TokenURL} {
		if key != "" {
			ways++
		}
	}
	if ways > 1 {
		errs = append(errs, errors.New("username, token_file and token_url are three ways to prove who the gateway is: choose one"))
	}
	if strings.HasPrefix(s.URL, "http:") && (s.CAFile != "" || s.CertFile != "") {
		errs = append(errs, fmt.Errorf("url = %q: plain text uses no certificates; use https:// or leave out ca_file, cert_file and key_file", s.URL))
	}
	return errors.Join(errs...)
}

// endpoint checks a URL. One that may hold a secret is not in the error.
func (s Settings) endpoint(key, text string) error {
	if strings.Contains(text, "@") {
		return fmt.Errorf("%s has a user in it: anybody who sees the configuration could read the password; use username and password_file", key)
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%s = %q: want something like https://city.example/path", key, text)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s = %q: scheme %q; use https:// or http://", key, text, u.Scheme)
	case u.Scheme == "http" && !s.Insecure && !credentials.Loopback(u.Hostname()):
		return fmt.Errorf("%s = %q: plain text over the network; use https:// or insecure = true", key, text)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s = %q: something follows the path; leave out ? and #", key, text)
	}
	return nil
}

func (s Settings) credentials() credentials.Set {
	return credentials.Set{CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile}
}
