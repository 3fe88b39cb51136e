package ens160

import (
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
	assert.NoError(t, Settings{drivers.I2C{Address: 0x52}}.Validate())
	assert.Error(t, Settings{drivers.I2C{Address: 0x54}}.Validate())
}

// The first two are what a real part said once it worked, the third what it said
// while it did not (github.com/TimHanewich/diagnosing-ens160, readme).
func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    [6]byte
		want []float64
		err  error
	}{
		{"real", [6]byte{0x81, 2, 174, 0, 148, 2}, []float64{2, 174, 660}, nil},
		{"real again", [6]byte{0x81, 2, 176, 0, 151, 2}, []float64{2, 176, 663}, nil},
		{"real, does not measure", [6]byte{0x01, 0, 0, 0, 0, 0}, nil, drivers.ErrNoReading},
		{"reports an error", [6]byte{0xc1, 2, 174, 0, 148, 2}, nil, drivers.ErrNoReading},
		{"warms up", [6]byte{0x87, 1, 10, 0, 0x90, 1}, nil, nil},
		{"first hour", [6]byte{0x8b, 1, 10, 0, 0x90, 1}, nil, nil},
		{"does not hold", [6]byte{0x8f, 1, 10, 0, 0x90, 1}, nil, drivers.ErrNoReading},
		{"no index", [6]byte{0x83, 0, 10, 0, 0x90, 1}, nil, drivers.ErrRange},
		{"index of 6", [6]byte{0x83, 6, 10, 0, 0x90, 1}, nil, drivers.ErrRange},
		{"index with other bits", [6]byte{0x83, 0xfd, 10, 0, 0x90, 1}, []float64{5, 10, 400}, nil},
		{"carbon dioxide below air's", [6]byte{0x83, 1, 10, 0, 0x8f, 1}, nil, drivers.ErrRange},
		{"compounds beyond all", [6]byte{0x83, 1, 0xe9, 0xfd, 0x90, 1}, nil, drivers.ErrRange},
	} {
		got, err := decode(nil, tt.b)
		assert.ErrorIs(t, err, tt.err, tt.name)
		require.Len(t, got, len(tt.want), tt.name)
		for i, r := range got {
			assert.InDelta(t, tt.want[i], r.Value, 0, tt.name)
			assert.Equal(t, Driver.Observes[i].Property, r.Property)
			assert.Zero(t, r.Quality)
		}
	}
	got, err := decode(nil, [6]byte{0x83, 5, 0xe8, 0xfd, 0xe7, 0xfd})
	require.NoError(t, err)
	assert.Equal(t, agent.Saturated, got[1].Quality)
	assert.Zero(t, got[2].Quality)
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer []byte
		want   error
	}{
		"an ENS161":       {regPart, []byte{0x61, 0x01}, drivers.ErrIdentity},
		"never new":       {regStatus, []byte{0x81}, drivers.ErrNotReady},
		"does not settle": {regMode, []byte{0x01}, drivers.ErrBrownOut},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

// A part that measures is left alone, one that lost power warms up.
func TestStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := Settings{drivers.I2C{Address: 0x53}}
		simulate(host, settings)
		var written []byte
		host.SetFault(func(op sim.Op) error {
			if len(op.W) > 1 {
				written = append(written, op.W...)
			}
			return op.Err
		})
		s, err := open(host, settings)
		require.NoError(t, err)
		read := func() []agent.Result {
			t.Helper()
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			return got
		}
		assert.Len(t, read(), 3)
		assert.Empty(t, written)
		start := time.Now()
		assert.Len(t, read(), 3)
		assert.Equal(t, time.Second, time.Since(start), "what was read is old")

		host.PowerCycle()
		time.Sleep(time.Second)
		_, err = s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.Empty(t, read(), "it warms up, which is no error")
		assert.Equal(t, []byte{0x13, 0x89, 0x4a, 0x00, 0x64, 0x10, 0x02}, written)
		time.Sleep(3 * time.Minute)
		assert.Len(t, read(), 3)
	})
}

// A part that is in its mode and gives nothing, or nothing that holds, is reset, and
// only such a one.
func TestStalls(t *testing.T) {
	for name, status := range map[string]byte{"nothing new": running, "a fault": running | failed | newData, "nothing that holds": running | validity | newData} {
		synctest.Test(t, func(t *testing.T) {
			host := new(sim.Host)
			settings := Settings{drivers.I2C{Address: 0x53}}
			simulate(host, settings)
			stalls, resets := true, 0
			host.SetFault(func(op sim.Op) error {
				if op.W[0] == regMode && len(op.W) == 2 && op.W[1] == reset {
					stalls = false
					resets++
				}
				if op.W[0] == regStatus && stalls {
					op.R[0] = status
				}
				return op.Err
			})
			s, err := open(host, settings)
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.Error(t, err, name)
			assert.Zero(t, resets)
			for range 2 {
				time.Sleep(time.Minute)
				got, err := s.Observe(t.Context(), nil)
				require.NoError(t, err, name)
				assert.Empty(t, got, "it warms up")
			}
			time.Sleep(3 * time.Minute)
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.Len(t, got, 3)
			assert.Equal(t, 1, resets, name)
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x81, 2, 174, 0, 148, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 6 {
			return
		}
		got, err := decode(nil, [6]byte(b))
		if len(got) == 0 {
			return
		}
		require.NoError(t, err)
		assert.EqualValues(t, 0x80, b[0]&0xcc, "it measures, without an error, and its values hold")
		assert.True(t, got[0].Value >= 1 && got[0].Value <= 5 && got[1].Value <= most && got[2].Value >= 400 && got[2].Value <= most)
	})
}

func BenchmarkDecode(b *testing.B) {
	into := make([]agent.Result, 0, 3)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = decode(into, [6]byte{0x81, 2, 174, 0, 148, 2})
	}
}
