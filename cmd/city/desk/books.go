package desk

import (
	"fmt"
	"maps"
	"os"
	"slices"
)

// Books says whether all that a thing owes is accounted for.
type Books struct {
	Thing  string    `json:"thing"`
	Epochs []Account `json:"epochs"`
	Closed bool      `json:"closed"` // there are epochs, and all are
}

// An Account compares what was received of one epoch with what the gateway
// says of it. Of the Seqs from Since to AcceptedTo, each one is received,
// ledgered, windowed or missing.
type Account struct {
	Epoch      string  `json:"epoch"`
	Since      uint64  `json:"since"`       // the first Seq the city is owed
	AcceptedTo uint64  `json:"accepted_to"` // the last, by the newest heartbeat
	Received   uint64  `json:"received"`    // distinct keys, all there are
	Duplicates uint64  `json:"duplicates"`
	Ledgered   uint64  `json:"ledgered"` // not received, and a loss notice says why
	Windowed   uint64  `json:"windowed"` // not received, and in the window of an unclean stop: never accepted
	Waiting    uint64  `json:"waiting"`  // that the gateway still had to send, by the newest heartbeat
	Missing    []Range `json:"missing"`  // none of these
	Lost       uint64  `json:"lost"`     // how many of the missing cannot be waiting
	Closed     bool    `json:"closed"`
	Verdict    string  `json:"verdict"`
}

// books compares. Notices count for their epoch whichever thing told them: a
// gateway that was renamed tells the old epoch's under its new name.
func (t *tally) books(id string) Books {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := Books{Thing: id}
	th, ok := t.things[id]
	if !ok {
		return b
	}
	for _, name := range slices.Sorted(maps.Keys(th.epochs)) {
		if len(th.epochs[name].seqs) == 0 && t.elsewhere(id, name) {
			continue // it is in the books of the thing it was observed by
		}
		b.Epochs = append(b.Epochs, account(name, th.epochs[name], t.told(name)))
	}
	b.Closed = len(b.Epochs) > 0 && !slices.ContainsFunc(b.Epochs, func(a Account) bool { return !a.Closed })
	return b
}

// elsewhere tells whether another thing has observations of the epoch.
func (t *tally) elsewhere(id, epoch string) bool {
	for other, th := range t.things {
		if e, ok := th.epochs[epoch]; ok && other != id && len(e.seqs) > 0 {
			return true
		}
	}
	return false
}

// A word is what notices say of an epoch.
type word struct {
	heartbeat        *Heartbeat
	ledger, windowed rangeSet
}

func (t *tally) told(epoch string) word {
	var w word
	for _, th := range t.things {
		e, ok := th.epochs[epoch]
		if !ok {
			continue
		}
		if e.heartbeat != nil && (w.heartbeat == nil || e.heartbeat.Heartbeat.AcceptedTo >= w.heartbeat.AcceptedTo) {
			w.heartbeat = e.heartbeat.Heartbeat
		}
		for _, n := range e.notices {
			set := &w.windowed
			switch n.Kind {
			case "loss":
				set = &w.ledger
			case "window":
			default:
				continue
			}
			for _, r := range n.named() {
				set.add(r)
			}
		}
	}
	return w
}

func account(name string, e *epoch, w word) Account {
	a := Account{Epoch: name, Received: e.seqs.size(), Duplicates: e.duplicates}
	var owed rangeSet
	if w.heartbeat != nil {
		a.Since, a.AcceptedTo, a.Waiting = max(w.heartbeat.Since, 1), w.heartbeat.AcceptedTo, w.heartbeat.Waiting
		owed.add(Range{a.Since, a.AcceptedTo})
	}
	left := owed.without(e.seqs)
	unexplained := left.without(w.ledger)
	missing := unexplained.without(w.windowed)
	a.Ledgered = left.size() - unexplained.size()
	a.Windowed = unexplained.size() - missing.size()
	a.Missing = append([]Range{}, missing...) // [] in JSON, not null
	n := missing.size()
	switch {
	case w.heartbeat == nil:
		a.Verdict = "open: no heartbeat yet, so nobody knows what is owed"
	case n == 0:
		a.Closed, a.Verdict = true, "closed"
	case n <= a.Waiting:
		a.Closed, a.Verdict = true, fmt.Sprintf("closed, %d waiting", n)
	default:
		a.Lost = n - a.Waiting
		a.Verdict = fmt.Sprintf("NOT CLOSED: %d lost without a word", a.Lost)
	}
	return a
}

// Verify returns the books of all things in a store, which may be in use.
func Verify(path string) ([]Books, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := newTally()
	if _, err := load(f, func(l line) { l.count(t) }); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []Books
	for _, id := range t.ids() {
		if b := t.books(id); len(b.Epochs) > 0 {
			all = append(all, b)
		}
	}
	return all, nil
}
