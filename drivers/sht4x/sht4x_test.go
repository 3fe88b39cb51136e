package sht4x

import (
	"encoding/hex"
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.FlippedBits[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func TestObserve(t *testing.T) {
	tests := []struct {
		name        string
		answer      []byte
		temperature float64
		humidity    float64
	}{
		{"lowest word of humidity, cropped", []byte{0x66, 0x66, 0x93, 0x00, 0x00, 0x81}, 25, 0},
		{"highest word of humidity, cropped", []byte{0x66, 0x66, 0x93, 0xff, 0xff, 0xac}, 25, 100},
		{"datasheet checksum example", []byte{0xbe, 0xef, 0x92, 0xbe, 0xef, 0x92}, 85.523, 87.231},
		{"half of the range", []byte{0x66, 0x66, 0x93, 0x80, 0x00, 0xa2}, 25, 56.501},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
					{Addr: 0x44, W: []byte{0x89}},
					{Addr: 0x44, R: []byte{0xbe, 0xef, 0x92, 0xbe, 0xef, 0x92}},
					{Addr: 0x44, W: []byte{0xfd}},
					{Addr: 0x44, R: tt.answer},
				}}
				s := &sensor{dev: i2cbus.New("1", bus).Dev(0x44)}

				got, err := s.Observe(t.Context(), nil)

				require.NoError(t, err)
				require.Len(t, got, 2)
				assert.Equal(t, agent.AirTemperature, got[0].Property)
				assert.InDelta(t, tt.temperature, got[0].Value, 0.001)
				assert.Equal(t, agent.RelativeHumidity, got[1].Property)
				assert.InDelta(t, tt.humidity, got[1].Value, 0.001)
				assert.NoError(t, bus.Close(), "every expected transaction took place")
			})
		})
	}
}

// The ends of the scale are beyond what the part can measure, in the cold and in
// the heat.
func TestObserveRefuses(t *testing.T) {
	for _, tt := range []struct {
		word uint16
		ok   bool
	}{{0, false}, {1872, false}, {1873, true}, {63662, true}, {63663, false}, {0xffff, false}} {
		_, _, err := convert(tt.word, 0x8000)
		assert.Equal(t, tt.ok, err == nil, "%d: %v", tt.word, err)
	}
}

func TestVectors(t *testing.T) {
	tried := 0
	for _, v := range drivertest.Vectors(t, "sht4x_shtc3.json") {
		b, err := hex.DecodeString(v.Calls[0].R)
		require.NoError(t, err)
		if v.Chip != "SHT4x" {
			assert.EqualValues(t, v.Expect[0].Value, drivers.CRC8(b[:2]), v.ID)
			continue
		}
		tried++
		first, second, err := decode([6]byte(b))
		require.NoError(t, err, v.ID)
		_, _, err = convert(first, second)
		assert.ErrorIs(t, err, drivers.ErrRange, "%s: %v °C is no measurement", v.ID, v.Expect[0].Value)
		_, humidity, err := convert(0x6666, second)
		require.NoError(t, err, v.ID)
		assert.Equal(t, min(max(v.Expect[1].Value, 0), 100), humidity, v.ID)
	}
	assert.Equal(t, 2, tried)
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x43: false, 0x44: true, 0x45: true, 0x46: true, 0x47: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x66, 0x66, 0x93, 0x80, 0x00, 0xa2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 6 {
			return
		}
		first, second, err := decode([6]byte(b))
		if drivers.CRC8(b[:2]) != b[2] || drivers.CRC8(b[3:5]) != b[5] {
			assert.ErrorIs(t, err, drivers.ErrChecksum)
			assert.Zero(t, first)
			assert.Zero(t, second)
			return
		}
		assert.NoError(t, err)
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = decode([6]byte{0x66, 0x66, 0x93, 0x80, 0x00, 0xa2})
	}
}
