// Package senml sends observations as SenML JSON (RFC 8428) over MQTT.
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
// what it observes.
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

// Protocol sends SenML packs to an MQTT broker.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "senml",
	Summary:   "SenML JSON over MQTT",
	Reference: "https://www.rfc-editor.org/rfc/rfc8428",
	Acks:      []agent.Ack{agent.AckBroker},
}, Settings{}, dial)

// Settings are the keys of a city with protocol = "senml".
type Settings struct {
	mqttlink.Settings
}

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

// dial connects to the broker as a thing, whose id is the client id too.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	thing := target.Thing
	if err := checkID(thing.ID); err != nil {
		return nil, err
	}
	link, err := mqttlink.Connect(ctx, s.Settings, mqttlink.Options{
		ClientID:     thing.ID,
		WillTopic:    topic(thing.ID, status),
		WillPayload:  []byte("offline"),
		BirthPayload: []byte("online"),
	})
	if err != nil {
		return nil, err
	}
	return &city{link: link, thing: thing.ID}, nil
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
