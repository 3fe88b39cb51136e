// Package desk is a city that fits on a desk: a broker or server that counts what
// gateways send it and compares it with what they say they have sent.
//
// It is a witness. It shares no code with the gateway, counts distinct keys
// (thing, epoch, Seq) from the bytes on the wire, and acknowledges a message
// only when it is counted and, with a store, written.
package desk

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/mochi-mqtt/server/v2"
)

// Options say how a city is reached and what it keeps.
type Options struct {
	Platform Platform    // what it understands; the zero value is SenML
	Listen   string      // host:port for MQTT; port 0 takes a free one
	HTTP     string      // host:port for HTTP; "" is 127.0.0.1:0
	Store    string      // file of what was received; "" keeps nothing over a restart
	Username string      // "" lets everybody in, over MQTT
	Password string      // of that user
	TLS      *tls.Config // nil speaks plain text
	Log      *slog.Logger
}

// A Platform is what a city understands. It may speak MQTT, HTTP or both.
type Platform struct {
	Name string // as the gateway's configuration calls the protocol

	// Open returns the two ways in, or nil for one there is not. The book has
	// what was saved before.
	Open func(*Book) (Receiver, http.Handler, error)

	// Configure returns what a gateway's configuration has in [[city]] to reach
	// such a city at these addresses, in TOML; files that it names are put into
	// dir. Nil is the protocol and a url.
	Configure func(mqtt, http, dir string) (string, error)
}

// Configuration returns what a gateway's configuration has in [[city]] for such
// a city at these addresses, in TOML; one that it does not speak is "". Files that
// it names are put into dir.
func (p Platform) Configuration(mqtt, http, dir string) (string, error) {
	if p.Configure != nil {
		return p.Configure(mqtt, http, dir)
	}
	url := "http://" + http
	if mqtt != "" {
		url = "mqtt://" + mqtt
	}
	return fmt.Sprintf("protocol = %q\nurl = %q\n", p.Name, url), nil
}

// A Receiver takes what is published to a city, before the broker acknowledges
// it: after an error it does not, and ends the connection.
type Receiver func(Message) error

// A Message is what a client has published.
type Message struct {
	Client   string // its id
	Topic    string
	Payload  []byte
	QoS      byte
	Retained bool
	Will     bool // the broker published it for a client that was lost
}

// A City counts what gateways send it. Its methods may be called by several
// goroutines at a time.
type City struct {
	*Book
	o        Options
	server   *mqtt.Server
	requests *requests
	receive  Receiver
	mqtt     *port // nil if the platform does not speak it
	http     *port
	closed   atomic.Bool
}

// Open starts a city. With a store it goes on with what it had received.
func Open(o Options) (*City, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Platform.Open == nil {
		o.Platform = SenML
	}
	book, err := openBook(o.Store, o.Log)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	c := &City{Book: book, o: o}
	receive, handler, err := o.Platform.Open(book)
	if err == nil && receive != nil {
		err = c.speakMQTT(receive)
	}
	if err == nil && handler != nil {
		c.requests = serveRequests(handler)
		c.http = &port{address: cmp.Or(o.HTTP, "127.0.0.1:0"), tls: o.TLS, log: o.Log, serve: c.requests.serve}
	}
	if err == nil {
		err = c.Back()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *City) speakMQTT(receive Receiver) error {
	c.receive = receive
	c.server = mqtt.New(&mqtt.Options{
		Logger:                   slog.New(slog.DiscardHandler), // what matters is logged here
		SysTopicResendInterval:   3600,
		ClientNetReadBufferSize:  32 << 10,
		ClientNetWriteBufferSize: 4 << 10,
		InlineClient:             true,
	})
	if err := c.server.AddHook(&hook{city: c}, nil); err != nil {
		return err
	}
	c.publish = func(topic string, payload []byte, retained bool) error {
		return c.server.Publish(topic, payload, retained, 1)
	}
	c.mqtt = &port{address: c.o.Listen, tls: c.o.TLS, log: c.log, serve: func(conn net.Conn) error {
		return c.server.EstablishConnection("desk", conn)
	}}
	return c.server.Serve()
}

// Addr returns host:port as gateways reach the city over MQTT, also while it is
// away; or "" if it does not speak MQTT.
func (c *City) Addr() string { return c.mqtt.addr() }

// HTTPAddr is likewise for HTTP.
func (c *City) HTTPAddr() string { return c.http.addr() }

// URL returns what gateways have as url: over MQTT if the city speaks it.
func (c *City) URL() string {
	if c.mqtt != nil {
		return "mqtt://" + c.Addr()
	}
	return "http://" + c.HTTPAddr()
}

// Configuration is that of the platform, for this city.
func (c *City) Configuration(dir string) (string, error) {
	return c.o.Platform.Configuration(c.Addr(), c.HTTPAddr(), dir)
}

// Away lets the city vanish as if its power was cut: nobody can connect, and
// all connections end without a word. It returns when they have.
func (c *City) Away() error { return errors.Join(c.mqtt.away(), c.http.away()) }

// Back lets the city come back at the same addresses. It has forgotten nothing.
func (c *City) Back() error {
	if c.closed.Load() {
		return errAway
	}
	return errors.Join(c.mqtt.back(), c.http.back())
}

// Close ends all connections and closes the store.
func (c *City) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.Away()
	if c.server != nil {
		err = errors.Join(err, c.server.Close())
	}
	if c.requests != nil {
		err = errors.Join(err, c.requests.close())
	}
	return errors.Join(err, c.Book.store.close())
}
