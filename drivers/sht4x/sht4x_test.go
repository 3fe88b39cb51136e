package sht4x

import (
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
		{"lowest word, cropped", []byte{0x00, 0x00, 0x81, 0x00, 0x00, 0x81}, -45, 0},
		{"highest word, cropped", []byte{0xff, 0xff, 0xac, 0xff, 0xff, 0xac}, 130, 100},
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
