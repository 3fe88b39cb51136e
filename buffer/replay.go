package buffer

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// content is what opening finds.
type content struct {
	state   state
	found   bool // there were books
	damaged bool // one of the files could not be read: keys may have been used that nobody knows
	rebuilt bool // there were none, and are again
	streams []*agent.Datastream
	blocks  []blockRef
	notices []agent.Notice
}

// openStore opens a directory. But for making a journal where there is none,
// setting aside what is damaged, and adding an index to a segment that was not
// closed, it changes nothing.
func openStore(s *store) (*store, content, error) {
	if s.sparse == 0 {
		s.sparse = sparseRows
	}
	s.segments = &segments{dir: s.dir, readOnly: s.readOnly, limit: min(segmentSize, max(s.maxSize/8, 64<<10))}
	c, err := s.serve()
	if err != nil {
		return nil, c, errors.Join(err, s.close())
	}
	return s, c, nil
}

func (s *store) close() error {
	return errors.Join(s.segments.close(), s.disk.close(), s.journal.close())
}

func (s *store) open() (c content, err error) {
	s.table, s.index = make(map[uint32]*agent.Datastream), make(map[string][]blockRef)
	frames, err := s.openJournal(&c) // first: it has the lock
	if err != nil {
		return c, err
	}
	if err := s.openBooks(&c, frames); err != nil {
		return c, err
	}
	if err := s.openSegments(&c); err != nil {
		return c, err
	}
	if !c.found {
		if err := s.rebuild(&c, frames); err != nil {
			return c, err
		}
	}
	s.notices = c.notices
	for _, ds := range c.streams {
		s.table[ds.ID] = ds
	}
	s.live = placed(frames, c.blocks, c.state.Through)
	c.blocks = sortRefs(slices.Concat(c.blocks, s.live))
	return c, nil
}

// openJournal opens the journal and returns what is in it.
func (s *store) openJournal(c *content) (all []found, err error) {
	_, err = os.Stat(filepath.Join(s.dir, journalName))
	c.damaged = errors.Is(err, os.ErrNotExist)
	s.journal, err = openJournal(s.dir, s.half, s.readOnly)
	if errors.Is(err, errDamaged) && !s.readOnly {
		s.log.Error("the journal is damaged and set aside", "err", err)
		c.damaged = true
		if err := setAside(s.journal.path); err != nil {
			return nil, err
		}
		s.journal, err = openJournal(s.dir, s.half, false)
	}
	if err != nil {
		return nil, err
	}
	return s.journal.scan()
}

// openBooks reads the newest books of state.db and the journal, and what frames
// have changed since.
func (s *store) openBooks(c *content, frames []found) error {
	newest, refused, err := readDisk(s.dir)
	if errors.Is(err, errDamaged) && !s.readOnly {
		s.log.Error("the file of the books is damaged and set aside", "err", err)
		err = setAside(filepath.Join(s.dir, fileName))
	}
	if err != nil {
		return err
	}
	s.carry = refused
	c.damaged = c.damaged || newest == nil
	slices.SortStableFunc(frames, func(x, y found) int {
		return cmp.Or(cmp.Compare(x.commit, y.commit), cmp.Compare(x.generation, y.generation))
	})
	if newest != nil {
		c.take(*newest)
	}
	for _, f := range frames {
		if len(f.books) == 0 || c.found && f.commit < c.state.Commit {
			continue
		}
		b, err := parseBooks(f.books)
		if errors.Is(err, ErrNewer) {
			return err
		}
		if err == nil {
			c.take(b)
		}
	}
	if c.found {
		c.state.replay(frames)
	}
	for _, n := range c.notices {
		c.state.Notice = max(c.state.Notice, n.ID) // they may be newer than the state
	}
	return nil
}

// take makes books those of the content. What only older ones have of
// datastreams stays, and of notices what these may have left out.
func (c *content) take(b books) {
	c.state, c.found = b.State, true
	c.merge(b.Streams)
	var older []agent.Notice
	if len(b.Notices) >= bookNotices {
		older = slices.DeleteFunc(c.notices, func(n agent.Notice) bool { return n.ID >= b.Notices[0].ID })
	}
	c.notices = append(older, b.Notices...)
}

// merge adds datastreams that are not there yet.
func (c *content) merge(streams []*agent.Datastream) {
	for _, ds := range streams {
		if !slices.ContainsFunc(c.streams, func(x *agent.Datastream) bool { return x.ID == ds.ID }) {
			c.streams = append(c.streams, ds)
		}
	}
}

// replay makes books those of the newest frame.
func (s *state) replay(frames []found) {
	start := s.Commit
	s.Totals = maps.Clone(s.Totals)
	if s.Totals == nil {
		s.Totals = make(map[uint32]float64)
	}
	for _, f := range frames {
		if f.kind != frameCommit || f.commit <= start {
			continue
		}
		if f.through > s.Through {
			s.Assigned.add(s.Through+1, f.through)
			s.Through = f.through
		}
		s.Reserved, s.Commit, s.Clean = max(s.Reserved, f.reserved), max(s.Commit, f.commit), false
		for i := range s.Cities {
			s.Cities[i].Delivered.union(f.delivered[s.Cities[i].Name])
		}
		maps.Copy(s.Totals, f.totals)
	}
}

// openSegments lists the blocks of the segments.
func (s *store) openSegments(c *content) error {
	names, err := s.segments.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		refs, ok := s.doubt[name]
		if !ok {
			refs, err = s.segments.list(name)
			if errors.Is(err, errDamaged) && !s.readOnly {
				s.log.Error("a segment is damaged and set aside", "err", err)
				if err := setAside(filepath.Join(s.dir, name)); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
		}
		s.index[name] = refs
		c.blocks = append(c.blocks, refs...)
	}
	c.blocks = sortRefs(c.blocks)
	return nil
}

// placed returns where the rows are that are in frames and in no block.
func placed(frames []found, blocks []blockRef, through uint64) (all []blockRef) {
	var seen ranges
	for _, ref := range blocks {
		seen.add(ref.first, ref.last)
	}
	for _, f := range slices.Backward(frames) { // the newest first: rows may have been moved
		for _, r := range f.seqs.minus(seen).between(1, through) {
			all = append(all, blockRef{first: r.From, last: r.To, at: f.ref})
		}
		seen.union(f.seqs)
	}
	return sortRefs(all)
}
