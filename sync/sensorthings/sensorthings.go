// Package sensorthings sends observations to a server of the OGC SensorThings API
// 1.1 (OGC 18-088) over HTTP.
//
// A batch is one request of the data array extension, a row an observation:
//
//	POST /v1.1/CreateObservations
//	[{"Datastream":{"@iot.id":1},"components":["phenomenonTime","resultTime","result","parameters"],
//	  "dataArray@iot.count":1,"dataArray":[["2026-11-21T10:00:00.500Z","2026-11-21T10:00:00.500Z",21.53,
//	    {"seq":1,"epoch":"0123456789abcdef"}]]}]
//
// seq and epoch are in the parameters of each, as are quality, span, boot and mono
// where an observation has them; a window is a phenomenonTime of two instants. The
// thing is that of the Datastream.
//
// The standard has no upsert, so everything is looked for before it is made: what
// this package makes has its key in properties/lamppost.
package sensorthings

import (
	"context"
	"errors"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Protocol sends observations to a SensorThings server.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "sensorthings",
	Summary:   "OGC SensorThings API 1.1 over HTTP",
	Reference: "https://docs.ogc.org/is/18-088/18-088.html",
	Acks:      []agent.Ack{agent.AckStored},
}, Settings{}, dial)

// Settings are the keys of a city with protocol = "sensorthings".
type Settings struct {
	httplink.Settings
}

// Check returns what the server will ask for and the configuration lacks.
func (s Settings) Check(thing agent.Thing, _ []agent.Property) error {
	if len(thing.Location) < 2 {
		return errors.New("thing.location is missing: a SensorThings server makes the feature of interest of it, and takes no observation without; set location = [longitude, latitude]")
	}
	return nil
}

// A dialect is how a version of the standard names things that are not its
// entities.
type dialect struct {
	root     string // where the resources begin on a server
	id       string // the member that is an entity's id
	nextLink string // the member that says that there are more
	count    string // the member that says how many rows there are
	create   string // the resource that takes rows
}

// v11 is OGC 18-088.
var v11 = dialect{root: "/v1.1", id: "@iot.id", nextLink: "@iot.nextLink", count: "dataArray@iot.count", create: "/CreateObservations"}

// dial opens a link. That the server is there is seen when the thing is announced,
// before anything else.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if target.Thing.ID == "" {
		return nil, errors.New("thing.id is empty: it is the key of the Thing")
	}
	s.URL = strings.TrimSuffix(strings.TrimRight(s.URL, "/"), v11.root) + v11.root
	link, err := httplink.Open(s.Settings)
	if err != nil {
		return nil, err
	}
	return newCity(link, v11, target), nil
}
