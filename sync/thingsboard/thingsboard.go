// Package thingsboard sends observations to ThingsBoard over its MQTT gateway API.
//
// Each sensor is a device "<thing>:<sensor>"; ids have no colon in them. Telemetry
// has an entry for the values of one sensor at one instant whose Seqs follow each
// other, in datastream order:
//
//	{"lamp-042:roof-air":[{"ts":1795255200000,"values":{"airTemperature":21.43,
//	 "relativeHumidity":48.12,"seq":2,"epoch":"0123456789abcdef"}}]}
//
// seq is the Seq of the last value: an entry with n values beside the keys is about
// Seqs seq-n+1 to seq. <property>_quality and <property>_span (seconds) are there
// when quality is not good and when the value sums up a window, boot and mono
// (seconds) while the clock is not trusted. ThingsBoard keeps one value for a
// device, key and ts: what comes again changes nothing, and what comes late
// never takes the place of the newest.
//
// Over MQTT 3.1.1 the acknowledgement of what ThingsBoard did not take looks
// like any other; then it ends the connection. So with ack = "queued" a batch is
// delivered when ThingsBoard has answered a packet that was sent after the
// acknowledgement.
//
// Notices go to the gateway's own device, as JSON under the key notice.
package thingsboard

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/credentials"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Protocol speaks ThingsBoard's MQTT gateway API.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "thingsboard",
	Summary:   "ThingsBoard gateway API over MQTT",
	Reference: "https://thingsboard.io/docs/reference/gateway-mqtt-api/",
	Acks:      []agent.Ack{agent.AckQueued, agent.AckBroker},
}, Settings{}, dial)

// Settings are the keys of a city with protocol = "thingsboard".
type Settings struct {
	mqttlink.Settings
	TokenFile string `doc:"file that holds the access token of the gateway; only its owner may read it"`
}

// Validate returns all mistakes in the settings at once. It touches neither
// files nor the network.
func (s Settings) Validate() error {
	err := s.Settings.Validate()
	if s.TokenFile != "" && s.Username != "" {
		err = errors.Join(err, errors.New("token_file and username are two ways to prove who the gateway is: choose one"))
	}
	return err
}

// Check tells which properties have a name that is needed here.
func (s Settings) Check(_ agent.Thing, properties []agent.Property) error {
	var errs []error
	for _, p := range properties {
		if keys[p.Name] || strings.HasSuffix(p.Name, qualitySuffix) || strings.HasSuffix(p.Name, spanSuffix) {
			errs = append(errs, fmt.Errorf("property %s: thingsboard needs the name for itself", p.Name))
		}
	}
	return errors.Join(errs...)
}

// Topics of the gateway API.
const (
	connect    = "v1/gateway/connect"
	telemetry  = "v1/gateway/telemetry"
	attributes = "v1/gateway/attributes"
	own        = "v1/devices/me/telemetry"
)

// dial connects as a gateway. What is subscribed to is not used: an answer to
// it is what confirms that the connection has not ended.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	settings := s.Settings
	if s.TokenFile != "" {
		token, err := credentials.Secret("token_file", s.TokenFile)
		if err != nil {
			return nil, err
		}
		settings.Username = token
	}
	link, err := mqttlink.Connect(ctx, settings, mqttlink.Options{
		ClientID:      target.Thing.ID + "-thingsboard",
		Subscriptions: []mqttlink.Subscription{{Topic: attributes, QoS: 1, Receive: func(string, []byte) {}}},
	})
	if err != nil && s.TokenFile != "" {
		return nil, fmt.Errorf("%w; the user name is the token of token_file", err)
	}
	if err != nil {
		return nil, err
	}
	return &city{link: link, thing: target.Thing.ID, confirm: target.Ack == agent.AckQueued}, nil
}
