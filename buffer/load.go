package buffer

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"golang.org/x/sys/unix"
)

// load reads what is there and makes this run's books of it, in memory.
func load(o Options, readOnly bool) (*Buffer, error) {
	if o.CommitEvery == 0 {
		o.CommitEvery = time.Second
	}
	if !readOnly {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	half, err := defaults(&o)
	if err != nil {
		return nil, err
	}
	if o.half > 0 {
		half = o.half
	}
	store, c, err := openStore(&store{dir: o.Dir, half: half, sparse: o.sparse, maxSize: o.MaxSize, minFree: o.MinFree, readOnly: readOnly, log: o.Log})
	if err != nil {
		return nil, err
	}
	b := &Buffer{
		o: o, store: store, state: c.state, committed: c.state,
		kick: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
		streams: make(map[uint32]*agent.Datastream), byName: make(map[string]*agent.Datastream),
		clocks: slices.Clone(c.state.Clocks), totals: maps.Clone(c.state.Totals), resumed: make(map[uint32]bool),
		assigned: slices.Clone(c.state.Assigned), blocks: c.blocks, notices: c.notices,
	}
	b.numbers.reset()
	if b.totals == nil {
		b.totals = make(map[uint32]float64)
	}
	for _, ds := range c.streams {
		b.streams[ds.ID], b.byName[ds.Name] = ds, ds
	}
	for _, city := range c.state.Cities {
		b.cities = append(b.cities, newCursor(b, city.clone()))
	}
	b.flushed, b.next = c.state.Through, c.state.Through+1
	if readOnly {
		if !c.found {
			return nil, errors.Join(fmt.Errorf("%s: empty", o.Dir), store.close())
		}
		b.unclean = !c.state.Clean
		return b, nil
	}
	b.begin(&c)
	return b, nil
}

// clone returns a copy that shares nothing.
func (s cityState) clone() cityState {
	s.Owed, s.Delivered, s.Ledgered = slices.Clone(s.Owed), slices.Clone(s.Delivered), slices.Clone(s.Ledgered)
	return s
}

// defaults sets the sizes that follow from the file system's, and returns that
// of half a journal.
func defaults(o *Options) (half int, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(o.Dir, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", o.Dir, err)
	}
	size := int64(s.Blocks) * int64(s.Bsize)
	if o.MaxSize == 0 {
		o.MaxSize = min(512<<20, size/2)
	}
	if o.MinFree == 0 {
		o.MinFree = min(max(16<<20, size/50), size/4)
	}
	return int(max(64<<10, min(maxHalf, size/32, o.MaxSize/8))), nil
}

// free returns the bytes that are free on the buffer's file system.
func (b *Buffer) free() (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(b.o.Dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// begin starts a run: numbers, epoch, boot, cities.
func (b *Buffer) begin(c *content) {
	s := &b.state
	b.unclean, b.first = c.found && !s.Clean, !c.found
	if b.unclean {
		b.skipWindow()
	}
	if c.found && c.damaged {
		// Of what is not found, the ids may have been used.
		s.Stream = max(s.Stream, 1<<16)
		for id := range b.streams {
			s.Stream = max(s.Stream, id+1<<16)
		}
	}
	copied := false // and what it was copied from goes on, or went on
	if j := b.store.journal; j != nil && !b.o.copied {
		copied = s.Home != "" && s.Home != j.home
		s.Home = j.home
	}
	if n := len(s.Epochs); n == 0 || s.Epochs[n-1].Thing != b.o.Thing || c.damaged || copied {
		b.startEpoch()
	}
	if s.Boot == 0 || s.BootID != b.o.BootID || b.o.BootID == "" {
		s.Boot++
		if c.found && c.damaged {
			s.Boot += 1 << 16 // of what is not found, the numbers may have been used
		}
		s.BootID = b.o.BootID
	}
	b.adopt(c.rebuilt)
	missing := b.lacking(1, b.next-1)
	for _, ref := range b.blocks {
		missing.remove(ref.first, ref.last)
	}
	b.lose(missing, "damaged: not in the log", nil)
}

// skipWindow leaves out all Seqs that the last run may have used, and says so.
func (b *Buffer) skipWindow() {
	b.next = max(b.state.Reserved, b.state.Through) + seqSkip
	b.flushed = b.next - 1
	if mutant == forgetWindow {
		return
	}
	b.notice(agent.Notice{
		Kind: agent.NoticeWindow, From: b.state.Through + 1, To: b.next - 1, Cause: "unclean stop",
	})
}

// nobody is the name of the city that is there while none is configured: what is
// recorded then is kept for the one to come.
const nobody = ""

// adopt matches the cursors with the configured cities: new ones begin, those
// that left are parked, those that came back go on. After the books were made
// anew, all begin with all that there is.
func (b *Buffer) adopt(rebuilt bool) {
	var kept ranges
	if c := b.cursor(nobody); c != nil {
		kept = c.waiting(1, b.next-1)
	}
	lacking := b.lacking(1, b.next-1)
	for _, c := range b.cities {
		configured := slices.ContainsFunc(b.o.Cities, func(o City) bool { return o.Name == c.s.Name })
		if c.parked = !configured; c.parked {
			c.s.Owed.remove(b.next, forever)
			continue
		}
		if !c.s.Owed.contains(forever) {
			c.s.Owed.union(kept)
		}
		c.s.Owed.add(b.next, forever)
	}
	for _, o := range b.o.Cities {
		if b.cursor(o.Name) != nil {
			continue
		}
		owed := ranges{{From: b.next, To: forever}}
		if o.From != FromNow || rebuilt {
			owed.union(lacking)
		}
		b.cities = append(b.cities, newCursor(b, cityState{Name: o.Name, Owed: owed}))
	}
	b.adoptNobody(kept)
	slices.SortFunc(b.cities, func(x, y *Cursor) int { return cmp.Compare(x.s.Name, y.s.Name) })
}

// adoptNobody lets nobody come or go.
func (b *Buffer) adoptNobody(kept ranges) {
	b.cities = slices.DeleteFunc(b.cities, func(c *Cursor) bool { return c.s.Name == nobody })
	if len(b.o.Cities) == 0 {
		kept.add(b.next, forever)
		b.cities = append(b.cities, newCursor(b, cityState{Name: nobody, Owed: kept}))
	}
}

// startEpoch begins a new epoch with the next Seq. No Seq of it was ever used,
// so none needs to be reserved on flash.
func (b *Buffer) startEpoch() {
	var random [8]byte
	rand.Read(random[:]) // never fails
	epoch := agent.Epoch(binary.BigEndian.Uint64(random[:]))
	// Not append in place: a commit under way has the old slice.
	b.state.Epochs = append(slices.Clone(b.state.Epochs), epochState{epoch.String(), b.o.Thing, b.next})
	b.state.Reserved = b.next + seqReserve
}
