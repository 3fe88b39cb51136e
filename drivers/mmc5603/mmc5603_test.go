package mmc5603

import (
	"math"
	"testing"
	"testing/synctest"

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

// frameOf has these numbers of 20 bits.
func frameOf(x, y, z int) (f frame) {
	for axis, code := range []int{x, y, z} {
		f[2*axis], f[2*axis+1], f[6+axis] = byte(code>>12), byte(code>>4), byte(code<<4)
	}
	return f
}

// Datasheet: 0.0625 mG a step and 524288 without a field; 1 G is 100 µT. 0x84000 is
// 16384 steps more, 102.4 µT.
func TestConvert(t *testing.T) {
	tests := []struct {
		name       string
		one, other frame
		x, y, z    float64
	}{
		{"nothing", frameOf(0x80000, 0x80000, 0x80000), frameOf(0x80000, 0x80000, 0x80000), 0, 0, 0},
		{"102.4 µT", frameOf(0x84000, 0x7c000, 0x80010), frameOf(0x7c000, 0x84000, 0x7fff0), 102.4, -102.4, 0.1},
		{"what the part adds is no field", frameOf(0x84000+999, 0x80000+999, 0x80000-999), frameOf(0x7c000+999, 0x80000+999, 0x80000-999), 102.4, 0, 0},
		{"the strongest", frameOf(0x80000+480000, 0x80000-480000, 0x80000), frameOf(0x80000-480000, 0x80000+480000, 0x80000), 3000, -3000, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := convert(tt.one, tt.other, nil)
			require.NoError(t, err)
			assert.Equal(t, []agent.Result{
				{Property: agent.MagneticX, Value: tt.x}, {Property: agent.MagneticY, Value: tt.y}, {Property: agent.MagneticZ, Value: tt.z},
			}, got)
		})
	}
	assert.Equal(t, 0x12345, frame{0x12, 0x34, 0, 0, 0, 0, 0x5f, 0, 0}.code(0), "bits 3 to 0 are the upper half")
	assert.Equal(t, 0xabcde, frame{0, 0, 0, 0, 0xab, 0xcd, 0, 0, 0xe0}.code(2))
}

func TestConvertRefuses(t *testing.T) {
	tests := []struct {
		name       string
		one, other frame
		want       error
		left       int
	}{
		{"no answer", frame{}, frame{}, errApart, 0},
		{"power lost before the second", frameOf(0x84000, 0x80000, 0x80000), frame{}, errApart, 0},
		{"power lost before the first", frame{}, frameOf(0x84000, 0x80000, 0x80000), errApart, 0},
		{"bits stuck", frameOf(0xfffff, 0xfffff, 0xfffff), frameOf(0xfffff, 0xfffff, 0xfffff), errApart, 0},
		{"x too strong", frameOf(0xfffff, 0x80000, 0x80000), frameOf(0x00000, 0x80000, 0x80000), errOverflow, 2},
		{"z too strong, the other way", frameOf(0x80000, 0x80000, 0x00001), frameOf(0x80000, 0x80000, 0xfffff), errOverflow, 2},
		{"y beyond 30 G", frameOf(0x80000, 0x80000+480001, 0x80000), frameOf(0x80000, 0x80000-480001, 0x80000), errOverflow, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := convert(tt.one, tt.other, nil)
			assert.ErrorIs(t, err, tt.want)
			assert.Len(t, got, tt.left, "what could be read")
		})
	}
}

// A car comes and goes: what the part adds is not seen, and a field that is too
// strong passes.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, x := new(sim.Host), 20.0
		host.AddI2C("1", 0x30, newPart(func() (float64, float64, float64) { return x, 0, -40 }))
		s, err := open(host, Driver.Defaults().(Settings))
		require.NoError(t, err)
		for _, x = range []float64{20, 75, -130, 20} {
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 3)
			assert.InDelta(t, x, got[0].Value, 0.01)
			assert.InDelta(t, 0, got[1].Value, 0.01)
			assert.InDelta(t, -40, got[2].Value, 0.01)
		}
		x = 5000
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, errOverflow)
		assert.ErrorContains(t, err, "magneticFluxDensityX")
		assert.Len(t, got, 2)
		x = 20
		got, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.InDelta(t, 20, got[0].Value, 0.01)
	})
}

func TestObserveRefuses(t *testing.T) {
	got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regID: {0x30}}) // MMC5983
	assert.ErrorIs(t, err, drivers.ErrIdentity)
	assert.Empty(t, got)
	got, err = drivertest.Answers[Settings](t, Driver, map[byte][]byte{regStatus: {0x10}})
	assert.ErrorIs(t, err, drivers.ErrNotReady)
	assert.Empty(t, got)
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte{0x84, 0, 0x80, 0, 0x80, 0, 0, 0, 0}, []byte{0x7c, 0, 0x80, 0, 0x80, 0, 0, 0, 0})
	f.Add(make([]byte, 9), []byte{0xff})
	f.Fuzz(func(t *testing.T, one, other []byte) {
		var a, b frame
		copy(a[:], one)
		copy(b[:], other)
		got, err := convert(a, b, nil)
		assert.True(t, err != nil || len(got) == 3)
		for _, r := range got {
			assert.LessOrEqual(t, math.Abs(r.Value), 3000.0)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	one, other := frameOf(0x84000, 0x7c000, 0x80010), frameOf(0x7c000, 0x84000, 0x7fff0)
	into := make([]agent.Result, 0, 3)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = convert(one, other, into)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x2f: false, 0x30: true, 0x31: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
