//go:build system

package proof

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestSystemReadOnly makes the file system of a live writer read-only, as the
// kernel does when the card fails, and starts writers on one that is.
func TestSystemReadOnly(t *testing.T) {
	need(t)
	begun := time.Now()
	b := newBench()
	mnt, image, device := ext4(t, 32<<20)
	dir, c := filepath.Join(mnt, "buffer"), NewClaims()
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	require.NoError(t, b.cardFails(dir, c, trigger))
	unmount(mnt) // the kernel does not let it be written to again otherwise
	require.NoError(t, mountExt4(image, mnt))
	r, failed := b.verify(dir, c, true)
	if failed == nil {
		failed = Check(c, r, b.cities)
	}
	var slowest time.Duration
	for _, dir := range []string{dir, filepath.Join(mnt, "empty")} {
		took, err := b.startsReadOnly(dir, c)
		slowest, failed = max(slowest, took), errors.Join(failed, err)
		c = NewClaims()
	}
	summary(t, result{
		Name: "read-only", Size: 3, Lost: lost(failed), Duration: time.Since(begun).Seconds(),
		Figures: map[string]float64{"slowest_back_ms": float64(slowest.Milliseconds())},
	})
	require.NoError(t, failed)
}

// cardFails lets the kernel find an error in the file system of a live writer:
// it goes on in memory, until it is killed.
func (b *bench) cardFails(dir string, c *Claims, trigger string) error {
	l, err := b.startLive(dir, c)
	if err != nil {
		return err
	}
	err = errors.Join(l.goesOn(), os.WriteFile(trigger, []byte("1"), 0), l.inRAM(true, backWithin), l.goesOn())
	l.kill()
	return errors.Join(err, l.clean(l.end(timeLimit)))
}

// startsReadOnly starts a writer on a file system that is read-only, and makes
// it writable under it.
func (b *bench) startsReadOnly(dir string, c *Claims) (back time.Duration, err error) {
	remount := func(flags uintptr) error {
		return unix.Mount("", filepath.Dir(dir), "", unix.MS_REMOUNT|unix.MS_NOATIME|flags, "")
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), remount(unix.MS_RDONLY)); err != nil {
		return 0, err
	}
	gone := c.Recorded.Minus(c.Accepted)
	l, err := b.startLive(dir, c)
	if err != nil {
		return 0, err
	}
	err = errors.Join(l.goesOn(), l.inRAM(true, backWithin), l.goesOn(), remount(0))
	back, failed := l.recovers(gone)
	return back, errors.Join(err, failed, l.goesOn(), l.stop(b))
}
