package agent

import "time"

// A NoticeKind says what a notice tells.
type NoticeKind string

// The kinds of notice.
const (
	// NoticeLoss is a ledger entry: these Seqs will not arrive, for that cause.
	NoticeLoss NoticeKind = "loss"
	// NoticeWindow follows an unclean stop: these Seqs may be delivered, lost or
	// never assigned. They were never accepted, unless the city has them.
	NoticeWindow NoticeKind = "window"
	// NoticeClock says when a boot began whose observations were sent with times
	// that nobody vouched for: their true time is Start plus their mono.
	NoticeClock NoticeKind = "clock"
	// NoticeHeartbeat says that the gateway lives, and how its books stand.
	NoticeHeartbeat NoticeKind = "heartbeat"
)

// A Notice is what is told about observations. It is kept until each city
// concerned has it, is never thinned and is no observation. A heartbeat is made
// when it is sent and has no ID.
type Notice struct {
	Epoch       Epoch      `json:"epoch"`        // of the Seqs below
	ID          uint64     `json:"id,omitempty"` // from 1, rising, within the epoch that told it
	Kind        NoticeKind `json:"kind"`
	Time        time.Time  `json:"time"`
	From        uint64     `json:"from,omitempty"`
	To          uint64     `json:"to,omitempty"`
	Ranges      []Range    `json:"ranges,omitempty"` // the exact Seqs, when they are not all of From to To
	Count       uint64     `json:"count,omitempty"`  // how many observations
	Cause       string     `json:"cause,omitempty"`
	Datastreams []string   `json:"datastreams,omitempty"`
	Cities      []string   `json:"cities,omitempty"` // the cities that lacked them; none means all
	Boot        uint32     `json:"boot,omitempty"`   // of a clock notice
	Start       time.Time  `json:"start,omitzero"`   // when CLOCK_MONOTONIC was zero in that boot
	Bound       float64    `json:"bound,omitempty"`  // seconds by which that may be wrong, either way
	Heartbeat   *Heartbeat `json:"heartbeat,omitempty"`
}

// A Range is the Seqs From to To, both included.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// A Heartbeat is how the books of a gateway stand for one city.
type Heartbeat struct {
	Version    string    `json:"version"`
	Uptime     int64     `json:"uptime"`          // seconds
	AcceptedTo uint64    `json:"accepted_to"`     // every accepted Seq up to here is delivered, waiting or ledgered
	Since      uint64    `json:"since"`           // the first Seq this city is owed
	Waiting    uint64    `json:"waiting"`         // accepted observations this city lacks
	Oldest     time.Time `json:"oldest,omitzero"` // the time of the oldest of them
	Pending    uint64    `json:"pending"`         // recorded and not yet accepted
	FreeBytes  uint64    `json:"free_bytes"`      // on the buffer's file system
	Clock      string    `json:"clock"`           // trusted, plausible or impossible
	LastStop   string    `json:"last_stop"`       // clean, unclean or first
}
