package buffer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lamppost-city/lamppost/agent"
	"go.etcd.io/bbolt"
)

// A sealer adds blocks to the newest segment, in one transaction.
type sealer struct {
	s    *segments
	all  *bbolt.Bucket
	refs []blockRef
}

// seal calls fill with a sealer and commits what that adds. A segment that is
// full is closed, and one that an error befell is not written to again. The
// books are for those who find nothing but the segment.
func (s *segments) seal(epoch agent.Epoch, first uint64, b books, fill func(*sealer) error) (refs []blockRef, err error) {
	fresh := s.writer == nil
	if fresh {
		if err := s.create(epoch, first); err != nil {
			return nil, err
		}
	}
	name := s.newest
	err = s.update(b, func(x *sealer) error {
		defer func() { refs = x.refs }()
		return fill(x)
	})
	if err != nil {
		err = errors.Join(err, s.abandon())
		if fresh { // nothing of it counts, and there may be one a second
			return nil, errors.Join(err, os.Remove(filepath.Join(s.dir, name)))
		}
		s.doubted = append(s.doubted, name)
		return nil, err
	}
	s.mu.Lock()
	s.weigh(name)
	full := s.sizes[name] >= s.limit
	if name == s.name {
		s.spots = nil // it may have moved what it had
	}
	s.mu.Unlock()
	if full {
		err = s.finish()
	}
	return refs, err
}

// update does the transaction. A fault of the card under bbolt's map is an error.
func (s *segments) update(b books, fill func(*sealer) error) (err error) {
	defer rescue(&err)()
	return s.writer.Update(func(tx *bbolt.Tx) error {
		all, err := tx.CreateBucketIfNotExists(bucketBlocks)
		if err != nil {
			return err
		}
		if err := writeTable(tx, b); err != nil {
			return err
		}
		return fill(&sealer{s: s, all: all})
	})
}

// writeTable writes the books when the segment is new, and when there are other
// datastreams than it says.
func writeTable(tx *bbolt.Tx, b books) error {
	table, err := tx.CreateBucketIfNotExists(bucketTable)
	if err != nil {
		return err
	}
	if content, err := openBlob(table.Get(keyBooks), blobBooks); err == nil {
		if old, err := parseBooks(content); err == nil && len(old.Streams) == len(b.Streams) && len(old.State.Epochs) == len(b.State.Epochs) {
			return nil
		}
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return table.Put(keyBooks, appendBlob(nil, blobBooks, data))
}

// create begins a segment.
func (s *segments) create(epoch agent.Epoch, first uint64) error {
	for n := 1; ; n++ {
		name := segmentName(epoch, first, n)
		path := filepath.Join(s.dir, name)
		if _, err := os.Stat(path); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		db, err := openBolt(path)
		if err != nil {
			_ = os.Remove(path) // space is short
			return err
		}
		s.newest, s.writer = name, db
		return syncDir(s.dir)
	}
}

// add adds a block; data must not be changed until the transaction is done.
func (x *sealer) add(first, last uint64, data []byte) error {
	key := blockKey{first, last}
	b, err := x.all.CreateBucketIfNotExists(key.bytes())
	if err != nil {
		return err
	}
	x.refs = append(x.refs, blockRef{first: first, last: last, segment: x.s.newest, key: key, at: place{0, len(data)}})
	return b.Put(keyBlock, data)
}

// abandon closes the segment that is appended to, after an error.
func (s *segments) abandon() error {
	db := s.writer
	s.writer, s.newest = nil, ""
	return db.Close()
}

// finish closes the segment that is appended to.
func (s *segments) finish() error {
	if s.writer == nil {
		return nil
	}
	name := s.newest
	if err := s.abandon(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(name); err != nil {
		return err
	}
	refs, end, err := s.look(name)
	if err == nil {
		s.index(name, refs, end)
	}
	return err
}

// spoil notes that something of a segment cannot be read.
func (s *segments) spoil(name string) {
	if s.spoiled == nil {
		s.spoiled = make(map[string]bool)
	}
	s.spoiled[name] = true
}
