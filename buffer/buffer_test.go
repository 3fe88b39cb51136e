package buffer

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	temperature = agent.Datastream{Name: "roof-air/airTemperature", Sensor: "roof-air", Driver: "sht4x", Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry, Thing: "lamp-042"}
	rain        = agent.Datastream{Name: "rain/pulses", Sensor: "rain", Driver: "pulse", Property: agent.Pulses, Class: agent.Telemetry, Thing: "lamp-042"}
	door        = agent.Datastream{Name: "door/open", Sensor: "door", Driver: "contact", Property: agent.Open, Class: agent.Alarm, Thing: "lamp-042"}
)

func options(dir string, cities ...string) Options {
	o := Options{Dir: dir, Thing: "lamp-042", BootID: "boot", Log: slog.New(slog.DiscardHandler), MinFree: 1}
	for _, name := range cities {
		o.Cities = append(o.Cities, City{Name: name})
	}
	return o
}

func open(t *testing.T, o Options) *Buffer {
	t.Helper()
	b, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

// record records n observations of want, one an instant.
func record(t *testing.T, b *Buffer, want agent.Datastream, n int) {
	t.Helper()
	ds, err := b.Datastream(want)
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now(), Value: float64(i)}}))
	}
}

// recordNoise is record with values that nothing makes smaller.
func recordNoise(t *testing.T, b *Buffer, n int) {
	t.Helper()
	want := temperature
	want.Name, want.Resolution = "noise/airTemperature", -1
	ds, err := b.Datastream(want)
	require.NoError(t, err)
	for range n {
		require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now(), Value: rand.NormFloat64()}}))
	}
}

// closes checks that the books of every city close.
func closes(t *testing.T, b *Buffer) Stats {
	t.Helper()
	s := b.Stats()
	for _, c := range s.Cities {
		require.Equalf(t, c.Accepted, c.Delivered+c.Waiting+c.Ledgered, "the books of %s: %+v", c.Name, c)
	}
	return s
}

// crash returns a copy of the buffer's directory as a power cut leaves it.
func crash(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, e.Name()), data, 0o600))
	}
	return copied
}

// fill records one observation and makes the disk full: the journal takes no
// more, and has nowhere to go.
func fill(t *testing.T, b *Buffer) {
	t.Helper()
	record(t, b, temperature, 1)
	require.NoError(t, b.Commit())
	b.writing.Lock()
	defer b.writing.Unlock()
	b.store.minFree, b.store.sparse = 1<<62, 0
	b.store.journal.at = b.store.journal.halfSize
}

// hold keeps the committer from doing anything of its own accord for an hour.
func hold(b *Buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retryAt = time.Now().Add(time.Hour)
}

// empty takes back what fill did.
func empty(b *Buffer) {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.store.minFree = 1
}

func TestOnlineTheCardRests(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir, "platform"))
		c := b.Cursor("platform")
		c.Connected(true)
		ds, err := b.Datastream(temperature)
		require.NoError(t, err)
		before := b.Stats().Commits

		for range 4 * 60 * 50 { // 4 minutes at 50/s, acknowledged after 100 ms
			require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now()}}))
			if batch := c.Live(1000); len(batch.Observations) > 0 {
				go func() {
					time.Sleep(100 * time.Millisecond)
					c.Settle(batch, nil)
				}()
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)

		s := closes(t, b)
		assert.Equal(t, before, s.Commits, "nothing is written")
		assert.EqualValues(t, 12000, s.Accepted)
		assert.EqualValues(t, 12000, s.Cities[0].Delivered)
		assert.Zero(t, s.Pending)
		require.NoError(t, b.Close())
	})
}

func TestOfflineOneCommitAnInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir, "platform"))
		before := b.Stats().Commits
		for range 60 * 50 {
			record(t, b, temperature, 1)
			time.Sleep(20 * time.Millisecond)
		}
		s := closes(t, b)
		assert.InDelta(t, 60, s.Commits-before, 2)
		assert.LessOrEqual(t, s.Pending, uint64(51), "the loss window is a second")
		assert.EqualValues(t, 3000, s.Accepted+s.Pending)
		require.NoError(t, b.Close())
	})
}

func TestUncleanStop(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform", "other"))
	record(t, b, temperature, 100)
	c := b.Cursor("platform")
	c.Settle(c.Backlog(40), nil)
	require.NoError(t, b.Commit())
	record(t, b, temperature, 7) // pending: lost
	c.Settle(c.Backlog(10), nil) // since the last commit: will come again

	o := options(crash(t, dir), "platform", "other")
	o.copied = true // as it was, after a power cut
	after := open(t, o)

	s := closes(t, after)
	assert.Equal(t, "unclean", s.LastStop)
	assert.Equal(t, b.Stats().Epoch, s.Epoch)
	assert.EqualValues(t, 100, s.Accepted)
	assert.EqualValues(t, 60, s.Cities[1].Waiting)
	assert.EqualValues(t, 100, s.Cities[0].Waiting, "in the order of their names")
	notices := after.Ledger()
	require.Len(t, notices, 1)
	assert.Equal(t, agent.NoticeWindow, notices[0].Kind)
	assert.EqualValues(t, 101, notices[0].From)

	record(t, after, temperature, 1)
	assert.EqualValues(t, 101, closes(t, after).Accepted+after.Stats().Pending)
	last := after.Stats().AcceptedTo + after.Stats().Pending
	require.NoError(t, after.Commit())
	assert.Equal(t, notices[0].To+1, after.Stats().AcceptedTo, "no gap after the window; was %d", last)
	got := after.Cursor("platform").Backlog(1000)
	assert.EqualValues(t, 41, got.Observations[0].Seq)
	assert.Len(t, got.Observations, 61)
}

func TestCleanStop(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())
	assert.ErrorIs(t, b.Record([]agent.Observation{{}}), ErrClosed)

	b = open(t, options(dir, "platform"))
	record(t, b, temperature, 1)
	s := closes(t, b)
	assert.Equal(t, "clean", s.LastStop)
	assert.Empty(t, b.Ledger())
	batch := b.Cursor("platform").Backlog(100)
	require.Len(t, batch.Observations, 11)
	for i, o := range batch.Observations {
		assert.EqualValues(t, i+1, o.Seq)
	}
	assert.Equal(t, temperature.Name, batch.Observations[0].Datastream.Name)
}

func TestSecondAgent(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform"))
	_, err := Open(options(dir, "platform"))
	assert.ErrorIs(t, err, ErrLocked)
	require.NoError(t, b.Close())
}

func TestLanes(t *testing.T) {
	b := open(t, options(t.TempDir(), "platform"))
	record(t, b, temperature, 5)
	require.NoError(t, b.Commit())
	c := b.Cursor("platform")
	c.Connected(true)
	record(t, b, temperature, 3)

	live := c.Live(2)
	assert.Equal(t, []uint64{6, 7}, numbers(live))
	backlog := c.Backlog(3)
	assert.Equal(t, []uint64{1, 2, 3}, numbers(backlog))
	assert.Equal(t, []uint64{8}, numbers(c.Live(10)))
	assert.Empty(t, numbers(c.Live(10)))

	c.Release(live)
	assert.Equal(t, []uint64{4, 5, 6, 7}, numbers(c.Backlog(10)), "released is backlog")
	assert.Empty(t, numbers(c.Backlog(10)), "all is handed out")
	c.Settle(backlog, nil)
	s := closes(t, b)
	assert.EqualValues(t, 3, s.Cities[0].Delivered)
	select {
	case <-c.Grown():
	default:
		t.Error("says that there is something")
	}
}

func numbers(b agent.Batch) []uint64 {
	var all []uint64
	for _, o := range b.Observations {
		all = append(all, o.Seq)
	}
	return all
}

func TestInstantsAreNotSplit(t *testing.T) {
	b := open(t, options(t.TempDir(), "platform"))
	x, _ := b.Datastream(temperature)
	y, _ := b.Datastream(rain)
	for range 4 {
		require.NoError(t, b.Record([]agent.Observation{{Datastream: y, Time: time.Now()}, {Datastream: x, Time: time.Now()}, {Datastream: y, Time: time.Now()}}))
	}
	c := b.Cursor("platform")
	assert.Len(t, c.Backlog(5).Observations, 3)
	assert.Len(t, c.Backlog(1).Observations, 3, "an instant larger than the limit")
	rest := c.Backlog(6)
	assert.Len(t, rest.Observations, 6)
	assert.Equal(t, x, rest.Observations[0].Datastream, "in the order of the datastreams")
}

func TestRounding(t *testing.T) {
	b := open(t, options(t.TempDir(), "platform"))
	ds, _ := b.Datastream(temperature)
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	obs := []agent.Observation{{Datastream: ds, Time: now, Value: 21.4567}, {Datastream: ds, Time: now, Value: -0.001}}
	require.NoError(t, b.Record(obs))
	assert.Equal(t, 21.46, obs[0].Value, "what is stored is what is sent")
	assert.Equal(t, "0", fmt.Sprint(obs[1].Value))
	assert.Equal(t, now.Truncate(time.Millisecond), obs[0].Time)
	assert.Equal(t, obs[0].Time.Add(time.Millisecond), obs[1].Time, "strictly increasing")
	back := []agent.Observation{{Datastream: ds, Time: now.AddDate(-50, 0, 0)}}
	require.NoError(t, b.Record(back))
	assert.Equal(t, 1976, back[0].Time.Year(), "a clock set back is believed")
}

func TestAlarmIsOnFlashAtOnce(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform"))
	record(t, b, temperature, 2)
	record(t, b, door, 1)
	s := closes(t, b)
	assert.Zero(t, s.Pending)
	assert.EqualValues(t, 3, closes(t, open(t, options(crash(t, dir), "platform"))).Accepted)
}

// TestAlarmsWhileTheDiskIsFull checks that a door that opens and closes does not
// make the disk, or the log, busy.
func TestAlarmsWhileTheDiskIsFull(t *testing.T) {
	o := options(t.TempDir(), "platform")
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	b := open(t, o)
	fill(t, b)
	record(t, b, door, 200)
	assert.EqualValues(t, 200, b.Stats().Pending)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	empty(b)
	require.NoError(t, b.Commit())
	assert.Zero(t, b.Stats().Pending)
}

func TestStrict(t *testing.T) {
	o := options(t.TempDir(), "platform")
	o.Strict = true
	b := open(t, o)
	record(t, b, temperature, 3)
	assert.Zero(t, b.Stats().Pending)
	assert.Len(t, b.Cursor("platform").Backlog(10).Observations, 3)
}

func TestCountsGoOn(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform"))
	c := b.Cursor("platform")
	c.Connected(true)
	ds, _ := b.Datastream(rain)
	obs := []agent.Observation{{Datastream: ds, Time: time.Now(), Value: 41}}
	require.NoError(t, b.Record(obs))
	c.Settle(c.Live(10), nil)
	require.NoError(t, b.Commit())

	b = open(t, options(crash(t, dir), "platform"))
	ds, err := b.Datastream(rain)
	require.NoError(t, err)
	total, ok := b.Last(ds)
	assert.True(t, ok)
	assert.EqualValues(t, 41, total)
	for i, want := range []agent.Quality{agent.Restarted, 0} {
		obs := []agent.Observation{{Datastream: ds, Time: time.Now(), Value: 42}}
		require.NoError(t, b.Record(obs))
		assert.Equalf(t, want, obs[0].Quality, "value %d after an unclean stop", i)
	}
}

func TestDatastreamsKeepTheirIDs(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform"))
	x, _ := b.Datastream(temperature)
	changed := temperature
	changed.Property.Unit = "[degF]"
	y, _ := b.Datastream(changed)
	assert.NotEqual(t, x.ID, y.ID, "another unit is another datastream")
	record(t, b, temperature, 1)
	require.NoError(t, b.Close())

	b = open(t, options(dir, "platform"))
	again, _ := b.Datastream(temperature)
	assert.Equal(t, x, again)
	assert.Equal(t, "Cel", b.Cursor("platform").Backlog(1).Observations[0].Datastream.Property.Unit)
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "platform", "other"))
	record(t, b, temperature, 5)
	c := b.Cursor("platform")
	c.Settle(c.Backlog(5), map[uint64]string{3: "too old"})
	require.NoError(t, b.Commit())

	s := closes(t, b)
	assert.EqualValues(t, 4, s.Cities[1].Delivered)
	assert.EqualValues(t, 1, s.Cities[1].Ledgered)
	assert.EqualValues(t, 5, s.Cities[0].Waiting)
	ledger := b.Ledger()
	require.Len(t, ledger, 1)
	assert.Equal(t, "refused: too old", ledger[0].Cause)
	assert.Equal(t, []string{"platform"}, ledger[0].Cities)
	assert.Empty(t, b.Cursor("other").Notices(10), "it is not concerned")
	told := c.Notices(10)
	require.Len(t, told, 1)
	c.Notified(told[0].ID)
	assert.Empty(t, c.Notices(10))
}

func TestParkedCity(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a", "b"))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())

	b = open(t, options(dir, "b"))
	assert.Nil(t, b.Cursor("a"))
	c := b.Cursor("b")
	c.Settle(c.Backlog(100), nil)
	record(t, b, temperature, 5)
	s := closes(t, b)
	assert.True(t, s.Cities[0].Parked)
	assert.EqualValues(t, 10, s.Cities[0].Waiting, "its data is kept")
	_, err := b.Forget("b")
	assert.ErrorContains(t, err, "still configured")
	require.NoError(t, b.Close())

	b = open(t, options(dir, "a", "b"))
	assert.EqualValues(t, 10, closes(t, b).Cities[0].Waiting, "and there when it comes back")
	require.NoError(t, b.Close())

	b = open(t, options(dir, "b"))
	n, err := b.Forget("a")
	require.NoError(t, err)
	assert.EqualValues(t, 10, n)
	assert.Len(t, closes(t, b).Cities, 1)
	require.Len(t, b.Ledger(), 1)
	assert.Equal(t, "forgotten", b.Ledger()[0].Cause)
}

func TestNewCity(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	c := b.Cursor("a")
	c.Settle(c.Backlog(4), nil)
	require.NoError(t, b.Close())

	o := options(dir, "a", "old", "new")
	o.Cities[2].From = FromNow
	b = open(t, o)
	s := closes(t, b)
	assert.EqualValues(t, 0, s.Cities[1].Waiting)
	assert.EqualValues(t, 6, s.Cities[2].Waiting, "what is still in the log")
}

func TestNoCity(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())
	assert.EqualValues(t, 10, closes(t, open(t, options(dir, "a"))).Cities[0].Waiting, "kept for the city to come")
}

func TestBoots(t *testing.T) {
	dir := t.TempDir()
	var boots []uint32
	for _, id := range []string{"x", "x", "y", "", ""} {
		o := options(dir, "a")
		o.BootID = id
		b := open(t, o)
		boots = append(boots, b.Boot())
		require.NoError(t, b.Close())
	}
	assert.Equal(t, []uint32{1, 1, 2, 3, 4}, boots, "who does not know takes each start for a boot")
}

func TestOtherThing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 3)
	first := b.Stats().Epoch
	require.NoError(t, b.Close())

	o := options(dir, "a")
	o.Thing = "lamp-043"
	b = open(t, o)
	record(t, b, temperature, 3)
	assert.NotEqual(t, first, b.Stats().Epoch)
	c := b.Cursor("a")
	old, fresh := c.Backlog(100), c.Backlog(100)
	assert.Equal(t, first, old.Epoch.String(), "a batch is of one epoch")
	assert.Equal(t, []uint64{1, 2, 3}, numbers(old))
	assert.Equal(t, []uint64{4, 5, 6}, numbers(fresh))
}

func TestDamagedBlock(t *testing.T) {
	dir := t.TempDir()
	for range 3 { // each start seals what the last run left
		b := open(t, options(dir, "a"))
		record(t, b, temperature, 10)
		require.NoError(t, b.Close())
	}
	b := open(t, options(dir, "a"))
	ref := b.blocks[1]
	require.NoError(t, b.Close())
	flip(t, filepath.Join(dir, ref.segment), []byte(blobMagic+"B"), blobHeader+20)

	b = open(t, options(dir, "a"))
	c := b.Cursor("a")
	got := append(numbers(c.Backlog(10)), numbers(c.Backlog(100))...)
	assert.Equal(t, append(from(1, 10), from(21, 30)...), got)
	s := closes(t, b)
	assert.EqualValues(t, 10, s.Cities[0].Ledgered)
	assert.Contains(t, b.Ledger()[0].Cause, "damaged")
	require.NoError(t, b.Commit())
	aside, _ := filepath.Glob(filepath.Join(dir, ref.segment+asideSuffix+"-*"))
	assert.Len(t, aside, 1, "nothing unreadable is deleted")
}

// flip flips a bit of a file, so far after some bytes.
func flip(t *testing.T, path string, after []byte, offset int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(data, after)
	require.GreaterOrEqual(t, at, 0)
	data[at+offset] ^= 4
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

func from(a, b uint64) (all []uint64) {
	for ; a <= b; a++ {
		all = append(all, a)
	}
	return all
}

// What is in the file of the books is in the journal too.
func TestDamagedBooksAreSetAside(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	c := b.Cursor("a")
	c.Settle(c.Backlog(4), nil)
	epoch := b.Stats().Epoch
	require.NoError(t, b.Close())
	path := filepath.Join(dir, fileName)
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte(blobMagic), 1<<14), 0o600))

	b = open(t, options(dir, "a"))
	record(t, b, temperature, 1)
	s := closes(t, b)
	assert.NotEqual(t, epoch, s.Epoch)
	assert.EqualValues(t, 4, s.Cities[0].Delivered)
	assert.Equal(t, from(5, 10), numbers(b.Cursor("a").Backlog(100)))
	aside, _ := filepath.Glob(path + ".damaged-*")
	assert.Len(t, aside, 1, "nothing unreadable is deleted")
}

func TestMaxSize(t *testing.T) {
	o := options(t.TempDir(), "a")
	o.MaxSize = 3 * segmentSize
	b := open(t, o)
	b.writing.Lock()
	b.store.journal.halfSize = 1 << 20
	b.writing.Unlock()
	n := 0
	for ; len(b.Ledger()) < 3; n += 5000 {
		recordNoise(t, b, 5000)
		require.NoError(t, b.Commit())
	}
	s := closes(t, b)
	assert.LessOrEqual(t, s.LogBytes, o.MaxSize+segmentSize)
	assert.Positive(t, s.Cities[0].Ledgered)
	summaries := 0
	for w := range b.Export() {
		if w.Quality&agent.Thinned != 0 {
			summaries++
		}
	}
	assert.EqualValues(t, n+summaries, s.Accepted)
	var counted uint64
	for _, n := range b.Ledger() {
		counted += n.Count
	}
	assert.Equal(t, s.Cities[0].Ledgered, counted, "the ledger adds up")
	files, _ := filepath.Glob(filepath.Join(o.Dir, "*"+segmentSuffix))
	assert.LessOrEqual(t, len(files), 10, "space is given back")
}

func TestDiskFull(t *testing.T) {
	o := options(t.TempDir(), "a")
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	b := open(t, o)
	fill(t, b)
	record(t, b, temperature, 50)
	assert.ErrorContains(t, b.Commit(), "disk full")
	assert.Error(t, b.Commit())
	s := closes(t, b)
	assert.Equal(t, "ram", s.LossWindow)
	assert.EqualValues(t, 50, s.Pending)
	c := b.Cursor("a")
	c.Connected(true)
	record(t, b, temperature, 20)
	c.Settle(c.Live(20), nil)
	assert.EqualValues(t, 50, b.Stats().Pending, "what arrives is accepted")
	record(t, b, temperature, 2*maxPendingRows)
	s = closes(t, b)
	assert.LessOrEqual(t, s.Pending, uint64(maxPendingRows))

	empty(b)
	require.NoError(t, b.Commit())
	s = closes(t, b)
	assert.Zero(t, s.Pending)
	var never uint64
	for _, n := range b.Ledger() {
		assert.Contains(t, n.Cause, "ram")
		never += n.Count
	}
	assert.EqualValues(t, 71+2*maxPendingRows, s.Accepted+never)
	assert.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())
}

func TestExportAndInspect(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a", "b"))
	record(t, b, temperature, 3000)
	c := b.Cursor("a")
	c.Settle(c.Backlog(10), nil)
	require.NoError(t, b.Close())

	r, err := Inspect(dir)
	require.NoError(t, err)
	defer r.Close()
	var got []Waiting
	for w := range r.Export() {
		got = append(got, w)
	}
	require.Len(t, got, 3000)
	assert.Equal(t, []string{"b"}, got[0].Cities)
	assert.Equal(t, []string{"a", "b"}, got[10].Cities)
	_, err = Inspect(t.TempDir())
	assert.Error(t, err)
}

func TestWitness(t *testing.T) {
	o := options(t.TempDir(), "a")
	var lines bytes.Buffer
	o.Witness = &lines
	b := open(t, o)
	record(t, b, temperature, 2)
	c := b.Cursor("a")
	batch := c.Backlog(1)
	c.Settle(batch, nil)
	require.NoError(t, b.Commit())
	e := b.Stats().Epoch
	assert.Equal(t, strings.ReplaceAll("recorded E 1-1\nrecorded E 2-2\naccepted E 1-1\naccepted E 2-2\n", "E", e), lines.String())
}
