package buffer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

const pageSize = 4096

// maxFile is more than any file of ours has.
const maxFile = 256 << 20

// unreadable is what the kernel says of a sector that the card cannot read.
const unreadable = unix.EIO

// openBolt makes a bbolt file, or goes on with one of this run. None of another
// run is opened with bbolt: see readDisk.
func openBolt(path string) (db *bbolt.DB, err error) {
	defer rescue(&err)()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         time.Second,
		PageSize:        pageSize, // a Pi 5 has pages of 16 KiB, which triples the cost of a commit
		FreelistType:    bbolt.FreelistMapType,
		NoStatistics:    true,
		InitialMmapSize: 2 * segmentSize, // so that it need not be mapped anew as it grows
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.AllocSize = 256 << 10
	return db, nil
}

// rescue makes an error of a panic: bbolt panics on some damage, and reads its
// file through memory, where a sector that cannot be read is a fault.
func rescue(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			*err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}
}

// setAside gives a file another name, under which nothing deletes it.
func setAside(path string) error {
	if err := os.Rename(path, fmt.Sprintf("%s%s-%d", path, asideSuffix, time.Now().UnixNano())); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// readAround returns the bytes of a file. Where the card cannot read a page,
// there are zeros.
func readAround(path string) ([]byte, error) {
	b, _, err := readFile(path)
	return b, err
}

// readFile is readAround, and tells whether something is missing.
func readFile(path string) (b []byte, missing bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if info.Size() > maxFile {
		return nil, false, fmt.Errorf("%s: %w: %d bytes", path, errDamaged, info.Size())
	}
	b = make([]byte, info.Size())
	if missing, err = readPages(f, b, 0); err != nil {
		return nil, missing, fmt.Errorf("%s: %w", path, err)
	}
	return b, missing, nil
}

// readPages fills b with what a file has from a byte on. Where the card cannot
// read a page, there are zeros, and something is missing.
func readPages(f io.ReaderAt, b []byte, from int64) (missing bool, err error) {
	const step = 256 << 10
	for at := 0; at < len(b); at += step {
		part := b[at:min(at+step, len(b))]
		if n, err := f.ReadAt(part, from+int64(at)); n == len(part) {
			continue
		} else if !errors.Is(err, unreadable) {
			return missing, err
		}
		for i := 0; i < len(part); i += pageSize {
			page := part[i:min(i+pageSize, len(part))]
			if n, _ := f.ReadAt(page, from+int64(at+i)); n < len(page) {
				clear(page)
				missing = true
			}
		}
	}
	return missing, nil
}
