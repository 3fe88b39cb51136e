package buffer

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var someCodec codec

var someStreams = map[uint32]*agent.Datastream{1: {ID: 1, Resolution: 2}, 7: {ID: 7, Resolution: 1}, 1 << 30: {ID: 1 << 30}}

func randomRows(random *rand.Rand, n int) []row {
	var rows []row
	seq := random.Uint64N(1 << 50)
	for range n {
		seq += 1 + random.Uint64N(3)
		r := row{joins: random.IntN(3) == 0}
		r.Seq = seq
		for _, ds := range someStreams {
			r.Datastream = ds
		}
		r.Time = time.UnixMilli(random.Int64N(1<<45) - 1<<44).UTC()
		r.Value = math.Float64frombits(random.Uint64())
		if random.IntN(2) == 0 {
			r.Boot, r.Mono = random.Uint32()|1, time.Duration(random.Int64())
		}
		if random.IntN(2) == 0 {
			r.Span = time.Duration(random.Int64())
		}
		if random.IntN(2) == 0 {
			r.Quality = agent.Quality(random.Uint32())
		}
		rows = append(rows, r)
	}
	return rows
}

func TestCodecRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for n := range 300 {
		rows := randomRows(random, n)
		if n%2 == 0 { // and such as sensors give
			for i := range rows {
				rows[i].Value = agent.Round(float64(random.IntN(1000))/100, 2)
				rows[i].Time = time.UnixMilli(int64(i / 3 * 1000)).UTC()
			}
		}
		got, err := someCodec.decode(someCodec.append([]byte("prefix"), rows)[6:], someStreams)
		require.NoError(t, err)
		same(t, rows, got)
	}
}

func same(t *testing.T, want, got []row) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, math.Float64bits(want[i].Value), math.Float64bits(got[i].Value), "every bit pattern")
		x, y := want[i], got[i]
		x.Value, y.Value = 0, 0
		require.Equal(t, x, y)
	}
}

func TestCodecNoticesEveryFlippedBit(t *testing.T) {
	block := someCodec.append(nil, randomRows(rand.New(rand.NewPCG(7, 8)), 20))
	for bit := range 8 * len(block) {
		bad := bytes.Clone(block)
		bad[bit/8] ^= 1 << (bit % 8)
		_, err := someCodec.decode(bad, someStreams)
		require.ErrorIs(t, err, errDamaged)
	}
	for n := range block {
		_, err := someCodec.decode(block[:n], someStreams)
		require.ErrorIs(t, err, errDamaged)
	}
	_, err := someCodec.decode(block, nil)
	assert.ErrorIs(t, err, errDamaged, "of an unknown datastream")
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add(someCodec.append(nil, randomRows(rand.New(rand.NewPCG(9, 10)), 5)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if rows, err := someCodec.decode(data, someStreams); err == nil {
			again, err := someCodec.decode(someCodec.append(nil, rows), someStreams)
			require.NoError(t, err)
			same(t, rows, again)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	buf, err := Open(Options{Dir: b.TempDir(), Thing: "lamp-042", Cities: []City{{Name: "a"}}, MinFree: 1, CommitEvery: time.Hour})
	require.NoError(b, err)
	defer buf.Close()
	ds, err := buf.Datastream(temperature)
	require.NoError(b, err)
	c := buf.Cursor("a")
	c.Connected()
	obs := make([]agent.Observation, 100)
	now := time.Now()
	for b.Loop() {
		for i := range obs {
			obs[i] = agent.Observation{Datastream: ds, Time: now, Value: float64(i)}
		}
		now = now.Add(time.Second)
		if err := buf.Record(obs); err != nil {
			b.Fatal(err)
		}
		c.Settle(c.Live(1000), nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(obs)), "ns/observation")
}
