// Package desk is a city that fits on a desk: an MQTT broker that counts what
// gateways send it and compares it with what they say they have sent.
//
// It is a witness. It shares no code with the gateway, counts distinct keys
// (thing, epoch, Seq) from the bytes on the wire, and acknowledges a message
// only when it is counted and, with a store, written.
package desk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2"
)

// Options say how a city is reached and what it keeps.
type Options struct {
	Listen   string      // host:port; port 0 takes a free one
	Store    string      // file of what was received; "" keeps nothing over a restart
	Username string      // "" lets everybody in
	Password string      // of that user
	TLS      *tls.Config // nil speaks plain text
	Log      *slog.Logger
}

// A City is an MQTT broker that counts. Its methods may be called by several
// goroutines at a time.
type City struct {
	o      Options
	server *mqtt.Server
	tally  *tally
	store  *store
	log    *slog.Logger

	mu      sync.Mutex
	address string
	ln      net.Listener // nil while the city is away
	conns   map[net.Conn]bool
	serving *sync.WaitGroup // the accept loop and all connections since the city is here
	closed  bool
}

// Open starts a city. With a store it goes on with what it had received.
func Open(o Options) (*City, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &City{o: o, log: o.Log, tally: newTally(), address: o.Listen, serving: new(sync.WaitGroup)}
	var err error
	if c.store, err = openStore(o.Store, c.tally); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	c.server = mqtt.New(&mqtt.Options{
		Logger:                   slog.New(slog.DiscardHandler), // what matters is logged here
		SysTopicResendInterval:   3600,
		ClientNetReadBufferSize:  32 << 10,
		ClientNetWriteBufferSize: 4 << 10,
	})
	if err := c.server.AddHook(&hook{city: c}, nil); err != nil {
		return nil, errors.Join(err, c.store.close())
	}
	if err := c.listen(); err != nil {
		return nil, errors.Join(err, c.store.close())
	}
	if err := c.server.Serve(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Addr returns host:port as gateways reach the city, also while it is away.
func (c *City) Addr() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.address
}

// Received returns what the city has of a thing.
func (c *City) Received(thing string) Received { return c.tally.received(thing) }

// Things returns the ids of all things heard of, in order.
func (c *City) Things() []string { return c.tally.ids() }

// Books compares what was received of a thing with what it says it has sent.
func (c *City) Books(thing string) Books { return c.tally.books(thing) }

// Close ends all connections and closes the store.
func (c *City) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	err := c.Away()
	return errors.Join(err, c.server.Close(), c.store.close())
}
