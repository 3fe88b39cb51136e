package hdc2080

import (
	"encoding/hex"
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

func TestObserve(t *testing.T) {
	tests := []struct {
		source                string
		answer                []byte
		temperature, humidity float64
	}{
		{"crate hdc20xx, tests", []byte{0xd9, 0x64, 0xec, 0x91}, 24.99947, 57.00073},
		{"datasheet, formulas", []byte{0x00, 0x80, 0x00, 0x40}, 42.5, 25},
		{"datasheet, formulas: coldest", []byte{0x00, 0x00, 0x00, 0x80}, -40, 50},
		{"datasheet, formulas: driest", []byte{0x00, 0x80, 0x00, 0x00}, 42.5, 0},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regData: tt.answer})

			require.NoError(t, err)
			require.Len(t, got, 2)
			assert.Equal(t, agent.AirTemperature, got[0].Property)
			assert.InDelta(t, tt.temperature, got[0].Value, 1e-5)
			assert.Equal(t, agent.RelativeHumidity, got[1].Property)
			assert.InDelta(t, tt.humidity, got[1].Value, 1e-5)
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
		{"power lost after ready", regData, []byte{0, 0, 0, 0}, drivers.ErrBrownOut},
		{"power lost before ready", regStatus, []byte{0x00}, drivers.ErrNotReady},
		{"stuck high", regData, []byte{0xff, 0xff, 0xff, 0xff}, drivers.ErrNoReading},
		{"no such status", regStatus, []byte{0x81}, drivers.ErrNoReading},
		{"another maker", regID, []byte{0x48, 0x54, 0xd0, 0x07}, drivers.ErrIdentity},
		{"another part", regID, []byte{0x49, 0x54, 0x50, 0x10}, drivers.ErrIdentity},
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
	for _, v := range drivertest.Vectors(t, "humidity_misc.json") {
		if v.Chip != "HDC2080" {
			continue
		}
		n++
		b, err := hex.DecodeString(v.Regs["0x00"])
		require.NoError(t, err)

		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regData: b})

		require.NoError(t, err, v.ID)
		for i, want := range v.Expect {
			assert.InDelta(t, want.Value, got[i].Value, want.Tol, want.Quantity)
		}
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0xd9), byte(0x64), byte(0xec), byte(0x91))
	f.Fuzz(func(t *testing.T, a, b, c, d byte) {
		if temperature, humidity, err := decode([4]byte{a, b, c, d}); err == nil {
			assert.True(t, -40 <= temperature && temperature < 125, temperature)
			assert.True(t, 0 <= humidity && humidity < 100, humidity)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decode([4]byte{0xd9, 0x64, 0xec, 0x91})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x41: true, 0x42: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
