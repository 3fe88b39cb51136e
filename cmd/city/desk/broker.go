package desk

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// errAway is why Back fails after Close.
var errAway = errors.New("the city is closed")

// Away lets the city vanish as if its power was cut: nobody can connect, and
// all connections end without a word. It returns when they have.
func (c *City) Away() error {
	c.mu.Lock()
	ln := c.ln
	c.ln = nil
	var err error
	if ln != nil {
		err = ln.Close()
		c.log.Info("city away", "address", c.address)
	}
	for conn := range c.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	serving := c.serving
	c.mu.Unlock()
	serving.Wait()
	return err
}

// Back lets the city come back at the same address. It has forgotten nothing.
func (c *City) Back() error {
	if err := c.listen(); err != nil {
		return err
	}
	c.log.Info("city back", "address", c.Addr())
	return nil
}

// listen opens the address and accepts connections.
func (c *City) listen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errAway
	}
	if c.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", c.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	c.ln, c.address, c.conns, c.serving = ln, ln.Addr().String(), map[net.Conn]bool{}, new(sync.WaitGroup)
	c.serving.Go(func() { c.accept(ln) })
	return nil
}

func (c *City) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.ln != ln {
			conn.Close()
			c.mu.Unlock()
			return
		}
		c.conns[conn] = true
		c.serving.Go(func() { c.serve(conn) })
		c.mu.Unlock()
	}
}

// serve speaks MQTT with one client until it is gone.
func (c *City) serve(conn net.Conn) {
	spoken := conn
	if c.o.TLS != nil {
		spoken = tls.Server(conn, c.o.TLS)
	}
	err := c.server.EstablishConnection("desk", spoken)
	c.log.Debug("connection ended", "remote", conn.RemoteAddr(), "err", err)
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
}

// hook is where the broker asks the city.
type hook struct {
	mqtt.HookBase
	city *City
}

// ID implements mqtt.Hook.
func (h *hook) ID() string { return "desk" }

// Provides implements mqtt.Hook.
func (h *hook) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish}, b) >= 0
}

// OnConnectAuthenticate implements mqtt.Hook.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	o := h.city.o
	if o.Username == "" {
		return true
	}
	user := subtle.ConstantTimeCompare(pk.Connect.Username, []byte(o.Username))
	password := subtle.ConstantTimeCompare(pk.Connect.Password, []byte(o.Password))
	if user&password == 1 {
		return true
	}
	h.city.log.Warn("client refused", "client", cl.ID, "remote", cl.Net.Remote)
	return false
}

// OnACLCheck implements mqtt.Hook: who is in may do everything.
func (h *hook) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnPublish implements mqtt.Hook. The broker calls it before it acknowledges
// the message. One that was not counted is not acknowledged: the broker takes
// ErrRejectPacket for "say nothing", and any other error for "acknowledge".
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if err := h.city.receive(pk.TopicName, pk.Payload); err != nil {
		h.city.log.Error("message not kept", "client", cl.ID, "topic", pk.TopicName, "err", err)
		cl.Stop(err)
		return pk, packets.ErrRejectPacket
	}
	return pk, nil
}

// receive counts a message. What is no pack or notice is logged and counts for
// nothing, which the books will show.
func (c *City) receive(topic string, payload []byte) error {
	rest, ok := strings.CutPrefix(topic, "lamppost/")
	if !ok {
		return nil
	}
	thing, kind, _ := strings.Cut(rest, "/")
	var err error
	switch kind {
	case "observations":
		err = c.receivePack(payload)
	case "notices":
		err = c.receiveNotice(thing, payload)
	}
	if errors.Is(err, errMalformed) {
		c.log.Warn("message not understood", "thing", thing, "topic", topic, "err", err)
		return nil
	}
	return err
}

// errMalformed is in the chain of an error that is the sender's.
var errMalformed = errors.New("malformed")

// receivePack counts the observations of a pack, all or none.
func (c *City) receivePack(payload []byte) error {
	s := scanner{b: payload}
	entries := make([]entry, 0, 1000)
	var received []keys
	err := s.records(func(e entry) {
		entries = append(entries, e)
		if n := len(received); n > 0 && received[n-1].Thing == e.thing && received[n-1].To+1 == e.seq {
			received[n-1].To = e.seq
			return
		}
		received = append(received, keys{e.thing, s.epoch, e.seq, e.seq})
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if err := c.store.keep(received); err != nil {
		return err
	}
	c.tally.count(received)
	c.tally.show(s.epoch, entries)
	return nil
}

func (c *City) receiveNotice(thing string, payload []byte) error {
	n, err := readNotice(payload)
	if err == nil && len(payload) > maxLine/4 {
		err = fmt.Errorf("notice of %d bytes: too large to keep", len(payload))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if err := c.store.note(thing, n); err != nil {
		return err
	}
	c.tally.tell(thing, n)
	return nil
}
