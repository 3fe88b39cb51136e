package buffer

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// card returns a folder to measure in: as root on a file system of its own, so
// that the device's counter counts nothing else.
func card(b *testing.B, megabytes int64) string {
	dir := b.TempDir()
	image, mounted := filepath.Join(dir, "image"), filepath.Join(dir, "card")
	require.NoError(b, os.Mkdir(mounted, 0o700))
	if os.Getuid() != 0 {
		b.Log("measured where the temporary files are: only root can have a file system of its own")
		return mounted
	}
	f, err := os.Create(image)
	require.NoError(b, err)
	require.NoError(b, f.Truncate(megabytes<<20))
	require.NoError(b, f.Close())
	for _, command := range []string{
		"mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 " + image,
		"mount -o loop " + image + " " + mounted,
	} {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			b.Logf("measured where the temporary files are: %s: %v: %s", command, err, out)
			return mounted
		}
	}
	b.Cleanup(func() {
		out, err := exec.Command("umount", mounted).CombinedOutput()
		require.NoError(b, err, string(out))
	})
	return mounted
}

// deviceBytes returns what was written so far to the device that has dir or,
// where that has no counter, by this process.
func deviceBytes(b *testing.B, dir string) int64 {
	f, err := os.Open(dir)
	require.NoError(b, err)
	defer f.Close()
	require.NoError(b, unix.Syncfs(int(f.Fd())))
	device, _ := deviceOf("/", dir)
	n, err := writtenTo(device)
	if err != nil {
		b.Logf("by this process: %v", err)
		n, err = writtenByProcess("/proc/self")
		require.NoError(b, err)
	}
	return n
}

// A feed is what a gateway records, again and again at later times.
type feed struct {
	rows  []row
	every time.Duration // between the same row of two turns
	at    int
	later time.Duration
	obs   []agent.Observation
	parts [][]agent.Observation
}

// newFeed makes a feed of rows. Their first time comes gap after the last.
func newFeed(rows []row, gap time.Duration) *feed {
	first, last := rows[0].Time, rows[0].Time
	for _, r := range rows {
		if r.Time.Before(first) {
			first = r.Time
		}
		if r.Time.After(last) {
			last = r.Time
		}
	}
	return &feed{rows: rows, every: last.Sub(first) + gap}
}

// bind gives the rows the datastreams of a buffer.
func (l *feed) bind(t testing.TB, b *Buffer) {
	streams := make(map[*agent.Datastream]*agent.Datastream)
	for i := range l.rows {
		streams[l.rows[i].Datastream] = nil
	}
	byID := slices.SortedFunc(maps.Keys(streams), func(x, y *agent.Datastream) int { return int(x.ID) - int(y.ID) })
	for i, old := range byID {
		want := *old
		want.Name, want.Class, want.Thing = fmt.Sprintf("%03d/%s", i, old.Name), agent.Telemetry, b.o.Thing
		ds, err := b.Datastream(want)
		require.NoError(t, err)
		streams[old] = ds
	}
	for i := range l.rows {
		l.rows[i].Datastream = streams[l.rows[i].Datastream]
	}
}

// next returns the next n observations, in instants: the last may make it more.
func (l *feed) next(n int) [][]agent.Observation {
	return l.until(func(k int, _ row) bool { return k >= n })
}

// nextSecond returns those of the next second in which there are any.
func (l *feed) nextSecond() [][]agent.Observation {
	second := l.rows[l.at].Time.Unix()
	return l.until(func(_ int, r row) bool { return r.Time.Unix() != second })
}

// until returns the next instants up to one that says stop, or to the end of
// the turn.
func (l *feed) until(stop func(n int, r row) bool) [][]agent.Observation {
	l.obs, l.parts = l.obs[:0], l.parts[:0]
	start := l.at
	for ; l.at < len(l.rows); l.at++ {
		r := &l.rows[l.at]
		if !r.joins && stop(l.at-start, *r) {
			break
		}
		o := r.Observation
		o.Time = o.Time.Add(l.later)
		l.obs = append(l.obs, o)
	}
	from := 0
	for i := 1; i <= len(l.obs); i++ {
		if i == len(l.obs) || !l.rows[start+i].joins {
			l.parts = append(l.parts, l.obs[from:i])
			from = i
		}
	}
	if l.at == len(l.rows) {
		l.at, l.later = 0, l.later+l.every
	}
	return l.parts
}

// count returns how many observations instants have.
func count(instants [][]agent.Observation) (n int) {
	for _, obs := range instants {
		n += len(obs)
	}
	return n
}

// A logger is the buffer as one that is measured.
type logger struct{ *Buffer }

// quiet returns the options of a buffer that commits when it is told to, for a
// city that is not there.
func quiet(dir string) Options {
	o := options(dir, "platform")
	o.CommitEvery = time.Hour
	return o
}

func newLogger(tb testing.TB, dir string, l *feed) logger {
	b, err := Open(quiet(dir))
	require.NoError(tb, err)
	l.bind(tb, b)
	require.NoError(tb, b.Commit())
	return logger{b}
}

func (x logger) write(instants [][]agent.Observation) error {
	for _, obs := range instants {
		if err := x.Record(obs); err != nil {
			return err
		}
	}
	return x.Commit()
}

func (x logger) close() error { return x.Close() }

func median[T int64 | float64 | time.Duration](x []T) T {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
