package desk

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Received is what a city has of one thing.
type Received struct {
	Epochs     map[string][]Range `json:"epochs"`     // the Seqs of each epoch, in rising order
	Distinct   uint64             `json:"distinct"`   // observations with different keys
	Duplicates uint64             `json:"duplicates"` // observations whose key was here already
	Notices    []Notice           `json:"notices"`    // each once; of heartbeats the newest of each epoch
	Latest     map[string]Record  `json:"latest"`     // by "sensor/property"; empty after a restart
}

// A Record is the newest observation of a datastream.
type Record struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit,omitempty"`
	Time    time.Time `json:"time"`
	Value   float64   `json:"value"`
	Quality string    `json:"quality,omitempty"`
	Epoch   string    `json:"epoch"`
	Seq     uint64    `json:"seq"`
}

// A tally counts keys. It holds ranges and the newest record of each
// datastream, so its size does not grow with what is received.
type tally struct {
	mu     sync.Mutex
	things map[string]*thing
}

// A thing is what was received of one gateway.
type thing struct {
	epochs map[string]*epoch
	latest map[string]*newest
}

// An epoch is what was received of one life of a gateway's buffer.
type epoch struct {
	seqs       rangeSet
	duplicates uint64
	notices    []Notice
	told       map[uint64]bool // ids of notices
	heartbeat  *Notice
}

// newest keeps a record as it came: most are replaced before anybody looks.
type newest struct {
	epoch string
	seq   uint64
	raw   []byte
}

func newTally() *tally { return &tally{things: map[string]*thing{}} }

// of returns the account of a thing, which it opens if it is new. The tally is
// locked.
func (t *tally) of(id string) *thing {
	th, ok := t.things[id]
	if !ok {
		th = &thing{epochs: map[string]*epoch{}, latest: map[string]*newest{}}
		t.things[id] = th
	}
	return th
}

func (th *thing) of(name string) *epoch {
	e, ok := th.epochs[name]
	if !ok {
		e = &epoch{told: map[uint64]bool{}}
		th.epochs[name] = e
	}
	return e
}

// count counts keys.
func (t *tally) count(keys []Keys) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		e := t.of(k.Thing).of(k.Epoch)
		fresh := e.seqs.add(Range{k.From, k.To})
		e.duplicates += k.To - k.From + 1 - fresh
	}
}

// show keeps the newest records of a pack.
func (t *tally) show(epoch string, entries []entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		latest := t.of(e.thing).latest
		n, ok := latest[string(e.name)]
		if !ok {
			n = &newest{}
			latest[string(e.name)] = n
		}
		if n.epoch == epoch && n.seq > e.seq {
			continue // the backlog
		}
		n.epoch, n.seq, n.raw = epoch, e.seq, append(n.raw[:0], e.raw...)
	}
}

// tell takes a notice in, unless it is known.
func (t *tally) tell(id string, n Notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.of(id).of(n.Epoch)
	switch {
	case n.Kind == "heartbeat":
		if h := e.heartbeat; h != nil && h.Heartbeat.AcceptedTo > n.Heartbeat.AcceptedTo {
			return // it came late
		}
		e.heartbeat = &n
	case n.ID != 0 && e.told[n.ID]:
	default:
		e.told[n.ID] = true
		e.notices = append(e.notices, n)
	}
}

// received returns what there is of a thing.
func (t *tally) received(id string) Received {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Received{Epochs: map[string][]Range{}, Latest: map[string]Record{}}
	th, ok := t.things[id]
	if !ok {
		return r
	}
	for _, name := range slices.Sorted(maps.Keys(th.epochs)) {
		e := th.epochs[name]
		if len(e.seqs) > 0 {
			r.Epochs[name] = slices.Clone([]Range(e.seqs))
		}
		r.Distinct += e.seqs.size()
		r.Duplicates += e.duplicates
		r.Notices = append(r.Notices, e.notices...)
		if e.heartbeat != nil {
			r.Notices = append(r.Notices, *e.heartbeat)
		}
	}
	for _, n := range th.latest {
		record := n.record()
		r.Latest[record.Name] = record
	}
	return r
}

// record reads what the scanner has found to be a record.
func (n *newest) record() Record {
	var w struct {
		Name    string  `json:"n"`
		Unit    string  `json:"u"`
		Time    float64 `json:"t"`
		Value   float64 `json:"v"`
		Quality string  `json:"q"`
	}
	_ = json.Unmarshal(n.raw, &w) // a field of another type stays empty
	return Record{
		Name: w.Name, Unit: w.Unit, Time: time.UnixMilli(int64(math.Round(w.Time * 1000))).UTC(), Value: w.Value,
		Quality: w.Quality, Epoch: n.epoch, Seq: n.seq,
	}
}

// ids returns all things, in order.
func (t *tally) ids() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.things))
}
