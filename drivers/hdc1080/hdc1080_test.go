package hdc1080

import (
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

// By the formulas of the datasheet, sections 8.6.1 and 8.6.2.
func TestObserve(t *testing.T) {
	tests := []struct {
		answer                []byte
		temperature, humidity float64
	}{
		{[]byte{0x64, 0x00, 0x80, 0x00}, 24.453125, 50},
		{[]byte{0x00, 0x00, 0x80, 0x00}, -40, 50},
		{[]byte{0x80, 0x00, 0x00, 0x00}, 42.5, 0},
		{[]byte{0xff, 0xfc, 0xff, 0xfc}, 124.98993, 99.99390},
	}
	for _, tt := range tests {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regTemperature: tt.answer})

		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.Equal(t, agent.AirTemperature, got[0].Property)
		assert.InDelta(t, tt.temperature, got[0].Value, 1e-5)
		assert.Equal(t, agent.RelativeHumidity, got[1].Property)
		assert.InDelta(t, tt.humidity, got[1].Value, 1e-5)
	}
}

func TestObserveRefuses(t *testing.T) {
	tests := []struct {
		name   string
		reg    byte
		answer []byte
		want   error
	}{
		{"power lost", regTemperature, []byte{0, 0, 0, 0}, drivers.ErrBrownOut},
		{"ones in temperature", regTemperature, []byte{0x64, 0x01, 0x80, 0x00}, drivers.ErrNoReading},
		{"ones in humidity", regTemperature, []byte{0x64, 0x00, 0xff, 0xff}, drivers.ErrNoReading},
		{"another maker", regMaker, []byte{0x54, 0x48}, drivers.ErrIdentity},
		{"an INA226", regDevice, []byte{0x22, 0x60}, drivers.ErrIdentity},
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
	f.Add(byte(0x64), byte(0x00), byte(0x80), byte(0x00))
	f.Fuzz(func(t *testing.T, a, b, c, d byte) {
		if temperature, humidity, err := decode([4]byte{a, b, c, d}); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 125, temperature)
			assert.True(t, 0 <= humidity && humidity <= 100, humidity)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decode([4]byte{0x64, 0x00, 0x80, 0x00})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x41: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
