package senml

import (
	"context"
	"net/http"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// link is what a city needs of a connection. Publish returns when the city has
// the payload at the level that is asked for, or one of the errors that
// agent.City.Publish knows, or an *uplink.Permanent.
type link interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
	Lost() <-chan struct{}
	Close() error
}

// sent is a link for which nobody acknowledges what is published.
type sent struct{ *mqttlink.Link }

// Publish implements link. What is retained is acknowledged all the same.
func (s sent) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	if retained {
		return s.Link.Publish(ctx, topic, payload, true)
	}
	return s.Send(ctx, topic, payload)
}

// posted is a link that asks a server to store each payload: the topic follows
// its URL.
type posted struct {
	link *httplink.Link
	as   map[string]string // headers of observations
}

// Publish implements link. What MQTT retains is put, the rest is posted.
func (p posted) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	r := httplink.Request{Method: http.MethodPost, Path: "/" + topic, Header: p.as, Body: payload}
	if retained {
		r.Method = http.MethodPut
	}
	if payload[0] == '{' { // no pack
		r.Header = map[string]string{"Content-Type": "application/json"}
	}
	a, err := p.link.Do(ctx, r)
	if err != nil {
		return err
	}
	switch a.Status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return &uplink.Permanent{Err: a.Err(topic)}
	}
	return a.Err(topic) // 202 too: it does not say that it is stored
}

// Lost implements link: each request shows by itself.
func (p posted) Lost() <-chan struct{} { return nil }

// Close implements link.
func (p posted) Close() error { return p.link.Close() }

// open connects to a city as a thing, whose id is the client id too.
func open(ctx context.Context, s Settings, target uplink.Target) (link, error) {
	thing := target.Thing.ID
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.overMQTT() {
		l, err := httplink.Open(s.Settings)
		if err != nil {
			return nil, err
		}
		return posted{l, s.headers()}, nil
	}
	l, err := mqttlink.Connect(ctx, s.mqtt(), mqttlink.Options{
		ClientID:     thing,
		WillTopic:    topic(thing, status),
		WillPayload:  []byte("offline"),
		BirthPayload: []byte("online"),
	})
	if err != nil {
		return nil, err
	}
	if target.Ack == agent.AckSent {
		return sent{l}, nil
	}
	return l, nil
}
