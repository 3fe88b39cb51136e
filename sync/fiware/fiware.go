// Package fiware sends observations to a FIWARE IoT Agent (JSON or Ultralight
// 2.0) over MQTT or HTTP, and asks the platform for what it has.
//
// Each sensor is a device "<thing>:<sensor>"; ids have no colon in them. A
// message is one group of measures or several: the values of one sensor at one
// instant, whose Seqs follow each other in datastream order.
//
//	{"airTemperature":21.4,"relativeHumidity":0.48,"count":2,"seq":2,
//	 "epoch":"0123456789abcdef","TimeInstant":"2026-11-21T10:00:00.000Z"}
//
// seq is the last Seq of the group and count the number of its values: it is
// about Seqs seq-count+1 to seq. The platform merges groups into one entity,
// which keeps what a group does not name, and shows whole entities to who keeps
// history. So count is left out only while it stays the same; and quality, span
// and boot with mono only while they stand for nothing, before and now.
//
// Over MQTT the broker's acknowledgement says nothing: the agent may be away, or
// the context broker behind it. With ack = "read-back" the last group of a
// message has a batch, which stands for the Seqs of this message and those
// before it in a batch. The gateway asks the agent for epoch, seq and batch of
// the entity; only all three equal mean that it is stored. A higher seq would
// not: what was sent twice in vain comes after what follows it.
//
// Notices go to the device "<thing>" as attribute notice: JSON, percent-encoded
// where the context broker forbids characters.
package fiware

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/credentials"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Protocol sends groups of measures to an IoT Agent.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "fiware",
	Summary:   "FIWARE IoT Agent, JSON or Ultralight, over MQTT or HTTP",
	Reference: "https://iotagent-node-lib.readthedocs.io/en/latest/api.html",
	Acks:      []agent.Ack{agent.AckReadBack, agent.AckStored, agent.AckBroker},
}, Settings{Encoding: encodingJSON, ServicePath: "/", NorthHeader: bearer, ReadBackWait: readBackWait}, dial)

// limit is how many observations are in a batch: an agent takes about 11 ms for
// a group.
const limit = 300

// dial connects to the agent or to its broker.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	c := &city{settings: s, target: target, key: key, devices: make(map[string]*device)}
	if s.NorthURL != "" {
		if c.north, err = openNorth(s, key); err != nil {
			return nil, err
		}
	}
	if s.overMQTT() {
		c.way, err = dialMQTT(ctx, c)
	} else {
		c.way, err = openHTTP(c)
	}
	if err != nil {
		if c.north != nil {
			err = errors.Join(err, c.north.link.Close())
		}
		return nil, err
	}
	return c, nil
}

// key reads the API key. One that would be another topic or another URL is
// refused without being shown.
func (s Settings) key() (string, error) {
	key, err := credentials.Secret("api_key_file", s.APIKeyFile)
	if err != nil {
		return "", err
	}
	for _, r := range key {
		if r <= ' ' || r > '~' || strings.ContainsRune(`/+#?&|%"`, r) {
			return "", fmt.Errorf("api_key_file: %s: a character that no topic or URL can carry; want letters, digits, - _ . only", s.APIKeyFile)
		}
	}
	return key, nil
}

// mqtt returns the settings of the connection to a broker.
func (s Settings) mqtt() mqttlink.Settings {
	return mqttlink.Settings{
		URL: s.URL, Username: s.Username, PasswordFile: s.PasswordFile,
		CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile, Insecure: s.Insecure,
	}
}

// south returns the settings of the way measures go over HTTP.
func (s Settings) south() httplink.Settings {
	return httplink.Settings{
		URL: s.URL, Username: s.Username, PasswordFile: s.PasswordFile, TokenFile: s.TokenFile,
		TokenURL: s.TokenURL, ClientID: s.ClientID, ClientSecretFile: s.ClientSecretFile,
		CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile, Insecure: s.Insecure,
	}
}

// provisioning returns the settings of the way to the north API.
func (s Settings) provisioning() httplink.Settings {
	n := httplink.Settings{URL: s.NorthURL, Insecure: s.Insecure}
	if s.NorthHeader == bearer {
		n.TokenFile = s.NorthTokenFile
	}
	if strings.HasPrefix(s.NorthURL, "https:") {
		n.CAFile, n.CertFile, n.KeyFile = s.CAFile, s.CertFile, s.KeyFile
	}
	return n
}
