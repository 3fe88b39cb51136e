package opt3001

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Datasheet, tables 9 and 10.
func TestObserve(t *testing.T) {
	for word, want := range map[uint16]float64{
		0x0000: 0, 0x0001: 0.01, 0x0fff: 40.95, 0x3456: 88.80, 0x789a: 2818.56, 0x8800: 5242.88, 0x9400: 5242.88,
		0xa200: 5242.88, 0xb100: 5242.88, 0xb001: 20.48, 0xbfff: 83865.60,
	} {
		t.Run(fmt.Sprintf("%04x", word), func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regResult: {byte(word >> 8), byte(word)}})

			require.NoError(t, err)
			assert.Equal(t, []agent.Result{{Property: agent.Illuminance, Value: want}}, got)
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	tests := []struct {
		name   string
		reg    byte
		answer []byte
		want   error
	}{
		{"no such range", regResult, []byte{0xc0, 0x01}, drivers.ErrNoReading},
		{"another maker", regMaker, []byte{0x54, 0x48}, drivers.ErrIdentity},
		{"an OPT3002", regDevice, []byte{0x30, 0x02}, drivers.ErrIdentity},
		{"power lost", regConfig, []byte{0xc8, 0x10}, drivers.ErrBrownOut},
		{"power lost, ready", regConfig, []byte{0xc8, 0x90}, drivers.ErrBrownOut},
		{"asleep without a result", regConfig, []byte{0xc8, 0x00}, drivers.ErrBrownOut},
		{"busy for ever", regConfig, []byte{0xca, 0x00}, drivers.ErrNotReady},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got, "no made-up values")
		})
	}
}

// The sun at noon has more than 100,000 lx: the part says that it is too bright, and
// goes on.
func TestTooBright(t *testing.T) {
	got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regConfig: {0xc9, 0x80}, regResult: {0xbf, 0xff}})

	require.NoError(t, err)
	assert.Equal(t, []agent.Result{{Property: agent.Illuminance, Value: 83865.6, Quality: agent.Saturated}}, got)
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "light.json") {
		if v.Chip != "OPT3001" {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			b, err := hex.DecodeString(v.Regs["0x00"])
			require.NoError(t, err)

			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regResult: b})

			require.NoError(t, err)
			assert.InDelta(t, v.Expect[0].Value, got[0].Value, 1e-9)
		})
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x3456))
	f.Add(uint16(0xc000))
	f.Add(uint16(0xbfff))
	f.Fuzz(func(t *testing.T, word uint16) {
		v, err := decode(word)
		if err != nil {
			assert.GreaterOrEqual(t, word, uint16(0xc000))
			return
		}
		assert.True(t, 0 <= v && v <= 83865.6, v)
		again, err := decode(encode(v))
		require.NoError(t, err)
		assert.InDelta(t, v, again, 0.011+v/2048)
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _ = decode(0x789a)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x43: false, 0x44: true, 0x47: true, 0x48: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
