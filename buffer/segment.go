package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/lamppost-city/lamppost/agent"
	"go.etcd.io/bbolt"
)

// Sizes of segments.
const (
	segmentSize   = 4 << 20 // a segment is closed when it is as large, or an eighth of max_size
	segmentSuffix = ".seg"
	asideSuffix   = ".damaged" // of a file set aside: nothing unreadable is deleted
	sealedRows    = 30_000     // rows of a sealed block, about
)

var (
	bucketBlocks = []byte("blocks") // buckets, by first and last Seq; each has one value
	bucketTable  = []byte("books")  // key "books": the books when the segment was begun
	keyBlock     = []byte("block")
)

// segments are the files of sealed blocks: of bbolt, which only appends to them,
// and read as bare bytes, since every block has its own checksum. They are
// unlinked when no city lacks anything in them.
type segments struct {
	dir      string
	readOnly bool
	limit    int64 // size of a segment

	newest  string    // the one that is appended to, or ""
	writer  *bbolt.DB // of newest
	doubted []string  // an error befell them

	mu      sync.Mutex // of what reading needs
	sizes   map[string]int64
	spoiled map[string]bool // something of it could not be read: it is never deleted
	name    string          // of the one that was read last
	file    *os.File
	spots   map[blockKey]place
}

// segmentName returns the name of the segment that begins with a Seq. It is
// never given twice: that it is the nth of this name comes last.
func segmentName(epoch agent.Epoch, first uint64, n int) string {
	return fmt.Sprintf("%s-%016x-%d%s", epoch, first, n, segmentSuffix)
}

// names returns the names of all segments.
func (s *segments) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentSuffix) {
			all = append(all, e.Name())
		}
	}
	return all, nil
}

// list returns the blocks of a segment: from its index or, if it was not closed,
// by looking.
func (s *segments) list(name string) ([]blockRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(name); err != nil {
		return nil, err
	}
	s.weigh(name)
	tail := make([]byte, 4096)
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	for range 2 {
		tail = tail[:min(int64(len(tail)), info.Size())]
		if _, err := s.file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
			break // then by looking
		}
		n := indexLength(tail)
		if n > 0 && n <= len(tail) {
			if refs, ok := parseIndex(name, tail[len(tail)-n:]); ok {
				return refs, nil
			}
		}
		if n <= len(tail) || int64(n) > info.Size() {
			break
		}
		tail = make([]byte, n)
	}
	refs, end, err := s.look(name)
	if err == nil && !s.readOnly {
		s.index(name, refs, end)
	}
	return refs, err
}

// index cuts a segment where only zeros follow and adds an index. That need not
// succeed, nor be flushed: without it the blocks are found by looking.
func (s *segments) index(name string, refs []blockRef, end int64) {
	if len(refs) == 0 || s.spoiled[name] {
		return
	}
	path := filepath.Join(s.dir, name)
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		if f.Truncate(end) == nil {
			_, _ = f.WriteAt(appendIndex(nil, refs), end)
		}
		_ = f.Close()
	}
	s.weigh(name)
}

// look finds the blocks of a segment in its bytes, and the page after which only
// zeros follow.
func (s *segments) look(name string) (refs []blockRef, end int64, err error) {
	data, missing, err := readFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, 0, err
	}
	s.spots = make(map[blockKey]place)
	broken := scanBlobs(data, func(kind byte, content []byte, at int) {
		if kind != blobBlock {
			return
		}
		if _, seqs, _, err := blockHead(content); err == nil {
			s.spots[keyOf(seqs)] = place{at, blobHeader + len(content)}
		}
	})
	if broken > 0 || missing {
		s.spoil(name)
	}
	for key, at := range s.spots {
		refs = append(refs, blockRef{first: key.first, last: key.last, segment: name, key: key, at: at})
	}
	return sortRefs(refs), int64(roundUp(len(bytes.TrimRight(data, "\x00")), pageSize)), nil
}

// open opens a segment for reading, if it is not the one that was read last.
func (s *segments) open(name string) error {
	if name == s.name {
		return nil
	}
	s.closeFile()
	f, err := os.Open(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		return err
	}
	s.name, s.file, s.spots = name, f, nil
	return nil
}

func (s *segments) closeFile() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
	}
	s.name, s.file, s.spots = "", nil, nil
}

// block returns the content of one block, as it is on flash.
func (s *segments) block(ref blockRef) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(ref.segment); err != nil {
		return nil, err
	}
	at, ok := s.spots[ref.key]
	if !ok {
		at = ref.at
	}
	if content := s.read(at, ref.key); content != nil {
		return content, nil
	}
	// A small block moves while others are added to the file.
	if _, _, err := s.look(ref.segment); err != nil {
		return nil, err
	}
	if content := s.read(s.spots[ref.key], ref.key); content != nil {
		return content, nil
	}
	s.spoil(ref.segment)
	return nil, fmt.Errorf("%s: %w: no whole block %d to %d", ref.segment, errDamaged, ref.key.first, ref.key.last)
}

// read returns the content of a block if it is whole and at a place.
func (s *segments) read(at place, key blockKey) []byte {
	if at.length < blobHeader || at.length > maxFile {
		return nil
	}
	b := make([]byte, at.length)
	if _, err := s.file.ReadAt(b, int64(at.offset)); err != nil {
		return nil
	}
	content, err := openBlob(b, blobBlock)
	if err != nil {
		return nil
	}
	if _, seqs, _, err := blockHead(content); err != nil || keyOf(seqs) != key {
		return nil
	}
	return content
}

// weigh notes what a segment takes of the disk.
func (s *segments) weigh(name string) {
	if s.sizes == nil {
		s.sizes = make(map[string]int64)
	}
	delete(s.sizes, name)
	if info, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
		s.sizes[name] = info.Sys().(*syscall.Stat_t).Blocks * 512
	}
}

// size returns what all segments take of the disk.
func (s *segments) size() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sizes {
		n += x
	}
	return n
}

// unlink removes a segment that holds nothing any more. One of which something
// could not be read is set aside.
func (s *segments) unlink(name string) error {
	var err error
	if name == s.newest {
		err = s.abandon()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == s.name {
		s.closeFile()
	}
	delete(s.sizes, name)
	path := filepath.Join(s.dir, name)
	if s.spoiled[name] {
		return errors.Join(err, setAside(path))
	}
	return errors.Join(err, os.Remove(path))
}

func (s *segments) close() error {
	err := s.finish()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeFile()
	return err
}
