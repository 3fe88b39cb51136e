// Package senml sends observations as SenML (RFC 8428), in JSON or CBOR, over
// MQTT or HTTP.
//
// A pack is a JSON array of records on lamppost/<thing id>/observations:
//
//	[{"bn":"urn:dev:ops:lamppost-lamp-042:","epoch":"0123456789abcdef",
//	  "n":"roof-air/airTemperature","u":"Cel","t":1795255200.5,"v":21.53,"seq":1},
//	 {"n":"door/open","t":1795255200.5,"v":1,"seq":2,"q":"clock-unset","boot":7,"mono":12.25}]
//
// seq is in every record and epoch in the first; with the thing of the base
// name they are the key of an observation, the same each time it is sent. q is
// there when quality is not good, span (seconds) when the value sums up a
// window, boot and mono (seconds) while the clock is not trusted. Notices are
// one JSON object each on lamppost/<thing id>/notices; retained messages on
// …/status (online or offline) and …/announcement say how the gateway is and
// what it observes. Over HTTP the same is posted, and what is retained is put, to
// these paths after the URL.
//
// In CBOR a record leaves out what follows from the one before: its time is the
// base time, and without a seq it has the next one.
package senml

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Protocol sends SenML packs to an MQTT broker or an HTTP server.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "senml",
	Summary:   "SenML packs, JSON or CBOR, over MQTT or HTTP",
	Reference: "https://www.rfc-editor.org/rfc/rfc8428",
	Acks:      []agent.Ack{agent.AckStored, agent.AckBroker, agent.AckSent},
}, Settings{Format: "json", Compression: "none"}, dial)

// Topics of a thing, after "lamppost/<thing id>/".
const (
	observations = "observations"
	notices      = "notices"
	announcement = "announcement"
	status       = "status"
)

func topic(thing, kind string) string { return "lamppost/" + thing + "/" + kind }

// baseName is what the names of a thing's observations begin with.
func baseName(thing string) string { return "urn:dev:ops:lamppost-" + thing + ":" }

// dial connects to a city.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	if err := checkID(target.Thing.ID); err != nil {
		return nil, err
	}
	l, err := open(ctx, s, target)
	if err != nil {
		return nil, err
	}
	return &city{link: l, thing: target.Thing.ID, cbor: s.Format == "cbor", compress: compressors[s.Compression], log: target.Log}, nil
}

// checkID makes sure that an id is one level of a topic.
func checkID(id string) error {
	if id == "" {
		return errors.New("thing.id is empty: it is part of the topic")
	}
	if strings.Contains(id, "/") {
		return fmt.Errorf("thing.id %q: a / would make it two levels of the topic", id)
	}
	if err := mqttlink.CheckTopic(topic(id, announcement)); err != nil {
		return fmt.Errorf("thing.id: %w", err)
	}
	return nil
}
