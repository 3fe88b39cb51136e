package aht20

import (
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"

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

// observe reads a part that gives these answers to each measurement, the
// calibration being loaded after the first of two.
func observe(t *testing.T, answers ...string) (results []agent.Result, took time.Duration, err error) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x38, W: []byte{0xba}}}}
		for i, answer := range answers {
			if i > 0 {
				bus.Ops = append(bus.Ops, i2ctest.IO{Addr: 0x38, W: []byte{0xbe, 0x08, 0x00}})
			}
			b, err := hex.DecodeString(answer)
			require.NoError(t, err)
			bus.Ops = append(bus.Ops, i2ctest.IO{Addr: 0x38, W: []byte{0xac, 0x33, 0x00}}, i2ctest.IO{Addr: 0x38, R: b})
		}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x38)}
		start := time.Now()
		results, err = s.Observe(t.Context(), nil)
		took = time.Since(start)
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
	return results, took, err
}

func TestObserve(t *testing.T) {
	tests := []struct {
		name                  string
		answers               []string
		temperature, humidity float64
	}{
		{"half of the range and 25 °C: datasheet, section 6", []string{"1c80000600004e"}, 25, 50},
		{"a part, by tinygo's tests", []string{"1c5d106601d293"}, 25.0889, 36.3531},
		{"calibration not loaded", []string{"1480000600003a", "1c80000600004e"}, 25, 50},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i, a := range tt.answers { // the checksum of what we made up ourselves
				b, err := hex.DecodeString(a)
				require.NoError(t, err)
				b[6] = drivers.CRC8(b[:6])
				if i == len(tt.answers)-1 {
					require.Equal(t, a, hex.EncodeToString(b), "as published")
				}
				tt.answers[i] = hex.EncodeToString(b)
			}

			got, took, err := observe(t, tt.answers...)

			require.NoError(t, err)
			require.Len(t, got, 2)
			assert.Equal(t, agent.AirTemperature, got[0].Property)
			assert.InDelta(t, tt.temperature, got[0].Value, 0.0001)
			assert.Equal(t, agent.RelativeHumidity, got[1].Property)
			assert.InDelta(t, tt.humidity, got[1].Value, 0.0001)
			assert.GreaterOrEqual(t, took, 100*time.Millisecond, "waits for the reset and the measurement")
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	_, _, err := frame{0x18}.decode()
	assert.ErrorIs(t, err, drivers.ErrRange, "nothing measured since power-on")
	_, _, err = frame{0x10, 0x80, 0, 6, 0, 0}.decode()
	assert.ErrorIs(t, err, drivers.ErrBrownOut)
	_, _, err = frame{0x18, 0xff, 0xff, 0xff, 0xff, 0xff}.decode()
	assert.ErrorIs(t, err, drivers.ErrRange)
}

func TestObserveRefuses(t *testing.T) {
	busyForEver := frame{0x98, 0x80, 0, 6, 0, 0}
	busyForEver[6] = drivers.CRC8(busyForEver[:6])
	uncalibrated := frame{0x10, 0x80, 0, 6, 0, 0}
	uncalibrated[6] = drivers.CRC8(uncalibrated[:6])
	for answer, want := range map[frame]error{
		{0x1c, 0x80, 0x00, 0x06, 0x00, 0x00, 0x4f}: drivers.ErrChecksum,
		busyForEver:  drivers.ErrNotReady,
		uncalibrated: drivers.ErrBrownOut,
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{cmdMeasure[0]: answer[:]})

		assert.ErrorIs(t, err, want)
		assert.Empty(t, got, "no made-up values")
	}
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "humidity_misc.json") {
		if v.Chip != "AHT20" {
			continue
		}
		n++
		got, _, err := observe(t, v.Calls[1].R)

		require.NoError(t, err, v.ID)
		for i, want := range v.Expect {
			assert.InDelta(t, want.Value, got[i].Value, want.Tol, want.Quantity)
		}
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x1c, 0x80, 0x00, 0x06, 0x00, 0x00, 0x4e})
	f.Fuzz(func(t *testing.T, b []byte) {
		var a frame
		copy(a[:], b)
		if temperature, humidity, err := a.decode(); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 120, temperature)
			assert.True(t, 0 <= humidity && humidity <= 100, humidity)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	f := frame{0x1c, 0x80, 0x00, 0x06, 0x00, 0x00, 0x4e}
	for b.Loop() {
		_, _, _ = f.decode()
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x37: false, 0x38: true, 0x39: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
