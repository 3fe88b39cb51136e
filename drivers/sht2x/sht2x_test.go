package sht2x

import (
	"encoding/hex"
	"encoding/json"
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

func TestChecksum(t *testing.T) {
	for _, tt := range []struct {
		b    []byte
		want byte
		from string
	}{
		{[]byte{0xdc}, 0x79, "HTU21D datasheet"},
		{[]byte{0x68, 0x3a}, 0x7c, "HTU21D datasheet"},
		{[]byte{0x4e, 0x85}, 0x6b, "HTU21D datasheet"},
		{[]byte{0x66, 0xf0}, 0x8d, "SHT21, sigrok-dumps"},
		{[]byte{0x74, 0x2e}, 0x21, "SHT21, sigrok-dumps"},
		{[]byte("123456789"), 0xa2, "catalogue of checksums"},
	} {
		assert.Equalf(t, tt.want, crc8(tt.b), "% x: %s", tt.b, tt.from)
	}
}

// observe reads a part that gives these answers.
func observe(t *testing.T, temperature, humidity string) ([]agent.Result, error) {
	t.Helper()
	answers := make(map[byte][]byte)
	for cmd, answer := range map[byte]string{cmdTemperature: temperature, cmdHumidity: humidity} {
		b, err := hex.DecodeString(answer)
		require.NoError(t, err)
		answers[cmd] = b
	}
	return drivertest.Answers[Settings](t, Driver, answers)
}

func TestObserve(t *testing.T) {
	tests := []struct {
		name         string
		t, h         string
		wantT, wantH float64
	}{
		{"SHT21, sigrok-dumps", "66f08d", "742e21", 23.8069, 50.7245},
		{"a part, by gobot's tests", "5fa83b", "5eca16", 18.8091, 40.2799},
		{"HTU21D datasheet, checksum example", "66f08d", "683a7c", 23.8069, 44.8881},
		{"dry, cropped", "66f08d", "0002" + hex.EncodeToString([]byte{crc8([]byte{0, 2})}), 23.8069, 0},
		{"wet, cropped", "66f08d", "fffe" + hex.EncodeToString([]byte{crc8([]byte{0xff, 0xfe})}), 23.8069, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.t, tt.h)

			require.NoError(t, err)
			require.Len(t, got, 2)
			assert.Equal(t, agent.AirTemperature, got[0].Property)
			assert.InDelta(t, tt.wantT, got[0].Value, 0.0001)
			assert.Equal(t, agent.RelativeHumidity, got[1].Property)
			assert.InDelta(t, tt.wantH, got[1].Value, 0.0001)
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	tests := []struct {
		name string
		t, h string
		want error
	}{
		{"temperature damaged", "66f08c", "742e21", drivers.ErrChecksum},
		{"humidity damaged", "66f08d", "742f21", drivers.ErrChecksum},
		{"humidity for temperature", "742e21", "742e21", drivers.ErrNoReading},
		{"temperature for humidity", "66f08d", "66f08d", drivers.ErrNoReading},
		{"stuck, with the checksum of zeros", "000000", "742e21", drivers.ErrRange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.t, tt.h)

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got, "no made-up values")
		})
	}
}

func TestVectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "sht2x.json") {
		t.Run(v.ID, func(t *testing.T) {
			got, err := observe(t, v.Calls[0].R, v.Calls[1].R)

			require.NoError(t, err)
			for i, want := range v.Expect {
				assert.InDelta(t, want.Value, got[i].Value, want.Tol, want.Quantity)
			}
		})
	}
}

// An SHT21 in a room, as it was heard on the bus. It was asked to hold the bus;
// what it answers is the same without.
func TestRecorded(t *testing.T) {
	answers := make(map[string]string)
	for line := range strings.Lines(string(drivertest.Data(t, "i2c/captures/sht21_serial_hold.jsonl"))) {
		var transfer struct {
			Msgs []struct{ Op, Data string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &transfer))
		if m := transfer.Msgs; len(m) == 2 {
			answers[m[0].Data] = m[1].Data
		}
	}

	got, err := observe(t, answers["e3"], answers["e5"])

	require.NoError(t, err)
	assert.InDelta(t, 23.8, got[0].Value, 0.05)
	assert.InDelta(t, 50.7, got[1].Value, 0.05)
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0x66), byte(0xf0), byte(0x8d))
	f.Add(byte(0x74), byte(0x2e), byte(0x21))
	f.Fuzz(func(t *testing.T, high, low, _ byte) {
		b := [3]byte{high, low, crc8([]byte{high, low})}
		temperature, errT := decodeTemperature(b)
		humidity, errH := decodeHumidity(b)
		assert.False(t, errT == nil && errH == nil, "a word is of one quantity")
		assert.True(t, errT != nil || -40 <= temperature && temperature <= 125, temperature)
		assert.True(t, errH != nil || 0 <= humidity && humidity <= 100, humidity)
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _ = decodeTemperature([3]byte{0x66, 0xf0, 0x8d})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x41: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
