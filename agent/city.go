package agent

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Thing is the gateway as the city knows it, with its place.
type Thing struct {
	ID       string    // unique in the city, for example "lamp-042"
	Name     string    // for people
	Location []float64 // longitude, latitude, optional altitude in m (WGS 84); or none
}

// A City is a connection to a city platform. Publish may be called by several
// goroutines at a time; the other methods by one.
type City interface {
	// Announce tells the platform about the thing and the datastreams it may
	// hear of. It is called after every connection and when there are new
	// datastreams, so it must change nothing the second time. latest has the
	// newest observation of those datastreams that have one in this run of the
	// agent: a platform may show it, but only Publish delivers it.
	Announce(ctx context.Context, thing Thing, streams []*Datastream, latest []Observation) error

	// Publish delivers the batch, which is only valid during the call. There
	// are four outcomes:
	//
	//	nil            all of it is acknowledged, at the level the city states
	//	*RefusedError  all but those it lists is acknowledged; they never will be
	//	*RetryError    surely nothing of it was taken
	//	any other      unknown: it may have been taken in part or as a whole
	//
	// After an unknown outcome the connection is given up and the same
	// observations come again with the same keys. A city that has a part, and
	// surely not the rest, for now, may say so with an *uplink.LeftOut.
	Publish(ctx context.Context, batch Batch) error

	// Notify delivers notices, in order. Any error means that they come again.
	Notify(ctx context.Context, notices []Notice) error

	// Lost returns a channel that is closed when the connection has ended by
	// itself, or nil if there is nothing that could.
	Lost() <-chan struct{}

	// Close ends the connection. Calls of Publish under way end with an error.
	Close() error
}

// A Reconciler is a City that can be asked which observations of a batch it
// has. The uplink asks after an unknown outcome, before it sends again.
type Reconciler interface {
	City

	// Reconcile returns the Seqs of the batch that the platform has.
	Reconcile(ctx context.Context, batch Batch) ([]uint64, error)
}

// A Pacer is a City that says how it is to be sent to. The uplink asks after
// Announce.
type Pacer interface {
	City

	// Pace returns that; what is zero is left to the uplink.
	Pace() Pace
}

// A Pace is how a City is to be sent to.
type Pace struct {
	Limit  int // observations in a batch, at most
	Window int // batches under way, at most

	// InOrder is set where a late value would take the place of the current one:
	// all is sent in the order of Seqs, one batch at a time.
	InOrder bool
}

// A RefusedError lists the observations of a batch a city will never take.
type RefusedError struct {
	Refused map[uint64]string // reason by Seq
}

// Error counts the refused observations and gives the reason of the first.
func (e *RefusedError) Error() string {
	if len(e.Refused) == 0 {
		return "refused nothing"
	}
	seqs := make([]uint64, 0, len(e.Refused))
	for seq := range e.Refused {
		seqs = append(seqs, seq)
	}
	first := slices.Min(seqs)
	return fmt.Sprintf("%d observations refused; seq %d: %s", len(seqs), first, e.Refused[first])
}

// A RetryError says that a batch was surely not taken.
type RetryError struct {
	After time.Duration // when to try again; 0 leaves it to the caller
	Err   error
}

// Error returns the cause.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }

// Ack says who confirms what a city acknowledges, weakest first.
type Ack uint8

// The levels of acknowledgement.
const (
	AckSent     Ack = iota // nobody
	AckBroker              // a broker took it over
	AckQueued              // the platform's durable queue has it
	AckStored              // the platform has stored it
	AckReadBack            // it was read back from the platform
)

var ackNames = [...]string{"sent", "broker", "queued", "stored", "read-back"}

// String returns the level's name, for example "broker".
func (a Ack) String() string {
	if int(a) < len(ackNames) {
		return ackNames[a]
	}
	return fmt.Sprintf("ack %d", uint8(a))
}

// ParseAck reads what String writes.
func ParseAck(s string) (Ack, error) {
	for i, n := range ackNames {
		if n == s {
			return Ack(i), nil
		}
	}
	return 0, fmt.Errorf("unknown ack %q: want sent, broker, queued, stored or read-back", s)
}
