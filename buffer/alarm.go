package buffer

import "github.com/lamppost-city/lamppost/agent"

// maxAlarms is how many instants with an alarm are remembered. Older ones go in
// the order of their Seqs, as those of a run before.
const maxAlarms = 10_000

// alarm remembers an instant with an alarm.
func (b *Buffer) alarm(from, to uint64) {
	b.alarms.add(from, to)
	if n := len(b.alarms); n > maxAlarms {
		b.alarms = b.alarms[n-maxAlarms/2:]
	}
}

// Urgent returns up to limit observations that the city lacks of instants with an
// alarm, of this run, that are not handed out, in Seq order, or none; else it is as
// Live. After Connected(false) there are none: all goes in its order.
func (c *Cursor) Urgent(limit int) agent.Batch {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.live == forever {
		return agent.Batch{}
	}
	last := c.sendable()
	for _, r := range c.b.alarms {
		if r.From > last {
			break
		}
		if batch := c.lane(r.From, min(r.To, last), limit); len(batch.Observations) > 0 {
			return batch
		}
	}
	return agent.Batch{}
}
