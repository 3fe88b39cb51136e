package buffer

import (
	"errors"
	"time"
)

// errUnread says that the files cannot be written to, though the disk would take
// it.
var errUnread = errors.New("there are books that could not be read when the agent started; start it again")

// patience is how long a start waits for files that cannot even be read.
const patience = 1200 * time.Millisecond

// serve opens the files; if that fails, for reading: the agent never waits for a
// disk. What cannot be read either is as if it were not there, and is not
// touched in this run.
func (s *store) serve() (c content, err error) {
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) { // it may pass
		c, err = s.open()
		if err == nil || s.readOnly || errors.Is(err, ErrLocked) || errors.Is(err, ErrNewer) {
			return c, err
		}
		if c, s.readable = s.openToRead(); s.readable || time.Since(begun) > patience {
			s.broken, s.unread = err, !s.readable
			return c, nil
		}
	}
}

// openToRead opens what could not be opened for writing, and tells whether it
// can be read.
func (s *store) openToRead() (c content, ok bool) {
	_ = s.close() // the error that matters came before
	s.readOnly = true
	c, err := s.open()
	s.readOnly = false
	if err != nil {
		_ = s.close() // likewise
		return content{}, false
	}
	return c, true
}

// reopen opens everything again, after an error: what is on flash is known only
// by looking.
func (s *store) reopen() (content, error) {
	if s.readable { // then all is known; does it take something?
		again := &journal{path: s.journal.path}
		if err := errors.Join(again.open(false), again.close()); err != nil {
			return content{}, err
		}
	}
	_ = s.close() // the error that matters came before
	again := &store{
		dir: s.dir, half: s.half, sparse: s.sparse, maxSize: s.maxSize, minFree: s.minFree, log: s.log, doubt: s.doubt,
		segments: &segments{dir: s.dir, limit: s.segments.limit, spoiled: s.segments.spoiled},
	}
	c, err := again.open()
	if err != nil {
		again.broken = err
		c, again.readable = again.openToRead()
	}
	switch {
	case s.unread && (err != nil || c.found):
		again.unread, again.readable = true, false
		if err == nil {
			again.broken = errUnread
		}
		err = again.broken
	case again.readable:
		err = nil
	}
	*s = *again
	return c, err
}
