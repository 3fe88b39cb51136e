package senml

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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

// misledPause is how long a person has to correct what the server does not take.
const misledPause = 30 * time.Second

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
	switch {
	case a.Misled():
		return &agent.RetryError{Err: fmt.Errorf("%w; check url, format and compression", a.Err(topic)), After: misledPause}
	case a.Status == http.StatusBadRequest, a.Status == http.StatusRequestEntityTooLarge, a.Status == http.StatusUnprocessableEntity:
		return &uplink.Permanent{Err: a.Err(topic)}
	case a.Status == http.StatusBadGateway, a.Status == http.StatusGatewayTimeout:
		// A proxy answers, and does not know what became of it.
		return errors.New(a.Err(topic).Error())
	case a.Page():
		return fmt.Errorf("%w; a page for people is no answer: check url, and whether the network asks for a login", a.Err(topic))
	case a.Status == http.StatusOK, a.Status == http.StatusCreated, a.Status == http.StatusNoContent:
		return nil
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
