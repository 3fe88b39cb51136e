package veml7700

import (
	"encoding/hex"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func TestDecode(t *testing.T) {
	tests := []struct {
		gain    float64
		ms      time.Duration
		word    uint16
		factor  float64
		want    float64
		comment string
	}{
		{1, 100, 1, 0.0042, 0.0672, "application note, table of resolutions"},
		{1, 100, 1, 0.0036, 0.0576, "the same, before"},
		{0.25, 100, 1480, 0.0036, 340.992, "application note, example"},
		{0.125, 25, 0, 0.0042, 0, "darkness"},
		{1, 100, 20000, 0.0042, 1344, "linear at the higher gains"},
		{0.125, 100, 21701, 0.0036, 14792.9, "corrected: 10000 lx by counts"},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			got, err := scale{0, tt.gain, tt.ms * time.Millisecond}.decode(tt.word, tt.factor)

			require.NoError(t, err)
			assert.InDelta(t, tt.want, got, tt.want*1e-4)
		})
	}
	_, err := bright.decode(math.MaxUint16, 0.0042)
	assert.ErrorIs(t, err, drivers.ErrRange, "saturated")
	_, err = bright.decode(60000, 0.0042)
	assert.ErrorIs(t, err, drivers.ErrRange, "far beyond what the polynomial is for")
}

// The scale follows the light.
func TestObserve(t *testing.T) {
	for _, lux := range []float64{0, 0.1, 3, 50, 60, 500, 5000, 8000, 100000} {
		t.Run(fmt.Sprint(lux), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := new(sim.Host)
				host.AddI2C("1", 0x10, newPart(func() float64 { return lux }, 0.0042))
				s, err := open(host, Settings{drivers.I2C{Address: 0x10}, 0.0042})
				require.NoError(t, err)

				got, err := s.Observe(t.Context(), nil)

				require.NoError(t, err)
				require.Len(t, got, 1)
				assert.Equal(t, agent.Illuminance, got[0].Property)
				assert.InDelta(t, lux, got[0].Value, 0.0085+lux/100, "to a count")
			})
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
		{"too bright", regLight, []byte{0xff, 0xff}, drivers.ErrRange},
		{"a VEML6075", regID, []byte{0x26, 0x00}, drivers.ErrIdentity},
		{"power lost", regConfig, []byte{0x01, 0x00}, drivers.ErrBrownOut},
		{"power lost, an older part", regConfig, []byte{0x00, 0x00}, drivers.ErrBrownOut},
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
	gains := map[any]float64{"1/8": 0.125, "1/4": 0.25, "2": 2}
	n := 0
	for _, v := range drivertest.Vectors(t, "light.json") {
		if v.Chip != "VEML6030/VEML7700" {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			b, err := hex.DecodeString(v.Regs["0x04"])
			require.NoError(t, err)
			ms := v.Conditions["integration_ms"].(float64)
			c := scale{0, gains[v.Conditions["gain"]], time.Duration(ms) * time.Millisecond}
			require.NotZero(t, c.gain)

			got, err := c.decode(uint16(b[0])|uint16(b[1])<<8, 0.0036)

			require.NoError(t, err)
			assert.InDelta(t, v.Expect[0].Value, got, 0.01)
		})
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(1480))
	f.Add(uint16(0xffff))
	f.Fuzz(func(t *testing.T, word uint16) {
		for _, c := range []scale{bright, middle, dark} {
			if v, err := c.decode(word, 0.0042); err == nil {
				assert.False(t, math.IsNaN(v) || v < 0 || v > brightest, v)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _ = middle.decode(5000, 0.0042)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x0f: false, 0x10: true, 0x11: false} {
		err := Settings{drivers.I2C{Address: address}, 0.0042}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for _, factor := range []float64{0, -1, 1, math.NaN()} {
		assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x10}, factor}.Validate(), "lux_per_count")
	}
}
