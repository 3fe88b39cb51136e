package tmp117

import (
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

// Datasheet, table "16-Bit Temperature Data Format".
func TestObserve(t *testing.T) {
	for word, want := range map[uint16]float64{
		0xe480: -55, 0xf380: -25, 0xfff0: -0.125, 0xffff: -0.0078125, 0x0000: 0, 0x0001: 0.0078125,
		0x0010: 0.125, 0x0080: 1, 0x0c80: 25, 0x3200: 100, 0x4b00: 150,
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
		{"no conversion yet", regTemperature, []byte{0x80, 0x00}, drivers.ErrNoReading},
		{"too cold", regTemperature, []byte{0xe4, 0x7f}, drivers.ErrRange},
		{"too hot", regTemperature, []byte{0x4b, 0x01}, drivers.ErrRange},
		{"a TMP116", regID, []byte{0x11, 0x16}, drivers.ErrIdentity},
		{"power lost", regConfig, []byte{0x22, 0x20}, drivers.ErrBrownOut},
		{"busy for ever", regConfig, []byte{0x0c, 0x20}, drivers.ErrNotReady},
		{"asleep without a result", regConfig, []byte{0x04, 0x20}, drivers.ErrNotReady},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got, "no made-up values")
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x0c80))
	f.Add(uint16(0x8000))
	f.Fuzz(func(t *testing.T, word uint16) {
		if v, err := decode(word); err == nil {
			assert.True(t, -55 <= v && v <= 150, v)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _ = decode(0x0c80)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x47: false, 0x48: true, 0x4b: true, 0x4c: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
