package buffer

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Sizes of what goes to the journal.
const (
	frameLimit  = 4000 // rows of a frame at most, but for one instant
	bookNotices = 200  // the newest notices, in books
)

// store is the buffer's directory: the journal takes every commit with one
// write and one flush, segments take what stays long, and state.db the books now
// and then. One goroutine writes; those who read hold the buffer's lock.
type store struct {
	dir      string
	readOnly bool
	half     int   // size of a half of a new journal
	sparse   int   // a full half with fewer rows is moved, not sealed
	maxSize  int64 // of all segments
	minFree  int64 // bytes that a seal leaves free
	log      *slog.Logger

	disk     *disk // nil until the first commit
	journal  *journal
	segments *segments

	broken   error                 // why the files could not be opened for writing, or nil
	readable bool                  // then: but for reading they could
	unread   bool                  // then: nor could they when the agent started
	started  bool                  // the journal is free to be written over
	live     []blockRef            // in the journal, with rows that no segment has
	index    map[string][]blockRef // the blocks of the segments
	doubt    map[string][]blockRef // of segments that an error befell: what was in them before
	table    map[uint32]*agent.Datastream
	notices  []agent.Notice // all, as last committed
	carry    []Refusal      // of the last run's state.db
	behind   bool           // state.db lacks something that is only in the journal
	saved    time.Time      // when it was last written
	out      frames
	reader   reader // of the goroutine that writes
}

// commitRows returns how many rows are committed at a time: so many that they
// fit half of a half.
func (s *store) commitRows() int {
	if s.journal == nil || s.journal.halfSize == 0 {
		return maxHalf / 2 / maxRow
	}
	return s.journal.halfSize / 2 / maxRow
}

// fitting returns the newest of rows that fit half of the reserve.
func (s *store) fitting(rows []row) []row {
	var c rowCodec
	for len(rows) > 0 && len(c.appendRows(nil, rows)) > s.journal.halfSize/16 {
		rows = rows[(len(rows)+3)/4:]
	}
	return slices.Clone(rows)
}

// write makes a commit durable, after start.
func (s *store) write(c *commit) error {
	if s.broken != nil {
		return s.broken
	}
	for _, ds := range c.streams {
		s.table[ds.ID] = ds
	}
	s.notices = c.all
	rolled := s.journal.at == 0 // it is the first of its half
	full := c.full() || rolled
	s.behind = s.behind || full
	s.out.reset()
	large, err := s.encode(c, full)
	if err == nil && !s.journal.fits(&s.out, s.reserve(c)) {
		large, err = s.roll(c)
		rolled = true
	}
	if err != nil {
		return err
	}
	at, err := s.journal.write(&s.out)
	if err != nil {
		return err
	}
	s.live = append(s.live, s.place(c, at)...)
	if rolled || large || c.state.Clean || s.due(c) {
		if err := s.save(c, c.state); err != nil {
			return err
		}
	}
	if rolled || len(c.gone) > 0 {
		return s.unlink(c.lack)
	}
	return nil
}

// reserve is what a commit leaves of a half for one that makes room on a full
// disk.
func (s *store) reserve(c *commit) int {
	if c.drops {
		return 0
	}
	return s.journal.halfSize / 8
}

// books returns all books with a state.
func (s *store) books(of state) books {
	streams := slices.SortedFunc(maps.Values(s.table), func(x, y *agent.Datastream) int { return int(x.ID) - int(y.ID) })
	return books{formatVersion, of, streams, s.notices}
}

// due tells whether state.db is to be written though nothing else asks for it.
func (s *store) due(c *commit) bool {
	return len(c.refused) >= refusedRows || (s.behind || len(c.refused) > 0) && time.Since(s.saved) > checkpointEvery
}

// save writes state.db: a new file, when it is the first time. There is nothing
// to write before the first commit.
func (s *store) save(c *commit, of state) (err error) {
	if of.Commit == 0 {
		return nil
	}
	if s.disk == nil {
		s.disk, err = createDisk(s.dir, s.books(of), append(s.carry, c.refused...))
	} else {
		err = s.disk.write(s.books(of), c.refused)
	}
	if err == nil {
		s.carry, s.behind, s.saved, c.saved = nil, false, time.Now(), true
	}
	return err
}

// encode makes frames of a commit: rows first, the books last. Those, or what
// changed in them, may be so large that only state.db can have them: then the
// frames have rows that do not count before it has.
func (s *store) encode(c *commit, full bool) (large bool, err error) {
	last := c.delta()
	if full {
		all := s.books(c.state)
		all.Notices = all.Notices[max(0, len(all.Notices)-bookNotices):]
		if last.books, err = json.Marshal(all); err != nil {
			return false, err
		}
	}
	if large = last.size() > s.journal.halfSize/8; large {
		last = &frame{kind: frameRows, epoch: last.epoch, commit: last.commit}
	}
	parts := cut(c.rows, frameLimit, c.state.Epochs)
	for i, rows := range parts {
		if i == len(parts)-1 {
			last.rows = rows
			break
		}
		s.addRows(rows, c)
	}
	s.out.add(last, s.journal.unit)
	return large, nil
}

func (s *store) addRows(rows []row, c *commit) {
	s.out.add(&frame{
		kind: frameRows, epoch: epochAt(c.state.Epochs, rows[0].Seq), commit: c.state.Commit, rows: rows,
	}, s.journal.unit)
}

// cut cuts rows into parts of about limit, between instants and between epochs.
func cut(rows []row, limit int, epochs []epochState) (parts [][]row) {
	for len(rows) > 0 {
		n := len(rows)
		for _, e := range epochs {
			if i := sortedSeq(rows, e.From); i > 0 {
				n = min(n, i)
			}
		}
		part := whole(rows[:n], limit, true)
		parts = append(parts, part)
		rows = rows[len(part):]
	}
	return parts
}

// place notes where the rows of the commit are.
func (s *store) place(c *commit, at []place) (fresh []blockRef) {
	for i, part := range s.out.rows {
		for _, r := range part {
			fresh = append(fresh, blockRef{first: r.From, last: r.To, at: at[i]})
		}
	}
	c.added = append(c.added, fresh...)
	return fresh
}

// unlink removes the segments in which no city lacks anything, also those that
// hold nothing but what another holds too.
func (s *store) unlink(lack ranges) error {
	var errs []error
	for name, refs := range s.index {
		if !slices.ContainsFunc(refs, func(r blockRef) bool { return len(lack.between(r.first, r.last)) > 0 }) {
			delete(s.index, name)
			errs = append(errs, s.segments.unlink(name))
		}
	}
	return errors.Join(errs...)
}

// rows returns the rows of a block.
func (s *store) rows(ref blockRef, r *reader, streams map[uint32]*agent.Datastream, into []row) ([]row, error) {
	if s.broken != nil && !s.readable {
		return nil, s.broken
	}
	var err error
	if ref.segment == "" {
		into, err = r.frame(s.journal, ref.at, streams, into)
	} else {
		into, err = r.block(s.segments, ref, streams, into)
	}
	if err != nil {
		return nil, fmt.Errorf("rows from %d: %w", ref.first, err)
	}
	return into[sortedSeq(into, ref.first):sortedSeq(into, ref.last+1)], nil
}

// spoil notes that a block cannot be read: its segment is never deleted.
func (s *store) spoil(ref blockRef) {
	s.segments.mu.Lock()
	defer s.segments.mu.Unlock()
	if ref.segment != "" {
		s.segments.spoil(ref.segment)
	}
}
