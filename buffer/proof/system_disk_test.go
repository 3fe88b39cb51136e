//go:build system

package proof

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ext4 makes and mounts a small ext4 that becomes read-only when it finds an
// error, and returns the name of its image and of its device.
func ext4(t *testing.T, size int64) (dir, image, device string) {
	t.Helper()
	image = filepath.Join(scratch(t), "image")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, size))
	text, err := exec.Command(install(t, "mkfs.ext4", "e2fsprogs"), "-q", "-F", "-m", "0",
		"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", image).CombinedOutput()
	require.NoErrorf(t, err, "%s", text)
	loop, err := attach(image)
	require.NoError(t, err)
	defer loop.Close()
	dir = t.TempDir()
	require.NoError(t, unix.Mount(loop.Name(), dir, "ext4", unix.MS_NOATIME, "errors=remount-ro"))
	t.Cleanup(func() { unmount(dir) })
	return dir, image, loop.Name()
}

// stuff fills a disk with a foreign file until no more than leave bytes are free.
func stuff(path string, leave int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for b := make([]byte, 64<<10); len(b) >= 512; {
		var s unix.Statfs_t
		if err := unix.Statfs(filepath.Dir(path), &s); err != nil {
			return err
		}
		if leave > 0 && int64(s.Bavail)*int64(s.Bsize) <= leave {
			return nil
		}
		if _, err := f.Write(b); errors.Is(err, unix.ENOSPC) {
			b = b[:len(b)/2]
		} else if err != nil {
			return err
		}
	}
	return nil
}

// A live writer is one that is watched while it runs.
type live struct {
	*process
	*heard
	job job
}

// startLive starts a writer that tells its loss window.
func (b *bench) startLive(dir string, c *Claims) (*live, error) {
	j := b.writer
	j.Role, j.Dir, j.Pause, j.Backlog, j.Tell = "write", dir, time.Millisecond, true, true
	h := &heard{claims: c}
	p, err := b.start(j, h.line)
	return &live{p, h, j}, err
}

// stop ends the writer as a power cut does, and has what is left verified.
func (l *live) stop(b *bench) error {
	l.kill()
	if err := l.clean(l.end(timeLimit)); err != nil {
		return err
	}
	r, err := b.verify(l.job.Dir, l.claims, true)
	if err != nil {
		return err
	}
	if err := checkFull(l.claims, r, b.cities); err != nil {
		text := l.log.String()
		return fmt.Errorf("%w: the writer said: %s: the ledger ends with %+v", err, text[max(0, len(text)-1500):], r.Ledger[max(0, len(r.Ledger)-3):])
	}
	return nil
}

// restart is as stop, of a writer that had everything in memory only: nothing on
// the disk names that.
func (l *live) restart(b *bench) error {
	l.kill()
	if err := l.clean(l.end(timeLimit)); err != nil {
		return err
	}
	r, err := b.verify(l.job.Dir, l.claims, true)
	if err != nil {
		return err
	}
	for _, city := range b.cities {
		if lost := Audit(l.claims, r, city).Lost; len(lost) > 0 {
			err = errors.Join(err, fmt.Errorf("%s: accepted and nowhere: %s", city, show(lost)))
		}
	}
	return errors.Join(err, Sound(l.claims, r, b.cities))
}

// goesOn waits until more was recorded.
func (l *live) goesOn() error {
	before := l.recorded()
	if waitFor(backWithin, func() bool { return l.recorded() > before+200 }) {
		return nil
	}
	text := l.log.String()
	return fmt.Errorf("nothing more is recorded: %s", text[max(0, len(text)-1500):])
}

// inRAM waits until the writer says that the disk takes nothing, or does again.
func (l *live) inRAM(want bool, limit time.Duration) error {
	if waitFor(limit, func() bool { window, _ := l.now(); return window != "" && strings.HasPrefix(window, "ram") == want }) {
		return nil
	}
	return fmt.Errorf("after %v it is still not true that the disk takes nothing: %v", limit, want)
}

// recovers waits until the disk takes something and all that is recorded now is
// accepted, but for what was open before the writer. Whoever is killed before
// that leaves nothing on the disk that names it.
func (l *live) recovers(gone Keys) (took time.Duration, err error) {
	begun := time.Now()
	_, open := l.now()
	back := waitFor(2*backWithin, func() bool {
		window, _ := l.now()
		return window != "ram" && l.through(open, gone)
	})
	took = time.Since(begun)
	if !back || took > backWithin {
		text := l.log.String()
		return took, fmt.Errorf("after %v not all that was in memory is accepted: %s", took, text[max(0, len(text)-1500):])
	}
	return took, nil
}
