package buffer

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	"go.etcd.io/bbolt/errors" // in a file of its own: the standard library has one too
)

const pageSize = 4096

// allocStep is what the file grows by.
const allocStep = 1 << 20

// open opens the file. bbolt panics on some damage: that is an error here.
func (d *disk) open() (err error) {
	defer d.rescue(debug.SetPanicOnFault(true), &err)
	// One of less than two pages is no file of bbolt's, which says so without a
	// name for it. An empty one becomes a new file.
	if info, err := os.Stat(d.path); err == nil && info.Size() > 0 && info.Size() < 2*pageSize {
		return fmt.Errorf("%s: %w: %d bytes", d.path, errDamaged, info.Size())
	}
	d.db, err = bbolt.Open(d.path, 0o600, &bbolt.Options{
		Timeout:      time.Second,
		PageSize:     pageSize, // a Pi 5 has pages of 16 KiB, which triples the cost of a commit
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		ReadOnly:     d.readOnly,
	})
	switch err {
	case nil:
	case errors.ErrTimeout:
		return fmt.Errorf("%s: %w", d.path, ErrLocked)
	case errors.ErrInvalid, errors.ErrVersionMismatch, errors.ErrChecksum:
		return fmt.Errorf("%s: %w: %v", d.path, errDamaged, err)
	default:
		return fmt.Errorf("%s: %w", d.path, err)
	}
	d.db.AllocSize = allocStep
	return nil
}
