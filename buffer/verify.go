package buffer

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
)

// A Report is what Verify found.
type Report struct {
	Observations uint64   `json:"observations"` // that could be read
	Blocks       int      `json:"blocks"`
	Files        int      `json:"files"`
	Findings     []string `json:"findings"` // empty if the books close
}

// Verify reads all that waits and compares it with the books. The agent goes on
// meanwhile: no lock is held for longer than a city that asks for a batch holds
// it. A block that turns out to be damaged is ledgered, as it would be when a
// city asked for it; else nothing is changed.
func (b *Buffer) Verify() (Report, error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return Report{}, ErrClosed
	}
	before := b.held()
	r := Report{Blocks: before.blocks, Files: before.files, Findings: []string{}}
	var read reading
	for batch := range b.backlog(before.lacking) {
		for _, o := range batch.Observations {
			read.add(o.Seq)
		}
	}
	r.Observations = read.seqs.count()
	if _, err := b.Refused(); err != nil {
		r.find("what was refused cannot be read: %v", err)
	}
	after := b.held()
	r.compareRead(read, before, after)
	for _, c := range b.Stats().Cities {
		if c.Accepted != c.Delivered+c.Waiting+c.Ledgered {
			r.find("city %s: %d accepted, but %d delivered + %d waiting + %d ledgered",
				c.Name, c.Accepted, c.Delivered, c.Waiting, c.Ledgered)
		}
	}
	r.compareLedger(after)
	return r, nil
}

// backlog yields what can be read of a set. It is Export without the names of
// the cities, which cost more than reading.
func (b *Buffer) backlog(set ranges) iter.Seq[agent.Batch] {
	return func(yield func(agent.Batch) bool) {
		all := newCursor(b, cityState{Owed: set})
		for {
			batch := all.Backlog(exportRows)
			if len(batch.Observations) == 0 || !yield(batch) {
				return
			}
		}
	}
}

func (r *Report) find(format string, args ...any) {
	r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
}

// held is what the books say at one moment.
type held struct {
	blocks, files int
	lacking       ranges            // accepted, and some city is to have it
	owed          map[string]ranges // by city
	ledgered      map[string]ranges
	ledger        []agent.Notice
}

func (b *Buffer) held() held {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := held{
		blocks: len(b.blocks), files: 2, // the journal and the books
		lacking:  b.lacking(1, b.next-1).minus(b.pending()),
		owed:     make(map[string]ranges),
		ledgered: make(map[string]ranges),
		ledger:   slices.Clone(b.notices),
	}
	for i, ref := range b.blocks {
		if ref.segment != "" && (i == 0 || ref.segment != b.blocks[i-1].segment) {
			h.files++
		}
	}
	for _, c := range b.cities {
		h.owed[c.s.Name] = slices.Clone(c.s.Owed)
		h.ledgered[c.s.Name] = slices.Clone(c.s.Ledgered)
	}
	return h
}

// reading is what Export yielded.
type reading struct {
	seqs  ranges
	last  uint64
	twice ranges // or not in order
}

func (r *reading) add(seq uint64) {
	if seq <= r.last {
		r.twice.add(seq, seq)
	}
	r.last = max(r.last, seq)
	r.seqs.add(seq, seq)
}

// compareRead looks for what waits and was not read, once each. What was settled
// between before and after need not have been.
func (r *Report) compareRead(read reading, before, after held) {
	known := uint64(0)
	if n := len(before.ledger); n > 0 {
		known = before.ledger[n-1].ID
	}
	for _, n := range after.ledger {
		if n.ID > known && n.Kind == agent.NoticeLoss && strings.HasPrefix(n.Cause, "damaged") {
			r.find("%d observations from %d to %d cannot be read, and are now in the ledger: %s", n.Count, n.From, n.To, n.Cause)
		}
	}
	for _, x := range before.lacking.and(after.lacking).minus(read.seqs) {
		r.find("%d observations from %d to %d wait and cannot be read", x.To-x.From+1, x.From, x.To)
	}
	for _, x := range read.twice {
		r.find("%d to %d wait twice", x.From, x.To)
	}
}

// compareLedger looks for what is ledgered without an entry, and for entries
// without what they say.
func (r *Report) compareLedger(h held) {
	told := make(map[string]ranges)
	for _, n := range h.ledger {
		if n.Kind != agent.NoticeLoss {
			continue
		}
		lost := lossOf(n)
		if lost.count() != n.Count || len(lost) > 0 && (lost[0].From != n.From || lost[len(lost)-1].To != n.To) {
			r.find("ledger entry %d: %d observations from %d to %d, but its numbers are %v", n.ID, n.Count, n.From, n.To, lost)
		}
		for _, name := range n.Cities {
			all := told[name]
			all.union(lost)
			told[name] = all
		}
		// Which of several cities lacked what, an entry does not say.
		if len(n.Cities) == 1 && !h.forgotten(n.Cities[0], n.ID) {
			name := n.Cities[0]
			if missing := lost.and(h.owed[name]).minus(h.ledgered[name]); len(missing) > 0 {
				r.find("ledger entry %d names %d observations that are not ledgered for %s", n.ID, missing.count(), name)
			}
		}
	}
	for name, ledgered := range h.ledgered {
		if missing := ledgered.minus(told[name]); len(missing) > 0 {
			r.find("city %s: %d observations from %d on are ledgered without an entry", name, missing.count(), missing[0].From)
		}
	}
}

// lossOf returns the Seqs that a ledger entry is about.
func lossOf(n agent.Notice) ranges {
	if len(n.Ranges) == 0 {
		return ranges{{From: n.From, To: n.To}}
	}
	var all ranges
	for _, x := range n.Ranges {
		all.add(x.From, x.To)
	}
	return all
}

// forgotten tells whether a city was forgotten in a ledger entry or after it: its
// books of that time are gone.
func (h held) forgotten(city string, entry uint64) bool {
	return slices.ContainsFunc(h.ledger, func(n agent.Notice) bool {
		return n.ID >= entry && n.Cause == "forgotten" && slices.Contains(n.Cities, city)
	})
}
