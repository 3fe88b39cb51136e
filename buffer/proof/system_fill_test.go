//go:build system

package proof

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/buffer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// rounds is how often a disk is filled, unless LAMPPOST_ROUNDS says otherwise.
const rounds = 10

// given is how much of the disk the buffer may have after all was taken: the
// journal, the books, and a segment that is open.
const given = 3 << 20

// TestSystemFillDrain fills disks while the cities are away: by a foreign file
// and by what the buffer has, in turns. When there is room again and the cities
// are back, they get all, and the space is given back.
func TestSystemFillDrain(t *testing.T) {
	need(t)
	n := number(t, "LAMPPOST_ROUNDS", rounds)
	for name, dir := range map[string]func() string{
		"tmpfs": func() string { return small(t, "12m") },
		"ext4":  func() string { dir, _, _ := ext4(t, 16<<20); return dir },
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			f := &filling{bench: newBench(), mnt: dir(), claims: NewClaims()}
			var failed error
			for i := 0; i < n && failed == nil; i++ {
				if failed = f.round(i%2 == 0); failed != nil {
					failed = fmt.Errorf("round %d: %w", i, failed)
				}
			}
			summary(t, result{
				Name: "fill and drain, " + name, Size: n, Lost: lost(failed), Duration: time.Since(begun).Seconds(),
				Figures: map[string]float64{"slowest_back_ms": float64(f.slowest.Milliseconds()), "in_ram": float64(f.ram), "dropped": float64(f.dropped)},
				Note:    fmt.Sprintf("%d observations recorded, %d accepted", f.claims.Recorded.Count(), f.claims.Accepted.Count()),
			})
			require.NoError(t, failed)
			assert.Positive(t, f.ram, "the disk was full")
		})
	}
}

// A filling is a disk that is filled again and again.
type filling struct {
	*bench
	mnt     string
	claims  *Claims
	slowest time.Duration
	ram     int    // rounds in which the disk took nothing
	dropped uint64 // accepted, and dropped for want of room, with a ledger entry
}

// round fills the disk by a foreign file or by what the buffer has, makes room,
// and lets the cities take all.
func (f *filling) round(foreign bool) error {
	dir, stuffing := filepath.Join(f.mnt, "buffer"), filepath.Join(f.mnt, "stuffing")
	_, gone := (&heard{claims: f.claims}).now()
	l, err := f.startLive(dir, f.claims)
	if err != nil {
		return err
	}
	defer l.kill()
	leave := int64(0)
	if err = l.goesOn(); !foreign {
		leave = 256 << 10 // which the buffer takes
	}
	err = errors.Join(err, stuff(stuffing, leave))
	if l.inRAM(true, backWithin) == nil {
		f.ram++
	}
	err = errors.Join(err, l.goesOn(), os.Remove(stuffing))
	took, failed := l.recovers(gone)
	f.slowest = max(f.slowest, took)
	if err = errors.Join(err, failed, l.stop(f.bench)); err != nil {
		return err
	}
	return f.drained(dir)
}

// drained lets the cities take all, and looks at the books and at what is free.
func (f *filling) drained(dir string) error {
	p, err := f.start(job{Role: "drain", Dir: dir}, f.claims.Line)
	if err == nil {
		err = p.end(timeLimit)
	}
	if err != nil {
		return fmt.Errorf("the cities do not get all: %w: %s", err, &p.log)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(f.mnt, &s); err != nil {
		return err
	}
	if taken := int64(s.Blocks-s.Bfree) * int64(s.Bsize); taken > given {
		return fmt.Errorf("%d KiB are not given back", taken>>10)
	}
	r, err := f.verify(dir, f.claims, false)
	if err == nil {
		err = checkFull(f.claims, r, f.cities)
		f.dropped = Audit(f.claims, r, f.cities[0]).Ledgered
	}
	return err
}

// drain takes all for each city.
func (j job) drain(b *buffer.Buffer, out io.Writer) error {
	for _, name := range j.Cities {
		c := &taker{name: name, out: out}
		cursor := b.Cursor(name)
		for batch := cursor.Backlog(1000); len(batch.Observations) > 0; batch = cursor.Backlog(1000) {
			c.say(batch, nil)
			cursor.Settle(batch, nil)
		}
	}
	return b.Close()
}
