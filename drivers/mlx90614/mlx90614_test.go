package mlx90614

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.FlippedBits[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Whole transfers of real parts: a datasheet's and those of eldruin's tests.
func TestChecksum(t *testing.T) {
	for _, tt := range []struct {
		cmd  byte
		b    [3]byte
		want float64
	}{
		{0x07, [3]byte{0xd2, 0x3a, 0x30}, 28.01},
		{0x06, [3]byte{0xe1, 0x39, 0xe9}, 23.19},
		{0x06, [3]byte{0x61, 0x3a, 0x56}, 25.75},
		{0x06, [3]byte{0x6b, 0x3a, 0xd4}, 25.95},
		{0x06, [3]byte{0x26, 0x3a, 0x66}, 24.57},
		{0x07, [3]byte{0x26, 0x3a, 0x70}, 24.57},
	} {
		w, err := check(0x5a, tt.cmd, tt.b)
		require.NoError(t, err)
		celsius, err := decode(w, -40, 125)
		require.NoError(t, err)
		assert.InDelta(t, tt.want, celsius, 1e-9)

		_, err = check(0x5a, tt.cmd^1, tt.b)
		assert.ErrorIs(t, err, drivers.ErrChecksum, "an answer to another question")
		_, err = check(0x5b, tt.cmd, tt.b)
		assert.ErrorIs(t, err, drivers.ErrChecksum, "another part's answer")
	}
}

// sealed is an answer with the right checksum.
func sealed(cmd, low, high byte) []byte { return []byte{low, high, checksum(0x5a, cmd, low, high)} }

func TestObserve(t *testing.T) {
	got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{
		cmdSurface: {0xd2, 0x3a, 0x30}, cmdPart: {0xe1, 0x39, 0xe9},
	})
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, agent.SurfaceTemperature, got[0].Property)
	assert.InDelta(t, 28.01, got[0].Value, 1e-9)
	assert.Equal(t, agent.PartTemperature, got[1].Property)
	assert.InDelta(t, 23.19, got[1].Value, 1e-9)
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		cmd    byte
		answer []byte
		want   error
		text   string
	}{
		"checksum":              {cmdPart, []byte{0xe1, 0x39, 0xea}, drivers.ErrChecksum, "e1 39 ea"},
		"checksum of a surface": {cmdSurface, []byte{0xe1, 0x39, 0xe9}, drivers.ErrChecksum, "surface"},
		"error flag":            {cmdSurface, sealed(cmdSurface, 0xd2, 0xba), drivers.ErrNoReading, "error flag"},
		"just switched on":      {cmdSurface, sealed(cmdSurface, 0, 0), drivers.ErrRange, "surface"},
		"surface too hot":       {cmdSurface, sealed(cmdSurface, 0xad, 0x7f), drivers.ErrRange, "surface"},
		"never measured":        {cmdPart, sealed(cmdPart, 0, 0), drivers.ErrNotReady, "identify"},
		"part too hot":          {cmdPart, sealed(cmdPart, 0xc5, 0x4d), drivers.ErrRange, "part"},
		"another part":          {cmdAddress, sealed(cmdAddress, 0x5b, 0xbe), drivers.ErrIdentity, "0x5b"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.cmd: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "mlx90614.json") {
		if len(v.Calls) == 0 {
			continue // a capture
		}
		n++
		cmd, err := hex.DecodeString(v.Calls[0].W)
		require.NoError(t, err)
		b, err := hex.DecodeString(v.Calls[0].R)
		require.NoError(t, err)
		w, err := check(0x5a, cmd[0], [3]byte(b))
		if v.ExpectError != "" {
			assert.ErrorIs(t, err, drivers.ErrChecksum, v.ID)
			continue
		}
		require.NoError(t, err, v.ID)
		celsius, err := decode(w, -40, 125)
		require.NoError(t, err, v.ID)
		assert.InDelta(t, v.Expect[0].Value, celsius, v.Expect[0].Tol, v.ID)
	}
	assert.Equal(t, 5, n)
}

// A real part's surface temperatures. The board that was recorded addresses the
// part as 0 and asks for no checksum, so the words alone are replayed, each with
// the checksum that it has at the part's own address.
func TestRecorded(t *testing.T) {
	n, lowest, highest := 0, math.Inf(1), math.Inf(-1)
	for line := range strings.Lines(string(drivertest.Data(t, "i2c/captures/mlx90614_5s.jsonl"))) {
		var transfer struct{ Msgs []struct{ Data string } }
		require.NoError(t, json.Unmarshal([]byte(line), &transfer))
		require.Len(t, transfer.Msgs, 2)
		require.Equal(t, "07", transfer.Msgs[0].Data)
		b, err := hex.DecodeString(transfer.Msgs[1].Data)
		require.NoError(t, err)

		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{cmdSurface: sealed(cmdSurface, b[0], b[1])})

		require.NoError(t, err)
		n++
		lowest, highest = min(lowest, got[0].Value), max(highest, got[0].Value)
	}
	assert.Equal(t, 25, n)
	assert.InDelta(t, 24.27, lowest, 0.001)
	assert.InDelta(t, 24.59, highest, 0.001)
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0x07), byte(0xd2), byte(0x3a), byte(0x30))
	f.Fuzz(func(t *testing.T, cmd, low, high, crc byte) {
		w, err := check(0x5a, cmd, [3]byte{low, high, crc})
		if crc != checksum(0x5a, cmd, low, high) {
			assert.ErrorIs(t, err, drivers.ErrChecksum, "never a value")
			return
		}
		require.NoError(t, err)
		if celsius, err := decode(w, -70, 380); err == nil {
			assert.True(t, -70 <= celsius && celsius <= 380, celsius)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		w, _ := check(0x5a, 0x07, [3]byte{0xd2, 0x3a, 0x30})
		_, _ = decode(w, -70, 380)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x00: false, 0x07: false, 0x08: true, 0x5a: true, 0x77: true, 0x78: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
