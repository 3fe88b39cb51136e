package fiware

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// Settings are the keys of a city with protocol = "fiware".
type Settings struct {
	URL              string        `doc:"the broker of the agent, mqtts://host:port (or mqtt:// for plain text), or its port for measures, https://host:port (or http://)"`
	APIKeyFile       string        `doc:"file that holds the API key of the group; only its owner may read it"`
	Encoding         string        `doc:"json or ul, as the agent is"`
	LD               bool          `doc:"the agent writes NGSI-LD: one group a message, as Orion-LD takes no more"`
	ReadBackWait     time.Duration `doc:"how long an answer to a read-back is waited for before it is asked for again"`
	Service          string        `doc:"Fiware-Service of the devices, for north_url"`
	ServicePath      string        `doc:"Fiware-ServicePath of the devices, for north_url"`
	NorthURL         string        `doc:"https://host:port where devices are provisioned (or http://); left out, the city provisions them"`
	NorthTokenFile   string        `doc:"file that holds a token for north_url; only its owner may read it"`
	NorthHeader      string        `doc:"header of that token: authorization (a bearer token) or x-auth-token"`
	Username         string        `doc:"user name at the broker, or for Basic authentication"`
	PasswordFile     string        `doc:"file that holds the password; only its owner may read it"`
	TokenFile        string        `doc:"file that holds a bearer token, over HTTP; only its owner may read it"`
	TokenURL         string        `doc:"where an OAuth2 token is asked for with client credentials, over HTTP"`
	ClientID         string        `doc:"the gateway's id there"`
	ClientSecretFile string        `doc:"file that holds its secret; only its owner may read it"`
	CAFile           string        `doc:"PEM file of the authorities that sign the platform's certificates; the system's if left out"`
	CertFile         string        `doc:"PEM file of the gateway's own certificate, for platforms that ask for one"`
	KeyFile          string        `doc:"PEM file of its private key; only its owner may read it"`
	Insecure         bool          `doc:"allow mqtt:// and http:// over a network: everybody on the way can read and change what is sent, the API key too"`
}

// Words of the settings.
const (
	encodingJSON = "json"
	encodingUL   = "ul"
	bearer       = "authorization"
	authToken    = "x-auth-token"
	readBackWait = 2 * time.Second
)

func (s Settings) overMQTT() bool { return !strings.HasPrefix(s.URL, "http") }

// services is what a tenant may be named.
var services = regexp.MustCompile(`^[a-z0-9_]{1,50}$`)

// Validate returns all mistakes in the settings at once. It touches neither
// files nor the network.
func (s Settings) Validate() error {
	var errs []error
	if s.overMQTT() {
		errs = append(errs, s.mqtt().Validate())
		if s.TokenFile != "" || s.TokenURL != "" || s.ClientID != "" || s.ClientSecretFile != "" {
			errs = append(errs, errors.New("token_file, token_url, client_id and client_secret_file are for HTTP; over MQTT set username and password_file"))
		}
	} else {
		errs = append(errs, s.south().Validate())
	}
	if s.APIKeyFile == "" {
		errs = append(errs, errors.New("api_key_file is not set: the agent knows devices by the API key of their group"))
	}
	if s.Encoding != encodingJSON && s.Encoding != encodingUL {
		errs = append(errs, fmt.Errorf("encoding = %q: want json or ul", s.Encoding))
	}
	if s.ReadBackWait <= 0 {
		errs = append(errs, fmt.Errorf("read_back_wait = %q: want more than 0s", s.ReadBackWait))
	}
	return errors.Join(append(errs, s.validateNorth())...)
}

func (s Settings) validateNorth() error {
	var errs []error
	if s.Service != "" && !services.MatchString(s.Service) {
		errs = append(errs, fmt.Errorf("service = %q: want up to 50 small letters, digits and _", s.Service))
	}
	if !strings.HasPrefix(s.ServicePath, "/") {
		errs = append(errs, fmt.Errorf("service_path = %q: want a path that begins with /", s.ServicePath))
	}
	if s.NorthHeader != bearer && s.NorthHeader != authToken {
		errs = append(errs, fmt.Errorf("north_header = %q: want authorization or x-auth-token", s.NorthHeader))
	}
	switch {
	case s.NorthURL == "" && s.NorthTokenFile != "":
		errs = append(errs, errors.New("north_token_file without north_url: set both or none"))
	case s.NorthURL != "" && s.Service == "":
		errs = append(errs, errors.New("north_url without service: devices belong to a Fiware-Service; set service"))
	}
	if s.NorthURL != "" {
		if err := s.provisioning().Validate(); err != nil {
			errs = append(errs, fmt.Errorf("north_url: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Acks returns who can confirm: over MQTT nobody but who reads back.
func (s Settings) Acks() []agent.Ack {
	if s.overMQTT() {
		return []agent.Ack{agent.AckReadBack, agent.AckBroker}
	}
	return []agent.Ack{agent.AckStored}
}

// Check tells what a thing lacks for the entities of its sensors.
func (s Settings) Check(thing agent.Thing, properties []agent.Property) error {
	var errs []error
	placed := ""
	for _, p := range properties {
		t, known := vocabulary.Of(p)
		switch {
		case reserved[p.Name] || strings.HasSuffix(p.Name, "_status") || strings.HasSuffix(p.Name, "_info"):
			errs = append(errs, fmt.Errorf("property %s: fiware needs the name for itself", p.Name))
		case !known:
			errs = append(errs, fmt.Errorf("property %s in %q: the vocabulary has no word for it; choose another unit", p.Name, p.Unit))
		case t.Model != vocabulary.DeviceMeasurement:
			placed = t.Model
		}
	}
	if s.NorthURL != "" && placed != "" && len(thing.Location) < 2 {
		errs = append(errs, fmt.Errorf("thing.location is not set: an entity of type %s must have one", placed))
	}
	return errors.Join(errs...)
}
