package qmc5883l

import (
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

// Datasheet, table 2: 3000 steps a gauss at ±8 G, and 1 G is 100 µT.
func TestObserve(t *testing.T) {
	tests := []struct {
		name    string
		data    []byte
		x, y, z float64
	}{
		{"none", make([]byte, 6), 0, 0, 0},
		{"one gauss each way", []byte{0xb8, 0x0b, 0x48, 0xf4, 0x00, 0x00}, 100, -100, 0},
		{"each its own", []byte{0x1e, 0x00, 0xe2, 0xff, 0x2c, 0x01}, 1, -1, 10},
		{"1000 steps", []byte{0xe8, 0x03, 0, 0, 0, 0}, 1000 / 30.0, 0, 0},
		{"the ends", []byte{0xff, 0x7f, 0x00, 0x80, 0, 0}, 32767 / 30.0, -32768 / 30.0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regData: tt.data})
			require.NoError(t, err)
			assert.Equal(t, []agent.Result{
				{Property: agent.MagneticX, Value: tt.x}, {Property: agent.MagneticY, Value: tt.y}, {Property: agent.MagneticZ, Value: tt.z},
			}, got)
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reg    byte
		answer byte
		want   error
	}{
		{"another part", regID, 0x00, drivers.ErrIdentity},
		{"no new measurement", regStatus, 0x00, drivers.ErrNotReady},
		{"an old one that was skipped", regStatus, 0x04, drivers.ErrNotReady},
		{"too strong", regStatus, 0x03, errOverflow},
		{"power lost", regControl1, 0x00, drivers.ErrBrownOut},
		{"another range", regControl1, 0x05, drivers.ErrBrownOut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: {tt.answer}})
			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

// What is read is measured after it was asked for, and a field that was too strong
// passes.
func TestCarComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, x := new(sim.Host), 20.0
		part := newPart(func() (float64, float64, float64) { return x, 0, -40 })
		host.AddI2C("1", 0x0d, part)
		s, err := open(host, Driver.Defaults().(Settings))
		require.NoError(t, err)
		for _, x = range []float64{20, 400, -130} {
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 3)
			assert.InDelta(t, x, got[0].Value, 0.05)
			assert.InDelta(t, -40, got[2].Value, 0.05)
			time.Sleep(time.Minute)
			require.NoError(t, part.Write([]byte{regStatus}))
			require.NoError(t, part.Read(make([]byte, 1))) // the next is ready long before it is asked for
		}
		x = 1200
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, errOverflow)
		assert.Empty(t, got)
		x = 20
		_, err = s.Observe(t.Context(), nil)
		assert.NoError(t, err)
	})
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte{0xb8, 0x0b, 0x48, 0xf4, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		var data [6]byte
		copy(data[:], b)
		got := convert(data, nil)
		require.Len(t, got, 3)
		for _, r := range got {
			assert.LessOrEqual(t, math.Abs(r.Value), 32768/30.0)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	into := make([]agent.Result, 0, 3)
	b.ReportAllocs()
	for b.Loop() {
		_ = convert([6]byte{0xb8, 0x0b, 0x48, 0xf4, 0x00, 0x00}, into)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x0c: false, 0x0d: true, 0x1e: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
