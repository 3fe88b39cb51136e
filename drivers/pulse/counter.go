package pulse

import (
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/drivers/gpioline"
)

// standstill is how long after the last edge the rate is 0.
const standstill = 5 * time.Minute

// counter counts the edges of a line and knows how fast they come. Only edge may
// be called from another goroutine.
type counter struct {
	total uint64
	rate  float64        // Hz, when the last edge came; 0 until there were two
	seen  gpioline.Event // the last edge that is in total; Seq 0 if there is none

	mu          sync.Mutex
	fresh       bool // there were edges since the last update: these
	first, last gpioline.Event
}

// edge takes note of an edge.
func (c *counter) edge(e gpioline.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fresh {
		c.fresh, c.first = true, e
	}
	c.last = e
}

// update adds the edges since the last update to the total. Their sequence
// numbers also count those that were lost on the way.
func (c *counter) update() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fresh {
		return
	}
	c.fresh = false
	c.total += uint64(c.last.Seq - c.seen.Seq)
	from := c.first
	if from.Seq == c.last.Seq {
		from = c.seen
	}
	if span := c.last.Time.Sub(from.Time); !from.Time.IsZero() && span > 0 {
		c.rate = float64(c.last.Seq-from.Seq) / span.Seconds()
	}
	c.seen = c.last
}

// rateNow is the rate of the last edges or, if it should have come already, the
// rate at which the next edge would come now: it cannot be higher.
func (c *counter) rateNow() float64 {
	since := time.Since(c.seen.Time)
	if c.rate == 0 || since >= standstill {
		return 0
	}
	if since <= 0 {
		return c.rate
	}
	return min(c.rate, 1/since.Seconds())
}

// restart forgets the edges, but not how many: the line counts from 1 again.
func (c *counter) restart() {
	c.rate, c.seen = 0, gpioline.Event{}
}
