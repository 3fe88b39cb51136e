package sparkplug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// errOffline is why a connection is ended when the primary host leaves.
var errOffline = errors.New("the primary host is offline; nothing is sent until it is back")

// A host is the primary host as its STATE messages say.
type host struct {
	id string

	mu     sync.Mutex
	online bool
	at     uint64        // the timestamp of the newest STATE
	heard  uint64        // how many STATEs counted
	change chan struct{} // closed and made anew with each
}

func newHost(id string) *host { return &host{id: id, change: make(chan struct{})} }

// tell takes a STATE in. One that is older than another counts for nothing:
// hosts leave a death for the broker to publish, which may come late.
func (h *host) tell(payload []byte) error {
	var state struct {
		Online    *bool   `json:"online"`
		Timestamp *uint64 `json:"timestamp"`
	}
	if err := json.Unmarshal(payload, &state); err != nil {
		return fmt.Errorf("STATE of %s: %w", h.id, err)
	}
	if state.Online == nil || state.Timestamp == nil {
		return fmt.Errorf("STATE of %s: online or timestamp is missing", h.id)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if *state.Timestamp < h.at {
		return nil
	}
	h.online, h.at = *state.Online, *state.Timestamp
	h.heard++
	close(h.change)
	h.change = make(chan struct{})
	return nil
}

// look returns whether the host is online, how many STATEs were heard, and a
// channel that is closed with the next.
func (h *host) look() (online bool, heard uint64, change <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.online, h.heard, h.change
}

// await waits until the host is online.
func (h *host) await(ctx context.Context, lost <-chan struct{}) error {
	for {
		online, _, change := h.look()
		if online {
			return nil
		}
		select {
		case <-change:
		case <-lost:
			return fmt.Errorf("wait for host %q: the connection was lost", h.id)
		case <-ctx.Done():
			return fmt.Errorf("wait for host %q: not online, so nothing is sent; wait for it, or check primary_host: %w", h.id, ctx.Err())
		}
	}
}

// hear waits for a STATE after the first before, and tells whether it was good.
func (h *host) hear(ctx context.Context, before uint64, lost <-chan struct{}) error {
	for {
		online, heard, change := h.look()
		if heard > before {
			if !online {
				return errOffline
			}
			return nil
		}
		select {
		case <-change:
		case <-lost:
			return errors.New("the connection was lost")
		case <-ctx.Done():
			return fmt.Errorf("the broker does not say whether host %q is online: %w", h.id, ctx.Err())
		}
	}
}
