// Package sparkplug is an edge node of Sparkplug B 3.0 over MQTT.
//
// A thing is a node, a sensor is a device and a property is a metric. A birth
// certificate names all metrics with their aliases, datatypes, units and current
// values; data carry only aliases. Each metric of a DDATA message has the
// properties seq and epoch, which with the thing are the key of an observation,
// Quality (192 or 0), and, where there is something to say, qualityReasons,
// spanNs, boot, monoNs, thing and engUnit. What the host may have newer values
// of is marked as historical. Notices are values of the node's metric Notice.
//
// No host acknowledges data. What is called sent here is more than a write: the
// broker has answered a packet that followed it, so it has read all before, and
// with a primary host it has said after that that this host is online.
package sparkplug

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Protocol sends to Sparkplug host applications behind an MQTT broker.
var Protocol = uplink.New(uplink.Protocol{
	Name:      "sparkplug",
	Summary:   "Sparkplug B 3.0 edge node over MQTT",
	Reference: "https://sparkplug.eclipse.org/specification/",
	Acks:      []agent.Ack{agent.AckSent},
}, Settings{Group: "lamppost"}, dial)

// Settings are the keys of a city with protocol = "sparkplug".
type Settings struct {
	mqttlink.Settings
	Group       string `doc:"Sparkplug group of the node"`
	Node        string `doc:"Sparkplug id of the node, unique in the group; thing.id if left out"`
	PrimaryHost string `doc:"id of the host application that must be online: nothing is sent while it is not; anybody will do if left out"`
	Datatypes   bool   `doc:"say the datatype with each value too: hosts made with sparkplug-payload, such as those in Node-RED, read none without it"`
}

// Validate returns all mistakes in the settings at once.
func (s Settings) Validate() error {
	errs := []error{s.Settings.Validate(), checkID("group", s.Group)}
	if s.Node != "" {
		errs = append(errs, checkID("node", s.Node))
	}
	if s.PrimaryHost != "" {
		errs = append(errs, checkID("primary_host", s.PrimaryHost))
	}
	return errors.Join(errs...)
}

// Check makes sure that the id of the thing can be that of the node.
func (s Settings) Check(thing agent.Thing, _ []agent.Property) error {
	if s.Node != "" {
		return nil
	}
	return checkID("thing.id", thing.ID)
}

// checkID makes sure that an id is one level of a topic (specification, chapter 4).
func checkID(key, id string) error {
	if id == "" {
		return fmt.Errorf("%s is empty: it is part of the topic; give a name", key)
	}
	if strings.Contains(id, "/") {
		return fmt.Errorf("%s = %q: a / would make it two levels of the topic; leave it out", key, id)
	}
	if err := mqttlink.CheckTopic(id); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// namespace is what all topics begin with.
const namespace = "spBv1.0/"

// A node is where a thing is in the namespace.
type node struct{ group, id string }

// topic returns the topic of a kind of message, of a device unless it is "".
func (n node) topic(kind, device string) string {
	topic := namespace + n.group + "/" + kind + "/" + n.id
	if device != "" {
		topic += "/" + device
	}
	return topic
}

// dial connects to the broker and, if there is a primary host, waits until it is
// online.
func dial(ctx context.Context, s Settings, target uplink.Target) (agent.City, error) {
	if err := s.Check(target.Thing, nil); err != nil {
		return nil, err
	}
	n := node{s.Group, s.Node}
	if n.id == "" {
		n.id = target.Thing.ID
	}
	number, err := loadNumber(target)
	if err != nil {
		return nil, err
	}
	c := newCity(n, target.Thing, number)
	c.datatypes = s.Datatypes
	o := mqttlink.Options{
		ClientID:      n.id + "-sparkplug", // another city may be at the same broker, with the thing's id
		WillTopic:     n.topic("NDEATH", ""),
		WillPayload:   deathPayload(number),
		FleetingWill:  true,
		Subscriptions: []mqttlink.Subscription{{Topic: n.topic("NCMD", ""), QoS: 1, Receive: c.command}},
	}
	if s.PrimaryHost != "" {
		c.host = newHost(s.PrimaryHost)
		state := mqttlink.Subscription{Topic: namespace + "STATE/" + s.PrimaryHost, QoS: 1, Receive: c.state}
		o.Subscriptions = append([]mqttlink.Subscription{state}, o.Subscriptions...) // first: Confirm asks for it
	}
	l, err := mqttlink.Connect(ctx, s.Settings, o)
	if err != nil {
		return nil, err
	}
	if err = storeNumber(target, number+1); err == nil && c.host != nil {
		err = c.host.await(ctx, l.Lost())
	}
	if err != nil {
		l.Leave()
		return nil, err
	}
	c.open(l)
	return c, nil
}
