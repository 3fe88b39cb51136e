package buffer

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"go.etcd.io/bbolt/errors" // in a file of its own: the standard library has one too
)

// open opens the file. bbolt panics on some damage: that is an error here.
func (d *disk) open() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w: %v", d.path, errDamaged, r)
		}
	}()
	d.db, err = bbolt.Open(d.path, 0o600, &bbolt.Options{
		Timeout:      time.Second,
		PageSize:     4096, // a Pi 5 has pages of 16 KiB, which triples the cost of a commit
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
	d.db.AllocSize = 1 << 20
	return nil
}
