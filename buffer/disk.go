package buffer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"go.etcd.io/bbolt"
)

// formatVersion is that of the files this package writes; see FORMAT.md.
const formatVersion = 1

// fileName is the file of the books.
const fileName = "state.db"

// Buckets of the file. All values are blobs.
var (
	bucketBooks   = []byte("books")   // key "books"
	bucketRefused = []byte("refused") // Seq, 8 bytes, and city

	keyBooks = []byte("books")
)

// ErrLocked says that another agent has the directory.
var ErrLocked = errors.New("in use by another agent")

// ErrNewer says that a newer version wrote the file: it is left untouched.
var ErrNewer = errors.New("written by a newer version of lamppost")

// books are all but the rows: what state.db has, and the first frame of each half
// of the journal, and others when a delta does not tell what changed.
type books struct {
	Version int                 `json:"version"`
	State   state               `json:"state"`
	Streams []*agent.Datastream `json:"datastreams"`
	Notices []agent.Notice      `json:"notices"` // in the journal, the newest
}

// state is what must be known of the observations, and cannot be derived.
type state struct {
	Commit   uint64             `json:"commit"` // counts commits: tells which books are the newest
	Epochs   []epochState       `json:"epochs"` // oldest first
	Boot     uint32             `json:"boot"`
	BootID   string             `json:"boot_id"`
	Clean    bool               `json:"clean"`    // the last stop was clean
	Through  uint64             `json:"through"`  // the highest Seq written, or settled when this was written
	Reserved uint64             `json:"reserved"` // Seqs up to here may have been assigned
	Assigned ranges             `json:"assigned"` // Seqs up to Through that were accepted
	Cities   []cityState        `json:"cities"`
	Totals   map[uint32]float64 `json:"totals"`           // of Count datastreams, by id
	Notice   uint64             `json:"notice"`           // the newest notice's id
	Stream   uint32             `json:"stream,omitempty"` // new datastreams have an id above it
	Home     string             `json:"home,omitempty"`   // of the journal
	Clocks   []clockState       `json:"clocks,omitempty"` // of the newest boots, oldest first
}

type epochState struct {
	Epoch string `json:"epoch"`
	Thing string `json:"thing"`
	From  uint64 `json:"from"` // its first Seq
}

type cityState struct {
	Name      string `json:"name"`
	Owed      ranges `json:"owed"` // what it is to have; without end while it is configured
	Delivered ranges `json:"delivered"`
	Ledgered  ranges `json:"ledgered"`
	Notified  uint64 `json:"notified"` // the newest notice it has
}

// A Refusal is an observation that a city will never take.
type Refusal struct {
	Reason     string    `json:"reason"`
	City       string    `json:"city"`
	Datastream string    `json:"datastream"`
	Seq        uint64    `json:"seq"`
	Time       time.Time `json:"time"`
	Value      float64   `json:"value"`
}

// parseBooks reads books and tells whether this version can.
func parseBooks(data []byte) (b books, err error) {
	of := struct{ Version int }{} // first: a newer version may have another form
	if err := json.Unmarshal(data, &of); err != nil {
		return b, fmt.Errorf("%w: books: %v", errDamaged, err)
	}
	if of.Version > formatVersion {
		return b, fmt.Errorf("format %d, this is %d: %w", of.Version, formatVersion, ErrNewer)
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("%w: books: %v", errDamaged, err)
	}
	if len(b.State.Epochs) == 0 {
		return b, fmt.Errorf("%w: books without an epoch", errDamaged)
	}
	return b, nil
}

// readDisk returns the newest books of state.db, and what was refused. It reads
// the bare file, not by bbolt: that may loop, or take all memory, when a page
// is wrong. There are none if the file is not there.
func readDisk(dir string) (newest *books, refused []Refusal, err error) {
	path := filepath.Join(dir, fileName)
	data, err := readAround(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	type key struct {
		seq  uint64
		city string
	}
	known := make(map[key]bool) // older copies stand in free pages
	scanBlobs(data, func(kind byte, content []byte, _ int) {
		var b books
		var r Refusal
		var failed error
		switch kind {
		case blobBooks:
			if b, failed = parseBooks(content); failed == nil && (newest == nil || b.State.Commit >= newest.State.Commit) {
				newest = &b
			}
		case blobRefused:
			if failed = json.Unmarshal(content, &r); failed == nil && !known[key{r.Seq, r.City}] {
				known[key{r.Seq, r.City}] = true
				refused = append(refused, r)
			}
		}
		if errors.Is(failed, ErrNewer) {
			err = fmt.Errorf("%s: %w", path, failed)
		}
	})
	if err == nil && newest == nil {
		err = fmt.Errorf("%s: %w: no whole books in it", path, errDamaged)
	}
	return newest, refused, err
}

// disk is state.db, for writing: a new file in each run, so that nothing is ever
// written to one that may be damaged.
type disk struct {
	path string
	db   *bbolt.DB
}

// createDisk makes the file, with first books and what was refused, under
// another name first: a power cut leaves the old one or the new.
func createDisk(dir string, first books, refused []Refusal) (*disk, error) {
	d := &disk{path: filepath.Join(dir, fileName)}
	temporary := d.path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var err error
	if d.db, err = openBolt(temporary); err != nil {
		return nil, err
	}
	if err = d.write(first, refused); err == nil {
		err = os.Rename(temporary, d.path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// close closes the file, if it is open.
func (d *disk) close() error {
	if d == nil || d.db == nil {
		return nil
	}
	db := d.db
	d.db = nil
	return db.Close()
}

// write does one transaction. A fault of the card under bbolt's map is an error.
func (d *disk) write(b books, refused []Refusal) (err error) {
	defer rescue(&err)()
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return d.db.Update(func(tx *bbolt.Tx) error {
		if err := writeRefused(tx, refused); err != nil {
			return err
		}
		all, err := tx.CreateBucketIfNotExists(bucketBooks)
		if err != nil {
			return err
		}
		return all.Put(keyBooks, appendBlob(nil, blobBooks, data))
	})
}

// refusedRows is how many refused observations are kept for people, in about
// 1 MiB. The ledger has all.
const refusedRows = 5000

func writeRefused(tx *bbolt.Tx, refused []Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	b, err := tx.CreateBucketIfNotExists(bucketRefused)
	if err != nil {
		return err
	}
	for _, r := range refused {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		key := append(binary.BigEndian.AppendUint64(nil, r.Seq), r.City...)
		if err := b.Put(key, appendBlob(nil, blobRefused, data)); err != nil {
			return err
		}
	}
	for n := b.Stats().KeyN; n > refusedRows; n-- {
		oldest, _ := b.Cursor().First()
		if err := b.Delete(oldest); err != nil {
			return err
		}
	}
	return nil
}
