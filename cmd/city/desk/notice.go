package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Notice is what a gateway tells about its observations. The type is the
// city's own: it says what the wire says, and shares nothing with the gateway.
type Notice struct {
	Epoch       string     `json:"epoch"`
	ID          uint64     `json:"id,omitempty"`
	Kind        string     `json:"kind"` // loss, window, clock, heartbeat
	Time        time.Time  `json:"time"`
	From        uint64     `json:"from,omitempty"`
	To          uint64     `json:"to,omitempty"`
	Ranges      []Range    `json:"ranges,omitempty"`
	Count       uint64     `json:"count,omitempty"`
	Cause       string     `json:"cause,omitempty"`
	Datastreams []string   `json:"datastreams,omitempty"`
	Cities      []string   `json:"cities,omitempty"`
	Heartbeat   *Heartbeat `json:"heartbeat,omitempty"`
}

// A Heartbeat is how the books stand, as the gateway says.
type Heartbeat struct {
	Version    string `json:"version"`
	AcceptedTo uint64 `json:"accepted_to"`
	Since      uint64 `json:"since"`
	Waiting    uint64 `json:"waiting"`
	Pending    uint64 `json:"pending"`
	Clock      string `json:"clock"`
	LastStop   string `json:"last_stop"`
}

// ReadNotice reads a notice as gateways write it: JSON.
func ReadNotice(payload []byte) (Notice, error) {
	var n Notice
	if len(payload) > maxLine/4 {
		return Notice{}, fmt.Errorf("notice of %d bytes: too large to keep", len(payload))
	}
	if err := json.Unmarshal(payload, &n); err != nil {
		return Notice{}, fmt.Errorf("notice: %w", err)
	}
	if !isEpoch(n.Epoch) {
		return Notice{}, fmt.Errorf("notice: epoch %q", n.Epoch)
	}
	if n.Kind == "heartbeat" && n.Heartbeat == nil {
		return Notice{}, errors.New("notice: a heartbeat without one")
	}
	return n, nil
}

// named returns the Seqs that a notice speaks of.
func (n Notice) named() rangeSet {
	var set rangeSet
	if len(n.Ranges) == 0 && n.From > 0 {
		set.add(Range{n.From, n.To})
	}
	for _, r := range n.Ranges {
		set.add(r)
	}
	return set
}
