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
	d, c, err := openAndLoad(&o, readOnly)
	if err != nil {
		return nil, err
	}
	b := &Buffer{
		o: o, disk: d, state: c.state,
		requests: make(chan chan error), kick: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
		streams: make(map[uint32]*agent.Datastream), byName: make(map[string]*agent.Datastream),
		lastMilli: make(map[uint32]int64), totals: maps.Clone(c.state.Totals), resumed: make(map[uint32]bool),
		assigned: slices.Clone(c.state.Assigned), blocks: c.blocks, notices: c.notices,
	}
	if b.totals == nil {
		b.totals = make(map[uint32]float64)
	}
	for _, ds := range c.streams {
		b.streams[ds.ID], b.byName[ds.Name] = ds, ds
	}
	for _, ref := range b.blocks {
		b.logBytes += ref.cost()
	}
	for _, city := range c.state.Cities {
		b.cities = append(b.cities, newCursor(b, city))
	}
	b.flushed, b.next = c.state.Through, c.state.Through+1
	if readOnly {
		if !c.found {
			return nil, errors.Join(fmt.Errorf("%s: empty", d.path), d.close())
		}
		b.unclean = !c.state.Clean
		return b, nil
	}
	b.begin(c.found)
	return b, nil
}

// openAndLoad opens and reads the file. One that is damaged is set aside.
func openAndLoad(o *Options, readOnly bool) (*disk, content, error) {
	d, err := openDisk(o.Dir, readOnly)
	var c content
	if err == nil {
		if c, err = d.load(); err == nil {
			return d, c, defaults(o)
		}
	}
	if !errors.Is(err, errDamaged) || readOnly {
		return nil, c, errors.Join(err, d.close())
	}
	aside := fmt.Sprintf("%s.damaged-%d", d.path, time.Now().UnixNano())
	o.Log.Error("the buffer's file is damaged and set aside", "err", err, "file", aside)
	if err := errors.Join(d.close(), os.Rename(d.path, aside), syncDir(o.Dir)); err != nil {
		return nil, c, err
	}
	if d, err = openDisk(o.Dir, false); err != nil {
		return nil, c, err
	}
	return d, content{}, defaults(o)
}

// defaults sets the sizes that follow from the file system's.
func defaults(o *Options) error {
	var s unix.Statfs_t
	if err := unix.Statfs(o.Dir, &s); err != nil {
		return fmt.Errorf("%s: %w", o.Dir, err)
	}
	size := int64(s.Blocks) * int64(s.Bsize)
	if o.MaxSize == 0 {
		o.MaxSize = min(512<<20, size/2)
	}
	if o.MinFree == 0 {
		o.MinFree = min(max(16<<20, size/50), size/4)
	}
	return nil
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
func (b *Buffer) begin(found bool) {
	s := &b.state
	b.unclean, b.first = found && !s.Clean, !found
	if !found {
		*s = state{Version: formatVersion, Totals: map[uint32]float64{}}
	}
	if b.unclean {
		b.skipWindow()
	}
	if n := len(s.Epochs); n == 0 || s.Epochs[n-1].Thing != b.o.Thing {
		b.startEpoch()
	}
	if s.Boot == 0 || s.BootID != b.o.BootID || b.o.BootID == "" {
		s.Boot++
		s.BootID = b.o.BootID
	}
	b.adopt()
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

// adopt matches the cursors with the configured cities: new ones begin, those
// that left are parked, those that came back go on.
func (b *Buffer) adopt() {
	var back []*Cursor
	for _, c := range b.cities {
		i := slices.IndexFunc(b.o.Cities, func(o City) bool { return o.Name == c.s.Name })
		if c.parked = i < 0; c.parked {
			c.s.Owed.remove(b.next, forever)
		} else {
			if !c.s.Owed.contains(forever) {
				back = append(back, c)
			}
			c.s.Owed.add(b.next, forever)
		}
	}
	if len(back) > 0 {
		kept := b.ownerless()
		for _, c := range back {
			c.s.Owed.union(kept)
		}
	}
	for _, o := range b.o.Cities {
		if b.cursor(o.Name) != nil {
			continue
		}
		owed := ranges{{From: b.next, To: forever}}
		if o.From != FromNow {
			owed.union(b.inLog())
		}
		b.cities = append(b.cities, newCursor(b, cityState{Name: o.Name, Owed: owed}))
	}
	slices.SortFunc(b.cities, func(x, y *Cursor) int { return cmp.Compare(x.s.Name, y.s.Name) })
}

// ownerless returns the Seqs that were recorded while no city was configured,
// and kept for the one to come: also for one that comes back.
func (b *Buffer) ownerless() ranges {
	left := b.assigned
	for _, c := range b.cities {
		left = left.minus(c.s.Owed)
	}
	if len(left) == 0 {
		return nil
	}
	return left.and(b.inLog())
}

// inLog returns the Seqs that are in the log.
func (b *Buffer) inLog() ranges {
	var all ranges
	for _, ref := range slices.Clone(b.blocks) {
		rows, _ := b.readBlock(ref) // the file was opened just now
		for _, r := range rows {
			all.add(r.Seq, r.Seq)
		}
	}
	return all
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
