package buffer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of the journal.
const (
	journalName = "journal"
	sector      = 512     // what a card writes whole
	maxHalf     = 2 << 20 // of a half: less on a small file system
)

// journal is a file of two halves of frames, written once with zeros so that
// nothing but frames changes. Frames are appended to one half until it is full;
// then what is still needed is moved out of it, and the other half begins. A half
// is written over only after all of its rows are elsewhere on flash.
type journal struct {
	path     string
	f        *os.File
	unit     int // frames start on multiples of it: a sector with O_DIRECT, else a page
	halfSize int
	home     string // this file, and no copy of it

	generation uint64 // of the frames being written
	half       int    // they are in
	at         int    // where the next one goes, in the half
	buf        []byte // aligned
}

// openJournal opens the journal in a directory. If it is not there, or not as
// long as one, it is made with halves of a size, unless it is only read.
func openJournal(dir string, half int, readOnly bool) (*journal, error) {
	j := &journal{path: filepath.Join(dir, journalName), unit: pageSize}
	info, err := os.Stat(j.path)
	if err == nil && (info.Size() == 0 || info.Size() > 2*maxHalf || info.Size()%(2*pageSize) != 0) {
		err = fmt.Errorf("%s: %w: %d bytes", j.path, errDamaged, info.Size())
	}
	switch {
	case err == nil:
		half = int(info.Size() / 2)
	case readOnly || !errors.Is(err, fs.ErrNotExist):
		return j, err
	default:
		half = roundUp(min(half, maxHalf), pageSize)
		if err := createJournal(j.path, 2*half); err != nil {
			return j, err
		}
	}
	j.halfSize = half
	if err := j.open(readOnly); err != nil {
		return j, err
	}
	j.home = homeOf(j.path)
	return j, j.lock(readOnly)
}

// homeOf tells a file from any copy of it: by its inode and, where the file
// system has it, when that was made. It is empty if that cannot be told.
func homeOf(path string) string {
	var x unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &x); err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d.%09d", x.Ino, x.Btime.Sec, x.Btime.Nsec)
}

// open opens the file, past the kernel's cache where that works.
func (j *journal) open(readOnly bool) (err error) {
	mode := os.O_RDWR
	if readOnly {
		mode = os.O_RDONLY
	}
	if j.f, err = os.OpenFile(j.path, mode|unix.O_DIRECT, 0); err == nil {
		if _, err = j.f.ReadAt(aligned(sector), 0); err == nil {
			j.unit = sector
			return nil
		}
		_ = j.f.Close() // nothing was written
	}
	j.f, err = os.OpenFile(j.path, mode, 0)
	return err
}

// lock keeps other agents off the directory, and those who only read while one
// writes. Whoever looks for a moment is waited for.
func (j *journal) lock(readOnly bool) error {
	how := unix.LOCK_EX
	if readOnly {
		how = unix.LOCK_SH
	}
	for until := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(j.f.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s: %w", j.path, ErrLocked)
		}
	}
}

// createJournal writes the file whole under another name first.
func createJournal(path string, size int) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for left := size; left > 0 && err == nil; left -= len(zeros) {
		_, err = f.Write(zeros[:min(left, len(zeros))])
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path + ".new") // space is short
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// aligned returns n bytes that start on a page, as O_DIRECT wants them.
func aligned(n int) []byte {
	b := make([]byte, n+pageSize)
	skip := (pageSize - int(uintptr(unsafe.Pointer(&b[0]))%pageSize)) % pageSize
	return b[skip : skip+n : skip+n]
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

func (j *journal) close() error {
	if j == nil || j.f == nil {
		return nil
	}
	return j.f.Close()
}

// readAhead is how much of the journal is read at a time by who reads all of it.
const readAhead = 256 << 10

// ahead is a part of the journal that was read, for as long as nothing is written
// there.
type ahead struct {
	b  []byte
	at int // where b begins, in the file
}

// frame returns the bytes of one frame, which are good until the next call. The
// next frames are mostly read with it.
func (a *ahead) frame(j *journal, ref place) ([]byte, error) {
	from := ref.offset - a.at
	if from >= 0 && from+ref.length <= len(a.b) {
		return a.b[from : from+ref.length], nil
	}
	if a.b == nil {
		a.b = aligned(readAhead)
	}
	n, _ := j.f.ReadAt(a.b[:readAhead], int64(ref.offset))
	if a.b, a.at = a.b[:n], ref.offset; n >= ref.length {
		return a.b[:ref.length], nil
	}
	return j.read(ref) // it is long, or something after it cannot be read
}

// read returns the bytes of one frame.
func (j *journal) read(ref place) ([]byte, error) {
	b := aligned(roundUp(ref.length, sector))
	n, err := j.f.ReadAt(b, int64(ref.offset))
	if n >= ref.length {
		return b[:ref.length], nil
	}
	return nil, err
}

// frames are encoded frames, one after the other, each padded.
type frames struct {
	b     []byte
	refs  []place  // from the start of b
	rows  []ranges // of each
	codec rowCodec
}

func (x *frames) reset() { x.b, x.refs, x.rows = x.b[:0], x.refs[:0], x.rows[:0] }

// add encodes a frame, padded to the unit.
func (x *frames) add(f *frame, unit int) {
	at := len(x.b)
	x.b = appendFrame(x.b, f, &x.codec)
	x.refs = append(x.refs, place{at, len(x.b) - at})
	x.rows = append(x.rows, runs(f.rows))
	x.b = append(x.b, make([]byte, roundUp(len(x.b), unit)-len(x.b))...)
}

// fits tells whether frames fit in what is left of the half, but for a reserve.
func (j *journal) fits(x *frames, reserve int) bool { return j.at+len(x.b) <= j.halfSize-reserve }

// begin starts to write the other half, with a new generation.
func (j *journal) begin() {
	j.half, j.at = 1-j.half, 0
	j.generation++
}

// write appends frames with one write and one flush, and returns where each is.
func (j *journal) write(x *frames) ([]place, error) {
	if !j.fits(x, 0) {
		return nil, fmt.Errorf("bug: %d bytes of frames do not fit the journal", len(x.b))
	}
	start := j.half*j.halfSize + j.at
	refs := make([]place, len(x.refs))
	for i, ref := range x.refs {
		sealFrame(x.b[ref.offset:ref.offset+ref.length], j.generation)
		refs[i] = place{start + ref.offset, ref.length}
	}
	if cap(j.buf) < len(x.b) {
		j.buf = aligned(roundUp(len(x.b), 16<<10))
	}
	b := j.buf[:copy(j.buf[:cap(j.buf)], x.b)]
	if cap(j.buf) > 256<<10 {
		j.buf = nil // so much is rare
	}
	if _, err := j.f.WriteAt(b, int64(start)); err != nil {
		return nil, err
	}
	if mutant != noFlush {
		if err := datasync(j.f); err != nil {
			return nil, err
		}
	}
	j.at += len(b)
	return refs, nil
}

// datasync flushes what was written to the card.
func datasync(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			if failed = unix.Fdatasync(int(fd)); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

// A found frame is one that was read back, without its rows.
type found struct {
	*frame
	seqs ranges
	ref  place
}

// scan returns every whole frame of both halves, wherever it stands: one that is
// torn costs nothing but itself.
func (j *journal) scan() (all []found, err error) { return j.scanOf(j.f) }

func (j *journal) scanOf(f io.ReaderAt) (all []found, err error) {
	b := aligned(j.halfSize)
	for half := range 2 {
		base := half * j.halfSize
		if _, err := readPages(f, b, int64(base)); err != nil {
			return nil, fmt.Errorf("%s: %w", j.path, err)
		}
		for at := 0; at+frameHeader <= len(b); {
			f, seqs, _, err := decodeFrame(b[at:])
			if err != nil {
				at += sector
				continue
			}
			n := frameLength(b[at:])
			all = append(all, found{f, seqs, place{base + at, n}})
			j.generation = max(j.generation, f.generation)
			at += roundUp(n, sector)
		}
	}
	return all, nil
}
