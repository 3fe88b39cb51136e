package ltr390

import (
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// conversion is the conversation about one.
func conversion(mode, gain, reg byte, data ...byte) []i2ctest.IO {
	return []i2ctest.IO{
		{Addr: 0x53, W: []byte{0x00, 0x00}},
		{Addr: 0x53, W: []byte{0x04, 0x01}},
		{Addr: 0x53, W: []byte{0x05, gain}},
		{Addr: 0x53, W: []byte{0x07}, R: []byte{0x28}},
		{Addr: 0x53, W: []byte{0x00, mode}},
		{Addr: 0x53, W: []byte{0x07}, R: []byte{0x00}},
		{Addr: 0x53, W: []byte{0x07}, R: []byte{0x08}},
		{Addr: 0x53, W: []byte{reg}, R: data},
		{Addr: 0x53, W: []byte{0x04}, R: []byte{0x01, gain}},
	}
}

// The whole conversation, in the light of a day and in that of an evening. The
// values are those of the datasheet's formulas.
func TestObserve(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ops     [][]i2ctest.IO
		lux, uv float64
	}{
		{"day", [][]i2ctest.IO{
			conversion(0x02, 0, 0x0d, 0x10, 0x27, 0x00), // 10000
			conversion(0x0a, 4, 0x10, 0xfc, 0x08, 0x00), // 2300
		}, 1500, 1},
		{"evening", [][]i2ctest.IO{
			conversion(0x02, 0, 0x0d, 0x87, 0x13, 0x00), // 4999
			conversion(0x02, 4, 0x0d, 0x40, 0x5f, 0x01), // 89920
			conversion(0x0a, 4, 0x10, 0x00, 0x00, 0x00),
		}, 749.3333, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x53, W: []byte{0x06}, R: []byte{0xb2}}}}
			for _, ops := range tt.ops {
				bus.Ops = append(bus.Ops, ops...)
			}
			bus.Ops = append(bus.Ops, i2ctest.IO{Addr: 0x53, W: []byte{0x00, 0x00}})
			s := &sensor{dev: i2cbus.New("1", bus).Dev(0x53)}

			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err, tt.name)
			require.Len(t, got, 2)
			assert.Equal(t, agent.Illuminance, got[0].Property)
			assert.InDelta(t, tt.lux, got[0].Value, 0.0001)
			assert.Equal(t, agent.UVIndex, got[1].Property)
			assert.InDelta(t, tt.uv, got[1].Value, 0.0001)
			assert.NoError(t, bus.Close(), "every expected transaction took place")
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer string
		want   error
		text   string
	}{
		"an ADXL345":       {regID, "\xe5", drivers.ErrIdentity, "0xe5"},
		"never ready":      {regStatus, "\x00", drivers.ErrNotReady, "illuminance"},
		"resolution lost":  {regRate, "\x22\x00", drivers.ErrBrownOut, "22 00"},
		"gain lost":        {regRate, "\x01\x01", drivers.ErrBrownOut, "01 01"},
		"more than 20 bit": {regALS, "\x00\x00\x10", drivers.ErrNoReading, "00 00 10"},
		"UV of 24 bit":     {regUVS, "\x00\x00\xff", drivers.ErrNoReading, "ultraviolet"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

// From a moonlit night to more than the part can see.
func TestScales(t *testing.T) {
	for _, tt := range []struct {
		lux, tolerance float64
		q              agent.Quality
	}{
		{0, 0, 0}, {0.25, 0.0084, 0}, {740, 0.01, 0}, {760, 0.16, 0}, {120000, 0.16, 0}, {200000, 43000, agent.Saturated},
	} {
		synctest.Test(t, func(t *testing.T) {
			host := new(sim.Host)
			host.AddI2C("1", 0x53, newPart(func() float64 { return tt.lux }))
			s, err := open(host, Settings{drivers.I2C{Address: 0x53}})
			require.NoError(t, err)
			for range 2 {
				got, err := s.Observe(t.Context(), nil)
				require.NoError(t, err)
				assert.InDelta(t, tt.lux, got[0].Value, tt.tolerance)
				assert.Equal(t, tt.q, got[0].Quality)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0x10), byte(0x27), byte(0x00))
	f.Fuzz(func(t *testing.T, low, middle, high byte) {
		count, err := decode([3]byte{low, middle, high})
		assert.Equal(t, high > 0x0f, err != nil)
		r := result(agent.Illuminance, count, luxPerCount(gain1))
		assert.True(t, 0 <= r.Value && r.Value <= 157287, r.Value)
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _ = decode([3]byte{0x10, 0x27, 0x00})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x52: false, 0x53: true, 0x54: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
