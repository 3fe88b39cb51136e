package mcp9808

import (
	"encoding/hex"
	"fmt"
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
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Datasheet, section 5.1.3, and the traces in periph's tests.
func TestObserve(t *testing.T) {
	for word, want := range map[uint16]float64{
		0xc190: 25, 0x0190: 25, 0xc194: 25.25, 0x1ffc: -0.25, 0x1e6f: -25.0625, 0x0000: 0, 0x07d0: 125, 0x1d80: -40,
	} {
		t.Run(fmt.Sprintf("%04x", word), func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regTemperature: {byte(word >> 8), byte(word)}})

			require.NoError(t, err)
			assert.Equal(t, []agent.Result{{Property: agent.AirTemperature, Value: want}}, got)
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
		{"too cold", regTemperature, []byte{0x1d, 0x7f}, drivers.ErrRange},
		{"too hot", regTemperature, []byte{0x07, 0xd1}, drivers.ErrRange},
		{"another maker", regMaker, []byte{0x11, 0x31}, drivers.ErrIdentity},
		{"another part by Microchip", regDevice, []byte{0x02, 0x01}, drivers.ErrIdentity},
		{"power lost", regConfig, []byte{0x00, 0x00}, drivers.ErrBrownOut},
		{"asleep", regConfig, []byte{0x03, 0x00}, drivers.ErrBrownOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got, "no made-up values")
		})
	}
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "lm75_tmp102.json") {
		if !strings.Contains(v.Chip, "MCP9808") {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			b, err := hex.DecodeString(v.Regs["0x05"])
			require.NoError(t, err)

			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regTemperature: b})

			require.NoError(t, err)
			assert.Equal(t, v.Expect[0].Value, got[0].Value)
		})
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0xc190))
	f.Add(uint16(0x1e6f))
	f.Fuzz(func(t *testing.T, word uint16) {
		if v, err := decode(word); err == nil {
			assert.True(t, -40 <= v && v <= 125, v)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _ = decode(0xc190)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x17: false, 0x18: true, 0x1f: true, 0x20: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
