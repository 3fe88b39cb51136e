package desk

import (
	"bytes"
	"crypto/subtle"
	"errors"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// ErrAckAndEnd is what a Receiver returns for a platform that acknowledges what it
// did not take and ends the connection: before MQTT 5, an acknowledgement has no
// word for failure.
var ErrAckAndEnd = errors.New("acknowledged, and the connection ended")

// hook is where the broker asks the city.
type hook struct {
	mqtt.HookBase
	city *City
}

// ID implements mqtt.Hook.
func (h *hook) ID() string { return "desk" }

// Provides implements mqtt.Hook.
func (h *hook) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnWillSent}, b) >= 0
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
	if cl.Net.Inline {
		return pk, nil // the city's own
	}
	err := h.city.receive(message(cl, pk))
	if errors.Is(err, ErrAckAndEnd) {
		ack := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: pk.PacketID}
		_ = cl.WritePacket(ack) // it ends in any case
	}
	if err != nil {
		h.city.log.Error("message not kept", "client", cl.ID, "topic", pk.TopicName, "err", err)
		cl.Stop(err)
		return pk, packets.ErrRejectPacket
	}
	return pk, nil
}

// OnWillSent implements mqtt.Hook.
func (h *hook) OnWillSent(cl *mqtt.Client, pk packets.Packet) {
	m := message(cl, pk)
	m.Will = true
	if err := h.city.receive(m); err != nil {
		h.city.log.Error("will not kept", "client", cl.ID, "topic", pk.TopicName, "err", err)
	}
}

func message(cl *mqtt.Client, pk packets.Packet) Message {
	return Message{Client: cl.ID, Topic: pk.TopicName, Payload: pk.Payload, QoS: pk.FixedHeader.Qos, Retained: pk.FixedHeader.Retain}
}
