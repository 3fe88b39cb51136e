package buffer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"go.etcd.io/bbolt"
)

// formatVersion is that of the file this package writes; see FORMAT.md.
const formatVersion = 1

// fileName is the buffer's file in its directory.
const fileName = "state.db"

// Buckets of the file.
var (
	bucketState   = []byte("state")   // key "state": state as JSON
	bucketStreams = []byte("streams") // id, 4 bytes: agent.Datastream as JSON
	bucketLog     = []byte("log")     // first Seq, 8 bytes: a block
	bucketNotices = []byte("notices") // id, 8 bytes: agent.Notice as JSON
	bucketRefused = []byte("refused") // Seq, 8 bytes, and city: reason and observation as JSON
	bucketDamaged = []byte("damaged") // first Seq, 8 bytes: a block that could not be read

	keyState = []byte("state")
)

// ErrLocked says that another agent has the directory.
var ErrLocked = errors.New("in use by another agent")

// ErrNewer says that a newer version wrote the file: it is left untouched.
var ErrNewer = errors.New("written by a newer version of lamppost")

// state is all of the books that cannot be derived.
type state struct {
	Version  int                `json:"version"`
	Commit   uint64             `json:"commit"` // counts commits: tells whether one that failed took place
	Epochs   []epochState       `json:"epochs"` // oldest first
	Boot     uint32             `json:"boot"`
	BootID   string             `json:"boot_id"`
	Clean    bool               `json:"clean"`    // the last stop was clean
	Through  uint64             `json:"through"`  // the highest Seq written, or settled when this was written
	Reserved uint64             `json:"reserved"` // Seqs up to here may have been assigned
	Assigned ranges             `json:"assigned"` // Seqs up to Through that were accepted
	Cities   []cityState        `json:"cities"`
	Totals   map[uint32]float64 `json:"totals"` // of Count datastreams, by id
	Notice   uint64             `json:"notice"` // the newest notice's id
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

// A blockRef is a block on flash.
type blockRef struct {
	first, last uint64
	size        int
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

// disk is the buffer's file. One goroutine writes; any may read.
type disk struct {
	path     string
	readOnly bool
	db       *bbolt.DB
}

// openDisk opens the file in a directory, and makes both if they are not there.
func openDisk(dir string, readOnly bool) (*disk, error) {
	d := &disk{path: filepath.Join(dir, fileName), readOnly: readOnly}
	if !readOnly {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return d, err
		}
		if err := d.create(); err != nil {
			return d, err
		}
	}
	return d, d.open()
}

// create makes an empty file under another name first, so that a power cut
// leaves a whole one or none.
func (d *disk) create() error {
	if _, err := os.Stat(d.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temporary := &disk{path: d.path + ".new"}
	if err := os.Remove(temporary.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := temporary.open(); err != nil {
		return err
	}
	err := temporary.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketState, bucketStreams, bucketLog, bucketNotices, bucketRefused, bucketDamaged} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, temporary.db.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.path, d.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(d.path))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reopen closes the file and opens it again, after a commit error: what is on
// flash is known only by looking.
func (d *disk) reopen() error {
	if d.db != nil {
		_ = d.db.Close() // the error that matters came before
		d.db = nil
	}
	return d.open()
}

// close closes the file, if it is open.
func (d *disk) close() error {
	if d == nil || d.db == nil {
		return nil
	}
	return d.db.Close()
}

// content is all that opening reads.
type content struct {
	state   state
	found   bool // there was a state
	streams []*agent.Datastream
	blocks  []blockRef
	notices []agent.Notice
}

// load reads everything but the blocks' rows.
func (d *disk) load() (c content, err error) {
	defer d.rescue(debug.SetPanicOnFault(true), &err)
	err = d.db.View(func(tx *bbolt.Tx) error {
		if c.state, c.found, err = readState(tx); err != nil {
			return err
		}
		if c.streams, err = readStreams(tx); err != nil {
			return err
		}
		if c.notices, err = readNotices(tx); err != nil {
			return err
		}
		return tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
			if len(k) != 16 {
				return fmt.Errorf("%w: block key % x", errDamaged, k)
			}
			c.blocks = append(c.blocks, blockRef{binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(k[8:]), len(v)})
			return nil
		})
	})
	return c, err
}

func readState(tx *bbolt.Tx) (s state, found bool, err error) {
	b := tx.Bucket(bucketState)
	if b == nil {
		return s, false, fmt.Errorf("%w: no bucket %q", errDamaged, bucketState)
	}
	v := b.Get(keyState)
	if v == nil {
		return s, false, nil
	}
	of := struct{ Version int }{} // first: a newer version may have another form
	if err := json.Unmarshal(v, &of); err == nil && of.Version > formatVersion {
		return s, false, fmt.Errorf("format %d, this is %d: %w", of.Version, formatVersion, ErrNewer)
	}
	if err := json.Unmarshal(v, &s); err != nil {
		return s, false, fmt.Errorf("%w: state: %v", errDamaged, err)
	}
	if len(s.Epochs) == 0 {
		return s, false, fmt.Errorf("%w: no epoch", errDamaged)
	}
	return s, true, nil
}

func readStreams(tx *bbolt.Tx) (all []*agent.Datastream, err error) {
	err = tx.Bucket(bucketStreams).ForEach(func(k, v []byte) error {
		ds := new(agent.Datastream)
		if err := json.Unmarshal(v, ds); err != nil || len(k) != 4 || ds.ID != binary.BigEndian.Uint32(k) {
			return fmt.Errorf("%w: datastream % x: %v", errDamaged, k, err)
		}
		all = append(all, ds)
		return nil
	})
	return all, err
}

func readNotices(tx *bbolt.Tx) (all []agent.Notice, err error) {
	err = tx.Bucket(bucketNotices).ForEach(func(k, v []byte) error {
		var n agent.Notice
		if err := json.Unmarshal(v, &n); err != nil {
			return fmt.Errorf("%w: notice % x: %v", errDamaged, k, err)
		}
		all = append(all, n)
		return nil
	})
	return all, err
}

// rescue makes an error of a panic. bbolt panics on some damage, and reads the
// file through memory: a sector that cannot be read, or a file that ends early,
// is a fault, which the caller has made a panic of. old is what it was before.
func (d *disk) rescue(old bool, err *error) {
	debug.SetPanicOnFault(old)
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %w: %v", d.path, errDamaged, r)
	}
}

// notOpen is the error while the file could not be opened again.
func (d *disk) notOpen() error { return fmt.Errorf("%s: not open", d.path) }

// refusals reads what was refused.
func (d *disk) refusals() (all []Refusal, err error) {
	if d.db == nil {
		return nil, d.notOpen()
	}
	defer d.rescue(debug.SetPanicOnFault(true), &err)
	err = d.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRefused).ForEach(func(_, v []byte) error {
			var r Refusal
			if err := json.Unmarshal(v, &r); err != nil {
				return fmt.Errorf("%w: refused: %v", errDamaged, err)
			}
			all = append(all, r)
			return nil
		})
	})
	return all, err
}

// block reads one block's bytes, nil if it is not there any more.
func (d *disk) block(ref blockRef) (data []byte, err error) {
	if d.db == nil {
		return nil, d.notOpen()
	}
	defer d.rescue(debug.SetPanicOnFault(true), &err)
	err = d.db.View(func(tx *bbolt.Tx) error {
		data = append(data, tx.Bucket(bucketLog).Get(ref.key())...)
		return nil
	})
	return data, err
}

func (r blockRef) key() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.first), r.last)
}
