package desk

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// SenML is a broker for packs on lamppost/<thing>/observations and notices on
// lamppost/<thing>/notices, and a server for the same as paths.
var SenML = Platform{Name: "senml", Open: func(b *Book) (Receiver, http.Handler, error) {
	return b.receiveSenML, http.HandlerFunc(b.serveSenML), nil
}}

// receiveSenML counts a message. What is no pack or notice is logged and counts
// for nothing, which the books will show.
func (b *Book) receiveSenML(m Message) error {
	err := b.takeSenML(m.Topic, m.Payload)
	if errors.Is(err, errMalformed) {
		b.log.Warn("message not understood", "topic", m.Topic, "err", err)
		return nil
	}
	return err
}

func (b *Book) takeSenML(topic string, payload []byte) error {
	rest, ok := strings.CutPrefix(topic, "lamppost/")
	if !ok {
		return nil
	}
	thing, kind, _ := strings.Cut(rest, "/")
	switch kind {
	case "observations":
		pack, err := expand(payload)
		if err != nil {
			return err
		}
		if len(pack) > 0 && pack[0]>>5 == 4 { // an array of CBOR
			return b.receiveCBOR(pack)
		}
		return b.receivePack(pack)
	case "notices":
		return b.receiveNotice(thing, payload)
	}
	return nil
}

// errMalformed is in the chain of an error that is the sender's.
var errMalformed = errors.New("malformed")

// receivePack counts the observations of a pack, all or none.
func (b *Book) receivePack(payload []byte) error {
	s := scanner{b: payload}
	entries := make([]entry, 0, 1000)
	var received []Keys
	err := s.records(func(e entry) {
		entries = append(entries, e)
		if n := len(received); n > 0 && received[n-1].Thing == e.thing && received[n-1].To+1 == e.seq {
			received[n-1].To = e.seq
			return
		}
		received = append(received, Keys{e.thing, s.epoch, e.seq, e.seq})
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if err := b.Count(received); err != nil {
		return err
	}
	b.tally.show(s.epoch, entries)
	return nil
}

func (b *Book) receiveNotice(thing string, payload []byte) error {
	n, err := ReadNotice(payload)
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return b.Tell(thing, n)
}
