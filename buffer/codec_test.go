package buffer

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// someStreams have ids that meet in the table of numbers, and resolutions that are
// none.
var someStreams = func() map[uint32]*agent.Datastream {
	streams := map[uint32]*agent.Datastream{
		math.MaxUint32: {ID: math.MaxUint32, Resolution: -1}, 1 << 30: {ID: 1 << 30, Resolution: 10},
	}
	for i := range uint32(70) {
		id := 1 + i*i
		streams[id] = &agent.Datastream{ID: id, Resolution: int8(i % 10)}
	}
	return streams
}()

var someIDs = slices.Sorted(maps.Keys(someStreams))

// randomRows returns rows of which nothing is as the row before.
func randomRows(random *rand.Rand, n int) []row {
	rows := make([]row, n)
	seq := random.Uint64N(1 << 50)
	for i := range rows {
		r := &rows[i]
		seq += 1 + random.Uint64N(3)
		r.Seq, r.joins = seq, random.IntN(3) == 0
		r.Datastream = someStreams[someIDs[random.IntN(len(someIDs))]]
		r.Time = time.UnixMilli(int64(random.Uint64()) >> random.IntN(64)).UTC()
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
	}
	return rows
}

// sensorRows returns rows such as sensors give, with now and then an odd one.
func sensorRows(random *rand.Rand, n int) []row {
	rows := make([]row, n)
	odd := []float64{math.NaN(), math.Float64frombits(0x7ff8dead0000beef), math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, 1 << 53, -1 << 63, 0.1 + 0.2}
	streams, oddly := 1+random.IntN(len(someIDs)), []int{2, 20, 1 << 20}[random.IntN(3)]
	seq, ms := random.Uint64N(1<<50), random.Int64N(1<<41)
	for i := range rows {
		r := &rows[i]
		seq++
		r.Datastream = someStreams[someIDs[i%streams]]
		if i%streams == 0 {
			ms += random.Int64N(3) * 500
		}
		r.Value = agent.Round(random.NormFloat64()*100, r.Datastream.Resolution)
		if i%streams == 1 {
			r.Span = time.Minute
		}
		switch random.IntN(oddly * 6) {
		case 0:
			seq += random.Uint64N(1000)
		case 1:
			ms -= random.Int64N(5000)
		case 2:
			r.Value = odd[random.IntN(len(odd))]
		case 3:
			r.Quality = agent.ClockUnset
		case 4:
			r.Boot, r.Mono = 3, time.Duration(random.Int64N(1<<40))
		case 5:
			r.joins = true
		}
		r.Seq, r.Time = seq, time.UnixMilli(ms).UTC()
		r.joins = r.joins != (i > 0 && r.Time.Equal(rows[i-1].Time))
	}
	return rows
}

// inOrderOfTime gives rows the times and datastreams of their natural order.
func inOrderOfTime(rows []row) {
	inOrder := slices.Clone(rows)
	slices.SortStableFunc(inOrder, func(x, y row) int {
		return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.Datastream.ID, y.Datastream.ID))
	})
	for i := range rows {
		rows[i].Datastream, rows[i].Time = inOrder[i].Datastream, inOrder[i].Time
	}
}

// eachRandomBlock calls f with 20,000 blocks of all sorts and sizes.
func eachRandomBlock(f func(rows []row)) {
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 20_000 {
		n := random.IntN(60)
		if i%500 == 0 {
			n = 3000
		}
		rows := randomRows(random, n)
		if i%2 == 0 {
			rows = sensorRows(random, n)
		}
		if i%3 == 0 {
			inOrderOfTime(rows)
		}
		f(rows)
	}
}

func same(t *testing.T, want, got []row) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		x, y := want[i], got[i]
		if bits := math.Float64bits; bits(x.Value) != bits(y.Value) {
			require.Failf(t, "every bit pattern", "row %d: want %x, got %x", i, bits(x.Value), bits(y.Value))
		}
		if x.Value, y.Value = 0, 0; x != y {
			require.Equal(t, x, y, "row %d", i)
		}
	}
}

// used leaves something of before in rows.
func used(rows []row) {
	for i := range rows {
		rows[i].at = time.Unix(1, 0)
	}
}

func TestCodecBlocksAreExact(t *testing.T) {
	var c codec
	var into, earlier, want []row

	eachRandomBlock(func(rows []row) {
		data := c.append([]byte("prefix"), rows)[6:]
		var err error
		used(into)
		into, err = c.decodeInto(into, data, someStreams)
		require.NoError(t, err)
		same(t, rows, into)
		same(t, want, earlier)
		earlier, err = c.decode(data, someStreams)
		require.NoError(t, err)
		want = rows
	})
}

func TestCodecFramesAreExact(t *testing.T) {
	var c rowCodec
	var into []row

	eachRandomBlock(func(rows []row) {
		data := c.appendRows([]byte("prefix"), rows)[6:]
		d := decoder{b: append(data, "rest"...)}
		used(into)
		into = c.readRows(&d, someStreams, into[:0])
		require.False(t, d.bad)
		require.Equal(t, "rest", string(d.b), "it takes what is its own")
		same(t, rows, into)
	})
}

// What sensors give for a while costs once, not with every row: a window, a clock
// that is not set, datastreams of which one is doubtful.
func TestCodecRareThingsCostLittle(t *testing.T) {
	rows := fifty(5000)
	var blocks codec
	var frames rowCodec
	blocks.append(nil, rows)
	block, frame := len(blocks.body), len(frames.appendRows(nil, rows))

	for i := range rows {
		r := &rows[i]
		r.Boot, r.Mono = 7, time.Duration(r.Time.UnixMilli()-rows[0].Time.UnixMilli()+5000)*time.Millisecond
		if i%50 == 3 {
			r.Span, r.Quality = time.Minute, agent.ClockUnset
		}
	}

	blocks.append(nil, rows)
	assert.Less(t, len(blocks.body), block+50)
	assert.Less(t, len(frames.appendRows(nil, rows)), frame+50)
	assert.Less(t, frame, 2*len(rows))
}

// Values take a byte each, be it that they jump to and fro or that they go far.
func TestCodecTakesTheSmallerForm(t *testing.T) {
	rows := make([]row, 1000)
	for name, value := range map[string]func(i int) float64{
		"jumps":    func(i int) float64 { return 1000 + float64(i%2)*100 },
		"goes far": func(i int) float64 { return float64(i) * 50 },
	} {
		for i := range rows {
			r := &rows[i]
			r.Seq, r.Datastream, r.Time, r.Value = uint64(i+1), someStreams[1], time.UnixMilli(int64(i)*1000), value(i)
		}
		var c codec
		c.append(nil, rows)
		assert.Less(t, len(c.body), 2*len(rows)+30, name)
	}
}

func TestCodecAllocatesNothing(t *testing.T) {
	rows, streams := fifty(1000), streamsOf(fifty(50))
	var frames rowCodec
	var blocks codec
	var frame, block []byte
	var into []row

	assert.Zero(t, testing.AllocsPerRun(20, func() { frame = frames.appendRows(frame[:0], rows) }))
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		d := decoder{b: frame}
		into = frames.readRows(&d, streams, into[:0])
	}))
	// zstd has a few of its own with the race detector.
	assert.LessOrEqual(t, testing.AllocsPerRun(20, func() { block = blocks.append(block[:0], rows) }), 10.0)
	assert.LessOrEqual(t, testing.AllocsPerRun(20, func() { into, _ = blocks.decodeInto(into, block, streams) }), 10.0)
	same(t, rows, into)
}

func BenchmarkRecord(b *testing.B) {
	buf, err := Open(Options{Dir: b.TempDir(), Thing: "lamp-042", Cities: []City{{Name: "a"}}, MinFree: 1, CommitEvery: time.Hour})
	require.NoError(b, err)
	defer buf.Close()
	ds, err := buf.Datastream(temperature)
	require.NoError(b, err)
	c := buf.Cursor("a")
	c.Connected(true)
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
