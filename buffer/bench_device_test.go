package buffer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
)

// paged makes a buffer write its journal through the kernel's cache, as on a
// file system without O_DIRECT.
func paged(tb testing.TB, b *Buffer) {
	b.writing.Lock()
	defer b.writing.Unlock()
	j := b.store.journal
	f, err := os.OpenFile(j.path, os.O_RDWR, 0)
	require.NoError(tb, err)
	require.NoError(tb, j.f.Close())
	j.f, j.unit, j.at = f, pageSize, roundUp(j.at, pageSize)
}

// BenchmarkDeviceBytes counts what the device is told to write for a gateway of
// 50 datastreams that no city can be reached from, once a second, and for one of
// the recorded ones. Time is not waited for but in the last: a file system also
// writes a file's time every few seconds.
func BenchmarkDeviceBytes(b *testing.B) {
	for _, how := range []string{"direct", "paged"} {
		direct := how == "direct"
		b.Run(how+"/1s", func(b *testing.B) { deviceBytesFor(b, direct, 50, 15_000) })
		b.Run(how+"/10s", func(b *testing.B) { deviceBytesFor(b, direct, 500, 15_000) })
		b.Run(how+"/aberdeen", func(b *testing.B) { deviceBytesOfADay(b, direct) })
	}
	b.Run("direct/1s by the clock", deviceBytesByTheClock)
}

// deviceBytesFor does commits of so many rows each.
func deviceBytesFor(b *testing.B, direct bool, rows, commits int) {
	dir := card(b, 1024)
	l := newFeed(fifty(100_000), time.Second)
	x := newLogger(b, filepath.Join(dir, "buffer"), l)
	if !direct {
		paged(b, x.Buffer)
	}
	n, before := 0, deviceBytes(b, dir)
	for b.Loop() {
		for range commits {
			instants := l.next(rows)
			require.NoError(b, x.write(instants))
			n += count(instants)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(deviceBytes(b, dir)-before)/float64(n), "B/obs")
	require.NoError(b, x.close())
}

// deviceBytesOfADay commits what was recorded in the same second.
func deviceBytesOfADay(b *testing.B, direct bool) {
	rows := recorded(b, recordedSets[0])
	dir := card(b, 1024)
	l := newFeed(rows, time.Second)
	x := newLogger(b, filepath.Join(dir, "buffer"), l)
	if !direct {
		paged(b, x.Buffer)
	}
	var days float64
	before := deviceBytes(b, dir)
	for b.Loop() {
		writeTurn(b, x, l)
		days += l.every.Hours() / 24
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(deviceBytes(b, dir)-before)/days/1e6, "MB/day")
	require.NoError(b, x.close())
}

// writeTurn writes a feed to its end, with a commit for each second.
func writeTurn(b *testing.B, x logger, l *feed) (n int) {
	for {
		instants := l.nextSecond()
		require.NoError(b, x.write(instants))
		n += count(instants)
		if l.at == 0 {
			return n
		}
	}
}

// deviceBytesByTheClock commits 50 rows a second for a minute.
func deviceBytesByTheClock(b *testing.B) {
	if testing.Short() {
		b.Skip("takes a minute")
	}
	dir := card(b, 1024)
	l := newFeed(fifty(100_000), time.Second)
	x := newLogger(b, filepath.Join(dir, "buffer"), l)
	n, before := 0, deviceBytes(b, dir)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for b.Loop() {
		for range 60 {
			<-tick.C
			instants := l.next(50)
			require.NoError(b, x.write(instants))
			n += count(instants)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(deviceBytes(b, dir)-before)/float64(n), "B/obs")
	require.NoError(b, x.close())
}

// BenchmarkSealed measures the files of what was recorded and committed once a
// second, by the blocks they take.
func BenchmarkSealed(b *testing.B) {
	for _, name := range recordedSets[:2] {
		b.Run(strings.TrimSuffix(filepath.Base(name), ".csv.gz"), func(b *testing.B) {
			benchmarkSealed(b, recorded(b, name))
		})
	}
	b.Run("four sets in one log", func(b *testing.B) { benchmarkSealed(b, inOneLog(b)) })
}

func benchmarkSealed(b *testing.B, rows []row) {
	l := newFeed(rows, time.Second)
	dir := card(b, 1024)
	if shared, err := os.MkdirTemp("/dev/shm", "sealed"); err == nil { // half a million flushes would take long
		dir = shared
		b.Cleanup(func() { os.RemoveAll(shared) })
	}
	x := newLogger(b, filepath.Join(dir, "buffer"), l)
	x.writing.Lock()
	x.store.journal.unit = sector // as where O_DIRECT works
	x.writing.Unlock()
	for b.Loop() {
		// One turn makes a file so small that what bbolt needs counts. What is in
		// the journal in the end is not counted.
		for range 3 {
			writeTurn(b, x, l)
		}
	}
	sealed, blocks := uint64(0), 0
	for _, ref := range x.blocks {
		if ref.segment != "" {
			blocks++
			sealed += ref.last - ref.first + 1
		}
	}
	require.NoError(b, x.close())
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(sealed)/float64(blocks), "obs/block")
	b.ReportMetric(float64(sizeOfSegments(b, x.o.Dir))/float64(sealed), "B/obs")
}

// sizeOfSegments returns what the segments take of the disk.
func sizeOfSegments(b *testing.B, dir string) int64 {
	s := &segments{dir: dir}
	names, err := s.names()
	require.NoError(b, err)
	for _, name := range names {
		s.weigh(name)
	}
	return s.size()
}

// BenchmarkReadBack reads a log in the order of Seqs: its blocks alone, as a city
// does that acknowledges at once, and as it is exported.
func BenchmarkReadBack(b *testing.B) {
	b.Run("50 datastreams", func(b *testing.B) { benchmarkReadBack(b, fifty(500_000)) })
	b.Run("aberdeen_air", func(b *testing.B) { benchmarkReadBack(b, recorded(b, recordedSets[0])) })
}

// readBackRows is how many are read at least.
const readBackRows = 10_000_000

func benchmarkReadBack(b *testing.B, rows []row) {
	dir := card(b, 1024)
	l := newFeed(rows, time.Second)
	x := newLogger(b, filepath.Join(dir, "buffer"), l)
	n := 0
	for n < readBackRows {
		instants := l.next(5000)
		require.NoError(b, x.write(instants))
		n += count(instants)
	}
	for b.Loop() {
		start := time.Now()
		sealed := readBlocks(b, x.Buffer)
		b.ReportMetric(float64(sealed)/time.Since(start).Seconds()/1e6, "decode-M/s")

		start, exported := time.Now(), 0
		for range x.Export() {
			exported++
		}
		b.ReportMetric(float64(exported)/time.Since(start).Seconds()/1e6, "export-M/s")
		require.Equal(b, n, exported)

		start = time.Now()
		require.Equal(b, n, takeAll(b, x.Cursor("platform")))
		b.ReportMetric(float64(n)/time.Since(start).Seconds()/1e6, "cursor-M/s")
	}
	b.ReportMetric(0, "ns/op")
	require.NoError(b, x.close())
}

// readBlocks decodes all sealed blocks and returns how many rows they have.
func readBlocks(b *testing.B, x *Buffer) (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var into []row
	var err error
	for _, ref := range x.blocks {
		if ref.segment == "" {
			continue
		}
		into, err = x.store.rows(ref, &x.reader, x.streams, into[:0])
		require.NoError(b, err)
		n += len(into)
	}
	return n
}

// takeAll takes and settles all that a city lacks.
func takeAll(b *testing.B, c *Cursor) (n int) {
	c.Connected(true)
	last := uint64(0)
	for {
		batch := c.Backlog(1000)
		if len(batch.Observations) == 0 {
			return n
		}
		first := batch.Observations[0]
		require.Greater(b, first.Seq, last)
		last = batch.Observations[len(batch.Observations)-1].Seq
		n += len(batch.Observations)
		c.Settle(agent.Batch{Epoch: batch.Epoch, Observations: batch.Observations}, nil)
	}
}
