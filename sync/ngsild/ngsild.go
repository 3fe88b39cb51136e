// Package ngsild sends observations to a context broker that speaks NGSI-LD
// (ETSI GS CIM 009), as entities of the Smart Data Models.
//
// Where the platform has a temporal path, every observation goes there: that is
// its storage, and what is acknowledged.
//
//	POST /temporal/entities
//	{"@context":[…],"id":"urn:ngsi-ld:WeatherObserved:lamp-042-roof-air","type":"WeatherObserved",
//	 "temperature":[{"type":"Property","value":21.53,"unitCode":"CEL","observedAt":"2026-11-21T10:00:00.500Z",
//	   "seq":{"type":"Property","value":1},"epoch":{"type":"Property","value":"0123456789abcdef"}}]}
//
// The newest value of each attribute goes to the current state too, which is
// never set back to an older one. Where there is no temporal path the current
// state is all the platform has: each instant is an upsert of its own, in order,
// and a broker that keeps what changes keeps each.
//
// seq and epoch are Properties of a Property, as are quality, span, boot and mono
// where an observation has them. The gateway is a Device, and notices are
// entities of the type LamppostNotice.
package ngsild

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// Protocol sends Smart Data Models to an NGSI-LD context broker.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "ngsild",
	Summary:   "NGSI-LD over HTTP, Smart Data Models",
	Reference: "https://www.etsi.org/deliver/etsi_gs/CIM/001_099/009/",
	Acks:      []agent.Ack{agent.AckStored},
}, Settings{History: historyAuto}, dial)

// Settings are the keys of a city with protocol = "ngsild".
type Settings struct {
	httplink.Settings
	Tenant  string `doc:"tenant of the platform (NGSILD-Tenant), in lower case; none if left out"`
	Path    string `doc:"path within the tenant (NGSILD-Path), for brokers that have paths"`
	Context string `doc:"URLs of the @context, with spaces between them, which the platform must be able to fetch; those of the Smart Data Models if left out"`
	History string `doc:"whether the platform has a temporal path: auto asks it, on or off says so"`
}

// Values of Settings.History.
const (
	historyAuto = "auto"
	historyOn   = "on"
	historyOff  = "off"
)

var tenantForm = regexp.MustCompile(`^[a-z0-9_]{1,50}$`)

// Validate returns all mistakes in the settings at once.
func (s Settings) Validate() error {
	errs := []error{s.Settings.Validate()}
	if s.Tenant != "" && !tenantForm.MatchString(s.Tenant) {
		errs = append(errs, fmt.Errorf("tenant = %q: want up to 50 of a-z, 0-9 and _; brokers change upper case and would not find it again", s.Tenant))
	}
	if s.Path != "" && (!strings.HasPrefix(s.Path, "/") || strings.ContainsAny(s.Path, " \r\n")) {
		errs = append(errs, fmt.Errorf("path = %q: want something like /lamps", s.Path))
	}
	for _, c := range strings.Fields(s.Context) {
		u, err := url.Parse(c)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(c, `<>"`) {
			errs = append(errs, fmt.Errorf("context: %q is not a URL such as https://city.example/context.jsonld", c))
		}
	}
	switch s.History {
	case historyAuto, historyOn, historyOff:
	default:
		errs = append(errs, fmt.Errorf("history = %q: want auto, on or off", s.History))
	}
	return errors.Join(errs...)
}

// Check returns what the Smart Data Models require and the configuration lacks.
func (s Settings) Check(thing agent.Thing, properties []agent.Property) error {
	var errs []error
	placed := make(map[string]bool)
	for _, p := range properties {
		term, ok := vocabulary.Of(p)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("unmapped property: no Smart Data Model is known for %s in %q; choose a unit of the list, or another protocol for this city", p.Name, p.Unit))
		case needsPlace(term.Model) && len(thing.Location) < 2 && !placed[term.Model]:
			placed[term.Model] = true
			errs = append(errs, fmt.Errorf("thing.location is missing: %s (of %s) requires it; set location = [longitude, latitude]", term.Model, p.Name))
		}
	}
	return errors.Join(errs...)
}

// needsPlace tells whether a model requires a location.
func needsPlace(model string) bool {
	return model == vocabulary.WeatherObserved || model == vocabulary.AirQualityObserved
}

// root is where the resources of NGSI-LD begin on a server (GS CIM 009, 6.2.2).
const root = "/ngsi-ld/v1"

// dial opens a link. That the platform is there is seen when the thing is
// announced, before anything else.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if target.Thing.ID == "" {
		return nil, errors.New("thing.id is empty: it is part of the entities' ids")
	}
	s.URL = strings.TrimSuffix(strings.TrimRight(s.URL, "/"), root) + root
	link, err := httplink.Open(s.Settings)
	if err != nil {
		return nil, err
	}
	return newCity(link, s, target), nil
}
