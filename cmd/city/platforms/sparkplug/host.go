// Package sparkplug is a Sparkplug B 3.0 host application on the desk.
//
// It knows of each node which session it is in (bdSeq), which number its next
// message has (seq) and what its aliases stand for. When a number is missing,
// or an alias or a node unknown, it asks for the births again. It shares no code
// with the gateway. Births outlive it with a store; numbers do not, so after a
// restart it takes the first it sees.
package sparkplug

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// Platform is a host application that nobody controls.
var Platform = desk.Platform{Name: "sparkplug", Open: func(b *desk.Book) (desk.Receiver, http.Handler, error) {
	return New("").open(b)
}}

// A Host is a host application under a test's control. Its methods may be called
// by several goroutines at a time.
type Host struct {
	id   string
	book *desk.Book

	mu     sync.Mutex
	nodes  map[string]*node // by group/node
	log    []Event
	miss   int // messages that are lost before the host
	silent bool
}

// New returns a host application with an id, which it says it is online under.
func New(id string) *Host { return &Host{id: id, nodes: map[string]*node{}} }

// Platform returns the host as what a city understands.
func (h *Host) Platform() desk.Platform { return desk.Platform{Name: "sparkplug", Open: h.open} }

// An Event is a message as the host saw it.
type Event struct {
	Topic    string
	Kind     string // NBIRTH and so on
	Device   string
	QoS      byte
	Retained bool
	Will     bool
	Seq      int // −1 without one
	Time     uint64
	Metrics  []Metric
	Bytes    int
}

// A Metric is one metric of an event.
type Metric struct {
	Name       string // as it came: empty in data with an alias
	Resolved   string // what the alias stands for
	Alias      uint64
	Aliased    bool
	Time       uint64
	Datatype   uint64
	Historical bool
	Null       bool
	Value      any
	Properties map[string]any    // nil for null ones
	Types      map[string]uint64 // of the properties
}

// A State is what the host knows of a node.
type State struct {
	Online     bool
	BdSeq      uint64
	Births     int // NBIRTHs
	Deaths     int // that counted
	Gaps       int // numbers that did not follow the one before
	Unknown    int // metrics and messages that no birth had told of
	Asked      int // rebirths
	Historical int
	Live       int
	Current    map[string]Metric // by device/metric: the newest that is not historical
}

// Lose lets the host miss the next n messages of nodes that have a number: the
// broker has taken them, and nobody notices but by the gap.
func (h *Host) Lose(n int) { h.mu.Lock(); defer h.mu.Unlock(); h.miss = n }

// Silence stops the host from asking for births.
func (h *Host) Silence() { h.mu.Lock(); defer h.mu.Unlock(); h.silent = true }

// Events returns what was seen since the last call.
func (h *Host) Events() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.log
	h.log = nil
	return log
}

// State returns what the host knows of a node.
func (h *Host) State(group, id string) State {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[group+"/"+id]
	if n == nil {
		return State{}
	}
	s := n.state
	s.Current = make(map[string]Metric, len(n.state.Current))
	for k, v := range n.state.Current {
		s.Current[k] = v
	}
	return s
}

// Online says that the host is there or not, as of a time.
func (h *Host) Online(online bool, at time.Time) error {
	text, err := json.Marshal(struct {
		Online    bool  `json:"online"`
		Timestamp int64 `json:"timestamp"`
	}{online, at.UnixMilli()})
	if err != nil {
		return err
	}
	return h.book.Publish("spBv1.0/STATE/"+h.id, text, true)
}

// Ask asks a node for its births.
func (h *Host) Ask(group, id string) error {
	return h.book.Publish("spBv1.0/"+group+"/NCMD/"+id, rebirthCommand(uint64(time.Now().UnixMilli())), false)
}

func (h *Host) open(b *desk.Book) (desk.Receiver, http.Handler, error) {
	h.book = b
	for _, raw := range b.Saved() {
		var row birth
		if err := json.Unmarshal(raw, &row); err != nil {
			return nil, nil, fmt.Errorf("saved birth: %w", err)
		}
		h.of(row.Node).remember(row)
	}
	return h.receive, nil, nil
}

// of returns a node, which is new if it was not heard of. The host is locked.
func (h *Host) of(name string) *node {
	n := h.nodes[name]
	if n == nil {
		n = &node{name: name, next: anyNumber, aliases: map[uint64]target{}}
		n.state.Current = map[string]Metric{}
		h.nodes[name] = n
	}
	return n
}

// receive takes a message. One that is not understood is logged and counts for
// nothing, which the books will show.
func (h *Host) receive(m desk.Message) error {
	rest, ok := strings.CutPrefix(m.Topic, "spBv1.0/")
	if !ok {
		return nil
	}
	levels := strings.Split(rest, "/")
	if len(levels) < 3 || len(levels) > 4 || levels[0] == "STATE" || strings.HasSuffix(levels[1], "CMD") {
		return nil
	}
	e := Event{Topic: m.Topic, Kind: levels[1], QoS: m.QoS, Retained: m.Retained, Will: m.Will, Bytes: len(m.Payload)}
	if len(levels) == 4 {
		e.Device = levels[3]
	}
	p, err := readPayload(m.Payload)
	if err != nil {
		h.book.Log().Warn("message not understood", "topic", m.Topic, "err", err)
		return nil
	}
	ask, err := h.take(e, levels[0]+"/"+levels[2], p)
	if err == nil && ask {
		err = h.Ask(levels[0], levels[2])
	}
	return err
}

// take takes a message in, and tells whether to ask for the births.
func (h *Host) take(e Event, name string, p payload) (ask bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.miss > 0 && p.seq >= 0 {
		h.miss--
		return false, nil
	}
	n := h.of(name)
	e.Seq, e.Time = p.seq, p.timestamp
	for _, m := range p.metrics {
		e.Metrics = append(e.Metrics, n.show(m))
	}
	h.log = append(h.log, e)
	ask, err = n.take(h.book, e, p)
	if ask && h.silent {
		ask = false
	}
	if ask {
		n.state.Asked++
	}
	return ask, err
}
