package buffer

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Where a new city starts.
const (
	FromOldest = "oldest" // with all that is still in the log
	FromNow    = "now"    // with what is recorded from now on
)

// Sizes and times.
const (
	seqReserve      = 1 << 22          // Seqs that may be assigned before the next commit
	seqSkip         = 1 << 16          // Seqs left out after an unclean stop
	maxInstant      = 500              // results of one instant: more are several, or they would fit no half
	exportRows      = 2048             // rows that are exported at a time
	keepRows        = 4096             // rows kept in memory for the live lanes
	maxPendingRows  = 100_000          // rows kept in memory while the disk takes nothing
	settleEvery     = time.Second      // cursors that moved in the log are durable after
	settleRows      = 10_000           // or after as many observations
	countEvery      = 10 * time.Second // a changed count is durable after
	checkpointEvery = 5 * time.Minute  // anything else is durable after
	retryAfter      = time.Second      // a commit that failed is tried again after
)

// Options are the configuration of a buffer. Dir and Thing are required.
type Options struct {
	Dir         string
	Thing       string        // the thing's id: another one starts a new epoch
	Cities      []City        // who is to have the observations
	CommitEvery time.Duration // the loss window; 0 means 1 s
	Strict      bool          // commit before anything is sent
	MaxSize     int64         // bytes of the log at most; 0 means min(512 MB, half of the file system)
	MinFree     int64         // bytes left free on the file system; 0 means max(16 MB, 2 % of it)
	WriteBudget int64         // bytes a day that may be written: what is pending waits longer, a minute at most, to keep it; 0 is none
	BootID      string        // the kernel's; another one is another boot, and so is each start without one
	Witness     io.Writer     // told what is recorded and accepted as it becomes true; may be nil
	Log         *slog.Logger

	half, sparse int    // sizes of the journal, in tests
	root         string // where proc and sys are; "" means "/"
	copied       bool   // a copy of the directory is to be the same, in tests
}

// City is a city as the buffer knows it.
type City struct {
	Name string
	From string // FromOldest or FromNow; "" means FromOldest
}

// Buffer keeps observations. It implements agent.Recorder.
type Buffer struct {
	o     Options
	store *store

	meter   *meter        // nil while inspected
	writing sync.Mutex    // held to write: before mu, if both are
	kick    chan struct{} // for the committer: look at the clock again
	quit    chan struct{}
	done    chan struct{}

	mu        sync.Mutex
	reader    reader
	committed state // as it is on flash
	state     state // likewise, but for epochs and notices that are newer
	streams   map[uint32]*agent.Datastream
	byName    map[string]*agent.Datastream
	newStream []*agent.Datastream // not on flash yet
	numbers   numbering
	newest    []newest // by those numbers
	totals    map[uint32]float64
	resumed   map[uint32]bool // Count datastreams that had a value in this run
	counted   time.Time       // when a count changed that is not on flash, or zero
	unclean   bool            // the last stop was
	first     bool            // there was none

	next     uint64 // the next Seq
	clocks   []clockState
	alarms   ranges // Seqs of the instants of this run that have an alarm
	heldFrom uint64 // Seqs from here on are kept back from the cities, or 0
	flushed  uint64 // what is pending has a higher Seq
	scratch  []row  // of the commit under way
	tail     []row  // in memory, in Seq order: all that is pending, and some before
	early    ranges // accepted Seqs after flushed: every city has them
	assigned ranges // accepted Seqs, and pending ones
	blocks   []blockRef
	cities   []*Cursor // configured and parked
	notices  []agent.Notice
	refused  []Refusal  // not on flash yet
	dropped  []blockRef // taken out of the log, with a ledger entry
	carry    []row      // what stays of them, until the next commit
	settled  int        // observations settled in the log since the last commit
	settleAt time.Time  // the first of them
	moved    time.Time  // when anything changed that is not on flash, or zero
	failing  error      // why the disk takes nothing, or nil
	retryAt  time.Time
	commits  uint64
	attempt  uint64        // the number of the last commit that was tried, in the file's count
	busy     time.Time     // when the commit under way began, or zero
	wakes    time.Time     // when the committer looks at the clock again
	every    time.Duration // how long a pending observation may wait for it, as it last knew
	closed   bool
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("the buffer is closed")

// Open opens the buffer in o.Dir, or makes one. A file that cannot be read is
// set aside and a new one begun; one that a newer version wrote is an error.
func Open(o Options) (*Buffer, error) {
	b, err := load(o, false)
	if err != nil {
		return nil, fmt.Errorf("buffer: %w", err)
	}
	b.meter = newMeter(b.o)
	// The new state is on flash before the first Seq is assigned: from here on a
	// stop is unclean until Close says otherwise. While the disk takes nothing,
	// an epoch that only memory knows keeps the keys unique.
	if err := b.commit(false); err != nil {
		b.startEpoch()
	}
	debug.FreeOSMemory() // reading all there is takes more than it leaves
	go b.run()
	return b, nil
}

// Inspect opens the buffer of an agent that does not run, for reading only.
func Inspect(dir string) (*Buffer, error) {
	b, err := load(Options{Dir: dir, Log: slog.New(slog.DiscardHandler)}, true)
	if err != nil {
		return nil, fmt.Errorf("buffer: %w", err)
	}
	close(b.done)
	return b, nil
}

// Close commits what is pending and closes the file.
func (b *Buffer) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.mu.Unlock()
	if b.store.readOnly {
		return b.store.close()
	}
	close(b.quit)
	<-b.done
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := errors.Join(b.commit(true), b.store.close()); err != nil {
		return fmt.Errorf("buffer: close: %w", err)
	}
	return nil
}

// Datastream implements agent.Recorder.
func (b *Buffer) Datastream(want agent.Datastream) (*agent.Datastream, error) {
	if want.Name == "" {
		return nil, errors.New("datastream without a name")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	return b.datastream(want), nil
}

// datastream returns the datastream that is as wanted but for its id.
func (b *Buffer) datastream(want agent.Datastream) *agent.Datastream {
	if ds := b.byName[want.Name]; ds != nil {
		want.ID = ds.ID
		if *ds == want {
			return ds
		}
	}
	// Any other field makes it another datastream, unless it was that before.
	for _, ds := range b.streams {
		if want.ID = ds.ID; *ds == want {
			b.byName[ds.Name] = ds
			return ds
		}
	}
	want.ID = b.state.Stream + 1
	for id := range b.streams {
		want.ID = max(want.ID, id+1)
	}
	ds := &want
	b.streams[ds.ID], b.byName[ds.Name] = ds, ds
	b.newStream = append(b.newStream, ds)
	b.touch()
	return ds
}

// Last implements agent.Recorder.
func (b *Buffer) Last(ds *agent.Datastream) (total float64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	total, ok = b.totals[ds.ID]
	return total, ok
}

// Boot returns the number of this boot of the machine, from 1.
func (b *Buffer) Boot() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.Boot
}

// epochOf returns the epoch a Seq belongs to, and its last Seq.
func (b *Buffer) epochOf(seq uint64) (epoch agent.Epoch, last uint64) {
	for _, e := range slices.Backward(b.state.Epochs) {
		if e.From <= seq {
			break
		}
		last = e.From
	}
	return epochAt(b.state.Epochs, seq), last - 1 // forever, if there is none after
}

// witness writes a line for each range, by epoch.
func (b *Buffer) witness(what string, set ranges) {
	if b.o.Witness == nil {
		return
	}
	for _, r := range set {
		for from := r.From; from <= r.To; {
			epoch, last := b.epochOf(from)
			to := min(r.To, last)
			fmt.Fprintf(b.o.Witness, "%s %s %d-%d\n", what, epoch, from, to)
			from = to + 1
		}
	}
}
