package buffer

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
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

func TestCodecNoticesEveryFlippedBit(t *testing.T) {
	var c codec
	block := c.append(nil, randomRows(rand.New(rand.NewPCG(7, 8)), 20))
	for bit := range 8 * len(block) {
		bad := bytes.Clone(block)
		bad[bit/8] ^= 1 << (bit % 8)
		_, err := c.decode(bad, someStreams)
		require.ErrorIs(t, err, errDamaged)
	}
	for n := range block {
		_, err := c.decode(block[:n], someStreams)
		require.ErrorIs(t, err, errDamaged)
	}
}

func TestCodecOfUnknownDatastream(t *testing.T) {
	rows := sensorRows(rand.New(rand.NewPCG(7, 8)), 200)
	one := map[uint32]*agent.Datastream{someIDs[0]: someStreams[someIDs[0]]}
	var blocks codec
	var frames rowCodec

	_, err := blocks.decode(blocks.append(nil, rows), one)
	d := decoder{b: frames.appendRows(nil, rows)}
	got := frames.readRows(&d, one, nil)

	assert.ErrorIs(t, err, errDamaged)
	assert.True(t, d.bad)
	assert.Empty(t, got)
}

// A block or frame is read before it is known to be whole.
func TestCodecDoesNotBelieveHowManyRowsThereAre(t *testing.T) {
	claim := binary.AppendUvarint(nil, maxBlockRows) // rows
	run := binary.AppendUvarint([]byte{1, 1}, maxBlockRows-1)
	var blocks codec
	var frames rowCodec

	_, err := blocks.decode(sealed(append(claim, run...)), someStreams)
	d := decoder{b: run}
	got := frames.readRows(&d, someStreams, nil)

	assert.ErrorContains(t, err, "1048576 rows in 5 bytes")
	assert.True(t, d.bad)
	assert.Zero(t, cap(got))
}

// What sensors give for a while costs once, not with every row: a window, a clock
// that is not set, datastreams of which one is doubtful.
func TestCodecRareThingsCostLittle(t *testing.T) {
	rows := fifty(5000)
	var blocks codec
	var frames rowCodec
	block, frame := len(blocks.append(nil, rows)), len(frames.appendRows(nil, rows))

	for i := range rows {
		r := &rows[i]
		r.Boot, r.Mono = 7, time.Duration(r.Time.UnixMilli()-rows[0].Time.UnixMilli()+5000)*time.Millisecond
		if i%50 == 3 {
			r.Span, r.Quality = time.Minute, agent.ClockUnset
		}
	}

	assert.Less(t, len(blocks.append(nil, rows)), block+50)
	assert.Less(t, len(frames.appendRows(nil, rows)), frame+50)
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

// sealed returns a block with a body as it is.
func sealed(body []byte) []byte {
	block := append([]byte{0}, body...)
	return binary.LittleEndian.AppendUint32(block, crc32.Checksum(block, castagnoli))
}

// readBody reads the body of a block: not at all, or into rows that can be
// written and read again.
func readBody(t *testing.T, c *codec, body []byte) {
	rows, err := c.decode(sealed(body), someStreams)
	if err != nil {
		return
	}
	rising(t, rows)
	again, err := c.decode(c.append(nil, rows), someStreams)
	require.NoError(t, err)
	same(t, rows, again)
}

// readFrame is readBody of the rows of a frame.
func readFrame(t *testing.T, c *rowCodec, data []byte) {
	d := decoder{b: data}
	rows := c.readRows(&d, someStreams, nil)
	if d.bad {
		return
	}
	require.LessOrEqual(t, len(rows), len(data))
	rising(t, rows)
	d = decoder{b: c.appendRows(nil, rows)}
	same(t, rows, c.readRows(&d, someStreams, nil))
	require.False(t, d.bad)
}

func rising(t *testing.T, rows []row) {
	last := uint64(0)
	for _, r := range rows {
		require.Greater(t, r.Seq, last)
		last = r.Seq
	}
}

// someData returns bodies of blocks and rows of frames.
func someData() (bodies, frames [][]byte) {
	var blocks codec
	var rows rowCodec
	random := rand.New(rand.NewPCG(9, 10))
	for n := range 8 {
		for _, some := range [][]row{randomRows(random, n), sensorRows(random, 10*n), fifty(3 * n)} {
			blocks.append(nil, some)
			bodies = append(bodies, bytes.Clone(blocks.body))
			frames = append(frames, rows.appendRows(nil, some))
		}
	}
	return bodies, frames
}

// Below the checksum any damage is read or refused.
func TestCodecSurvivesDamage(t *testing.T) {
	var blocks codec
	var rows rowCodec
	random := rand.New(rand.NewPCG(11, 12))
	damaged := func(data []byte) []byte {
		data = bytes.Clone(data)
		for range 1 + random.IntN(3) {
			if at := random.IntN(len(data)); random.IntN(4) > 0 {
				data[at] = byte(random.Uint32() >> random.IntN(8))
			} else {
				data = slices.Insert(data, at, binary.AppendUvarint(nil, random.Uint64()>>random.IntN(64))...)
			}
		}
		return data
	}

	bodies, frames := someData()
	for range 40_000 {
		readBody(t, &blocks, damaged(bodies[random.IntN(len(bodies))]))
		readFrame(t, &rows, damaged(frames[random.IntN(len(frames))]))
	}
}

// A datastream that has no resolution has its values bit by bit, and steps of one
// that is said to have none are not guessed.
func TestCodecWithoutResolution(t *testing.T) {
	none := map[uint32]*agent.Datastream{1: {ID: 1, Resolution: -1}}
	rows := make([]row, 1)
	var blocks codec
	var frames rowCodec
	for _, v := range []float64{0, 1, math.Inf(1), math.Inf(-1), math.NaN(), -math.NaN()} {
		rows[0] = row{Observation: agent.Observation{Seq: 1, Datastream: none[1], Time: time.UnixMilli(0).UTC(), Value: v}}
		got, err := blocks.decode(blocks.append(nil, rows), none)
		require.NoError(t, err)
		same(t, rows, got)
		d := decoder{b: frames.appendRows(nil, rows)}
		same(t, rows, frames.readRows(&d, none, nil))
	}

	rows[0].Datastream, rows[0].Value = &agent.Datastream{ID: 1, Resolution: 1}, 0.5
	_, err := blocks.decode(blocks.append(nil, rows), none)
	d := decoder{b: frames.appendRows(nil, rows)}
	frames.readRows(&d, none, nil)

	require.ErrorIs(t, err, errDamaged)
	require.True(t, d.bad)
}

func FuzzDecodeBlock(f *testing.F) {
	var c codec
	bodies, _ := someData()
	for _, b := range bodies {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) { readBody(t, &c, data) })
}

func FuzzReadRows(f *testing.F) {
	var c rowCodec
	_, frames := someData()
	for _, b := range frames {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) { readFrame(t, &c, data) })
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
