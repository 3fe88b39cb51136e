package buffer

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
)

// backlogBytes is the largest backlog that a gateway keeps by default.
const backlogBytes = 504 << 20 // so that what is recorded drops nothing

// childDir says to this program that it is to open the buffer there and tell
// what that took.
const childDir = "LAMPPOST_BENCH_OPEN"

// BenchmarkOpen opens a backlog of 512 MB, after a clean stop and after one that
// was none, in a process of its own, and then records.
func BenchmarkOpen(b *testing.B) {
	if testing.Short() {
		b.Skip("makes 512 MB")
	}
	dir := filepath.Join(card(b, 4096), "buffer")
	l := newFeed(fifty(30_000), time.Second)
	x := newLogger(b, dir, l)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range l.rows { // jumps, as what is recorded does: about 2 bytes an observation
		r := &l.rows[i]
		r.Value = agent.Round(r.Value+random.NormFloat64()*30/math.Pow10(int(r.Datastream.Resolution)), r.Datastream.Resolution)
	}
	rows := makeBacklog(b, x, l)
	copied := filepath.Join(filepath.Dir(dir), "unclean")
	require.NoError(b, os.Mkdir(copied, 0o700))
	for _, name := range []string{fileName, journalName} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(copied, name), data, 0o600))
	}
	names, err := x.store.segments.names()
	require.NoError(b, err)
	require.NoError(b, x.close())
	for _, how := range []string{"clean", "unclean"} {
		b.Run(how, func(b *testing.B) {
			if how == "unclean" {
				for _, name := range names {
					require.NoError(b, os.Rename(filepath.Join(dir, name), filepath.Join(copied, name)))
				}
				dir = copied
			}
			benchmarkOpen(b, dir, len(names), rows)
		})
	}
}

// makeBacklog puts blocks into segments as a seal does, without the journal.
func makeBacklog(b *testing.B, x logger, l *feed) (n uint64) {
	s := x.store
	x.writing.Lock()
	defer x.writing.Unlock()
	epoch, _ := x.epochOf(x.next)
	for s.segments.size() < backlogBytes {
		first := x.next
		refs, err := s.segments.seal(epoch, first, s.books(x.committed), func(to *sealer) error {
			for range 10 {
				from := x.next
				for i := range l.rows {
					l.rows[i].Seq, l.rows[i].Time = x.next, l.rows[i].Time.Add(l.every)
					x.next++
				}
				if err := to.add(from, x.next-1, s.reader.seal(epoch, l.rows)); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(b, err)
		for _, ref := range refs {
			s.index[ref.segment] = append(s.index[ref.segment], ref)
		}
		x.blocks = append(x.blocks, refs...)
		x.assigned.add(first, x.next-1)
		n += x.next - first
	}
	x.flushed = x.next - 1
	require.NoError(b, x.commit(false))
	return n
}

func benchmarkOpen(b *testing.B, dir string, segments int, rows uint64) {
	var opened, idle, busy, before float64
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestOpenedByBenchmark$")
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, string(out))
		_, told, _ := strings.Cut(string(out), "told ")
		_, err = fmt.Sscan(told, &before, &opened, &idle, &busy)
		require.NoError(b, err, string(out))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(opened, "open-ms")
	b.ReportMetric(before, "MiB-before")
	b.ReportMetric(idle, "MiB-opened")
	b.ReportMetric(busy, "MiB-recording")
	b.ReportMetric(float64(segments), "segments")
	b.ReportMetric(float64(rows)/1e6, "M-obs")
}

// TestOpenedByBenchmark is what BenchmarkOpen starts.
func TestOpenedByBenchmark(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("for BenchmarkOpen")
	}
	before, start := resident(t), time.Now()
	b, err := Open(quiet(dir))
	require.NoError(t, err)
	opened, idle := time.Since(start), resident(t)
	l := newFeed(fifty(5000), time.Second)
	l.bind(t, b)
	for range 3000 { // three journal halves
		require.NoError(t, logger{b}.write(l.next(500)))
	}
	fmt.Printf("told %f %f %f %f\n", before, float64(opened.Microseconds())/1e3, idle, resident(t))
	require.NoError(t, b.Close())
}

// resident returns the MiB of memory that this process has.
func resident(t *testing.T) float64 {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kilobytes, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	require.NoError(t, err)
	return float64(kilobytes) / 1024
}
