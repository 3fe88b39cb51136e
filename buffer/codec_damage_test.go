package buffer

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// Each number that a block says twice is compared.
func TestCodecBlockContradictsItself(t *testing.T) {
	// Three rows of the Seqs 1 to 3; two columns: datastream 1 with one row and 2 with
	// two, each with the form and the numbers of times and values; order; the rest.
	good := []byte{3, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0}
	var c codec
	rows, err := c.decode(sealed(good), someStreams)
	require.NoError(t, err)
	require.Len(t, rows, 3)

	tests := map[string][]byte{
		"times of a column of another size": {3, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1, 2, timesShared, 0, 0, 0, 0, 0},
		"times of no column":                {1, 1, 1, 0, 1, 1, 1, timesShared, 0, 0, 0, 0},
		"fewer Seqs than rows":              {3, 1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0},
		"fewer rows in columns":             {3, 1, 1, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0},
		"a column of no rows":               {2, 1, 1, 1, 2, 1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0},
		"something after it":                append(good, 0),
	}
	for name, body := range tests {
		_, err := c.decode(sealed(body), someStreams)
		assert.ErrorIs(t, err, errDamaged, name)
	}
}

func TestCodecRunsContradictThemselves(t *testing.T) {
	tests := map[string][]byte{
		"a Seq beyond the last": append(binary.AppendUvarint([]byte{1}, math.MaxUint64), 1, 0x10, 0x10),
		"the Seq 0":             {1, 0, 0, 0x10},
		"the same Seq again":    {2, 1, 0, 0, 0, 0x10, 0x10},
		"more than the bytes":   {3, 1, 9, 2, 9, 2, 9, 0, 0, 0},
	}
	for name, data := range tests {
		var c rowCodec
		d := decoder{b: data}
		got := c.readRows(&d, someStreams, nil)
		assert.True(t, d.bad, name)
		assert.LessOrEqual(t, cap(got), 2*len(data), name)
	}
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
