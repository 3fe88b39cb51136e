package buffer

import (
	"iter"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Stats are the books at one moment. For each city
// Accepted = Delivered + Waiting + Ledgered.
type Stats struct {
	Epoch      string      `json:"epoch"`
	Accepted   uint64      `json:"accepted"`    // safe from a power cut, or with every city
	Pending    uint64      `json:"pending"`     // recorded and not yet accepted
	AcceptedTo uint64      `json:"accepted_to"` // nothing up to this Seq is pending
	LossWindow string      `json:"loss_window"` // how old a pending observation may get; "ram" while the disk takes nothing
	Cities     []CityStats `json:"cities"`
	// CommitEvery is how long a pending observation waits for its commit at
	// present, and Stretched says why that is longer than configured, if it is.
	CommitEvery string `json:"commit_every"`
	Stretched   string `json:"stretched,omitempty"`
	LogBytes    int64  `json:"log_bytes"`
	Commits     uint64 `json:"commits"` // since the start
	LastStop    string `json:"last_stop"`
	Failing     string `json:"failing,omitempty"` // why the disk takes nothing
	Wear        *Wear  `json:"wear,omitempty"`    // of the running agent
}

// CityStats are the books of one city.
type CityStats struct {
	Name      string    `json:"name"`
	Parked    bool      `json:"parked,omitempty"` // not configured any more
	Since     uint64    `json:"since"`            // the first Seq it is owed
	Accepted  uint64    `json:"accepted"`         // of what it is owed
	Delivered uint64    `json:"delivered"`
	Waiting   uint64    `json:"waiting"`
	Ledgered  uint64    `json:"ledgered"`
	Oldest    time.Time `json:"oldest,omitzero"` // time of the oldest waiting observation
}

// Stats returns the books.
func (b *Buffer) Stats() Stats {
	every, why, wear := b.meter.inForce(b.o.CommitEvery)
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.next - 1
	pending := b.pending()
	accepted := b.assigned.minus(pending)
	epoch, _ := b.epochOf(last + 1)
	s := Stats{
		Epoch: epoch.String(), Accepted: accepted.count(), Pending: pending.count(),
		AcceptedTo: last, LossWindow: every.String(), LogBytes: b.store.segments.size(),
		Commits: b.commits, LastStop: b.lastStop(),
		CommitEvery: every.String(), Stretched: why, Wear: wear,
	}
	if len(pending) > 0 {
		s.AcceptedTo = pending[0].From - 1
	}
	if b.failing != nil {
		s.LossWindow, s.Failing = "ram", b.failing.Error()
	}
	for _, c := range b.cities {
		if c.s.Name != nobody {
			s.Cities = append(s.Cities, c.stats(accepted))
		}
	}
	return s
}

func (b *Buffer) lastStop() string {
	switch {
	case b.unclean:
		return "unclean"
	case b.first:
		return "first"
	}
	return "clean"
}

func (c *Cursor) stats(accepted ranges) CityStats {
	owed := c.s.Owed.and(accepted)
	waiting := owed.minus(c.s.Delivered).minus(c.s.Ledgered)
	s := CityStats{
		Name: c.s.Name, Parked: c.parked, Accepted: owed.count(),
		Delivered: owed.and(c.s.Delivered).count(), Ledgered: owed.and(c.s.Ledgered).count(), Waiting: waiting.count(),
	}
	if len(c.s.Owed) > 0 {
		s.Since = c.s.Owed[0].From
	}
	if len(waiting) > 0 && c.oldest.Seq != waiting[0].From {
		if rows, err := c.read(waiting[0].From, waiting[0].From); err == nil && len(rows) > 0 {
			c.oldest = rows[0].Observation
		}
	}
	if len(waiting) > 0 && c.oldest.Seq == waiting[0].From {
		s.Oldest = c.oldest.Time
	}
	return s
}

// Heartbeat returns how the books stand for the city.
func (c *Cursor) Heartbeat() agent.Notice {
	s := c.b.Stats()
	free, _ := c.b.free() // 0 if it is not known
	now := time.Now().UTC().Truncate(time.Millisecond)
	epoch, _ := agent.ParseEpoch(s.Epoch)
	n := agent.Notice{Kind: agent.NoticeHeartbeat, Time: now, Epoch: epoch, Heartbeat: &agent.Heartbeat{
		AcceptedTo: s.AcceptedTo, Pending: s.Pending, FreeBytes: free, LastStop: s.LastStop,
	}}
	for _, x := range s.Cities {
		if x.Name == c.s.Name {
			n.Heartbeat.Waiting, n.Heartbeat.Oldest = x.Waiting, x.Oldest
			n.Heartbeat.Since = max(x.Since, c.b.epochStart())
		}
	}
	return n
}

// epochStart returns the first Seq of the current epoch.
func (b *Buffer) epochStart() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.Epochs[len(b.state.Epochs)-1].From
}

// A Waiting observation is one that some city lacks.
type Waiting struct {
	Epoch  agent.Epoch
	Cities []string
	agent.Observation
}

// Export yields all waiting observations in Seq order, as they are now.
func (b *Buffer) Export() iter.Seq[Waiting] {
	return func(yield func(Waiting) bool) {
		// A cursor of its own, that is owed what any city lacks.
		b.mu.Lock()
		all := newCursor(b, cityState{Owed: b.lacking(1, b.next-1)})
		b.mu.Unlock()
		for {
			batch := all.Backlog(exportRows)
			if len(batch.Observations) == 0 {
				return
			}
			first, last := batch.Observations[0].Seq, batch.Observations[len(batch.Observations)-1].Seq
			names, lacks := b.lackedBy(first, last)
			for _, o := range batch.Observations {
				var cities []string
				for i, lack := range lacks {
					if lack.contains(o.Seq) {
						cities = append(cities, names[i])
					}
				}
				if !yield(Waiting{batch.Epoch, cities, o}) {
					return
				}
			}
		}
	}
}

// lackedBy returns the names of the cities, and what each lacks of the Seqs from
// from to to.
func (b *Buffer) lackedBy(from, to uint64) (names []string, lacks []ranges) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.cities {
		if c.s.Name != nobody {
			names, lacks = append(names, c.s.Name), append(lacks, c.waiting(from, to))
		}
	}
	return names, lacks
}

// Busy returns how long the commit under way has taken, or 0.
func (b *Buffer) Busy() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy.IsZero() {
		return 0
	}
	return time.Since(b.busy)
}

// Refused returns the observations that cities will never take, and that are
// kept for people, with the reasons.
func (b *Buffer) Refused() ([]Refusal, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, all, err := readDisk(b.o.Dir)
	return append(all, b.refused...), err
}
