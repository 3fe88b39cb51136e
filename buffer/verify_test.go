package buffer

import (
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verified checks that the books close and returns the report.
func verified(t *testing.T, b *Buffer) Report {
	t.Helper()
	r, err := b.Verify()
	require.NoError(t, err)
	require.Empty(t, r.Findings)
	return r
}

// findings returns what Verify finds.
func findings(t *testing.T, b *Buffer) []string {
	t.Helper()
	r, err := b.Verify()
	require.NoError(t, err)
	return r.Findings
}

func TestVerifyOfGoodBooks(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a", "b"))
	record(t, b, temperature, 30)
	require.NoError(t, b.Commit())
	record(t, b, temperature, 10)
	c := b.Cursor("a")
	hold(b)
	c.Settle(c.Backlog(12), map[uint64]string{3: "no", 7: "no"})
	assert.EqualValues(t, 30, verified(t, b).Observations, "those that are accepted")
	require.NoError(t, b.Close())

	r, err := Inspect(dir)
	require.NoError(t, err)
	defer r.Close()
	assert.Equal(t, Report{Observations: 40, Blocks: 2, Files: 2, Findings: []string{}}, verified(t, r))
}

func TestVerifyOfAClosedBuffer(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	require.NoError(t, b.Close())
	_, err := b.Verify()
	assert.ErrorIs(t, err, ErrClosed)
}

// A life with everything in it leaves books that close, and nothing to find.
func TestVerifyCriesNoWolf(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a", "b"))
	record(t, b, temperature, 100)
	a, c := b.Cursor("a"), b.Cursor("b")
	a.Settle(a.Backlog(70), map[uint64]string{1: "no"})
	c.Settle(c.Backlog(50), nil)
	require.NoError(t, b.Commit())
	spoil(b, 60) // lost for both, in one entry, but not the same of them
	verified(t, b)
	require.NoError(t, b.Commit())

	b = open(t, options(crash(t, dir), "a", "b")) // an unclean stop
	verified(t, b)
	for lacked := range 2 { // a city leaves that lacks nothing, or something
		b = reopen(t, b, "a", "b")
		record(t, b, temperature, 10*lacked)
		b = reopen(t, b, "b")
		verified(t, b)
		n, err := b.Forget("a")
		require.NoError(t, err)
		require.EqualValues(t, 10*lacked, n)
		verified(t, b)
		b = reopen(t, b, "a", "b") // and comes back as a new one
		verified(t, b)
	}
	assert.Len(t, b.Cursor("a").Backlog(100).Observations, 10)
	verified(t, b)
}

// reopen stops a buffer and starts it again with other cities.
func reopen(t *testing.T, b *Buffer, cities ...string) *Buffer {
	t.Helper()
	require.NoError(t, b.Close())
	return open(t, options(b.o.Dir, cities...))
}

// What memory let go while the disk took nothing was never accepted.
func TestVerifyAfterAFullDisk(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	fill(t, b)
	record(t, b, temperature, maxPendingRows+10)
	require.NotEmpty(t, b.Ledger())
	verified(t, b)
}

// What is pending is not accepted yet, and with strict it cannot be sent.
func TestVerifyOfWhatIsPending(t *testing.T) {
	o := options(t.TempDir(), "a")
	o.Strict = true
	b := open(t, o)
	fill(t, b)
	record(t, b, temperature, 10)
	require.EqualValues(t, 10, b.Stats().Pending)
	verified(t, b)
}

// The agent goes on while it is verified: one city takes what comes, the other
// is away.
func TestVerifyWhileAllMoves(t *testing.T) {
	b := open(t, options(t.TempDir(), "a", "b"))
	recordNoise(t, b, 5000)
	require.NoError(t, b.Commit())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	running := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	wg.Go(func() {
		c, random := b.Cursor("a"), rand.New(rand.NewPCG(1, 2))
		for running() {
			batch := c.Backlog(1 + random.IntN(300))
			if random.IntN(3) == 0 || len(batch.Observations) == 0 {
				c.Release(batch)
				continue
			}
			c.Settle(batch, map[uint64]string{batch.Observations[0].Seq: "no"})
		}
	})
	wg.Go(func() {
		for running() {
			recordNoise(t, b, 100)
			assert.NoError(t, b.Commit())
		}
	})
	for range 10 {
		verified(t, b)
	}
	close(stop)
	wg.Wait()
}

func TestVerifyFindsADamagedBlock(t *testing.T) {
	dir := t.TempDir()
	for range 3 { // each start seals what the last run left
		b := open(t, options(dir, "a", "b"))
		record(t, b, temperature, 10)
		require.NoError(t, b.Close())
	}
	b := open(t, options(dir, "a", "b"))
	damaged := b.blocks[1].segment
	require.NoError(t, b.Close())
	flip(t, filepath.Join(dir, damaged), []byte(blobMagic+"B"), blobHeader+20)

	r, err := Inspect(dir)
	require.NoError(t, err)
	inspected := findings(t, r)
	require.NoError(t, r.Close())
	require.Len(t, inspected, 1)
	assert.Contains(t, inspected[0], "10 observations from 11 to 20")

	b = open(t, options(dir, "a", "b"))
	assert.Equal(t, inspected, findings(t, b), "an inspection has changed nothing")
	verified(t, b) // now it is in the ledger: the books close
	assert.EqualValues(t, 10, closes(t, b).Cities[0].Ledgered)
}

// Files that cannot be asked are a finding, and no loss.
func TestVerifyFindsWhatCannotBeAskedFor(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	recordNoise(t, b, 2*keepRows)
	require.NoError(t, b.Commit())
	b.writing.Lock()
	b.mu.Lock()
	b.tail = nil
	b.store.broken = assert.AnError
	b.retryAt = time.Now().Add(time.Hour)
	b.mu.Unlock()
	b.writing.Unlock()

	all := findings(t, b)

	b.writing.Lock()
	b.mu.Lock()
	b.store.broken = nil
	b.mu.Unlock()
	b.writing.Unlock()
	require.Len(t, all, 1)
	assert.Equal(t, "8192 observations from 1 to 8192 wait and cannot be read", all[0])
	verified(t, b)
}

func TestVerifyFindsWrongBooks(t *testing.T) {
	tests := []struct {
		name  string
		wrong func(*Buffer)
		want  string
	}{
		{
			"delivered and ledgered", func(b *Buffer) { b.cursor("a").s.Delivered.add(2, 2) },
			"city a: 20 accepted, but 1 delivered + 18 waiting + 2 ledgered",
		},
		{
			"ledgered without an entry", func(b *Buffer) { b.cursor("b").s.Ledgered.add(5, 6) },
			"city b: 2 observations from 5 on are ledgered without an entry",
		},
		{
			"an entry is gone", func(b *Buffer) { b.notices = nil },
			"city a: 2 observations from 2 on are ledgered without an entry",
		},
		{
			"an entry for another city", func(b *Buffer) { b.notices[0].Cities = []string{"b"} },
			"ledger entry 1 names 2 observations that are not ledgered for b",
		},
		{
			"an entry that counts wrongly", func(b *Buffer) { b.notices[0].Count = 3 },
			"ledger entry 1: 3 observations from 2 to 4, but its numbers are [{2 2} {4 4}]",
		},
		{
			"an entry with other ends", func(b *Buffer) { b.notices[0].To = 5 },
			"ledger entry 1: 2 observations from 2 to 5, but its numbers are [{2 2} {4 4}]",
		},
		{
			"what was ledgered waits again", func(b *Buffer) { b.cursor("a").s.Ledgered.remove(4, 4) },
			"ledger entry 1 names 1 observations that are not ledgered for a",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, options(t.TempDir(), "a", "b"))
			record(t, b, temperature, 20)
			c := b.Cursor("a")
			batch := c.Backlog(4)
			c.Settle(agent.Batch{Epoch: batch.Epoch, Observations: []agent.Observation{batch.Observations[1], batch.Observations[3]}},
				map[uint64]string{2: "no", 4: "no"})
			require.NoError(t, b.Commit())
			verified(t, b)
			b.mu.Lock()
			tt.wrong(b)
			b.mu.Unlock()

			assert.Contains(t, findings(t, b), tt.want)
		})
	}
}

// What was settled or recorded meanwhile need not have been read, all else must.
func TestVerifyFindsWhatIsNotRead(t *testing.T) {
	before := held{lacking: ranges{{From: 1, To: 10}}}
	after := held{lacking: ranges{{From: 5, To: 20}}}
	for to, want := range map[uint64][]string{
		10: nil,
		8:  {"2 observations from 9 to 10 wait and cannot be read"},
	} {
		var read reading
		for seq := uint64(5); seq <= to; seq++ {
			read.add(seq)
		}
		var r Report
		r.compareRead(read, before, after)
		assert.Equal(t, want, r.Findings)
	}
}

func TestVerifyFindsWhatWaitsTwice(t *testing.T) {
	var read reading
	for _, seq := range []uint64{1, 2, 3, 2, 3, 4} {
		read.add(seq)
	}
	var r Report
	r.compareRead(read, held{}, held{})
	assert.Equal(t, []string{"2 to 3 wait twice"}, r.Findings)
}
