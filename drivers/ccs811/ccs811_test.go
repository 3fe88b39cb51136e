package ccs811

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
	assert.NoError(t, Settings{drivers.I2C{Address: 0x5b}}.Validate())
	assert.Error(t, Settings{drivers.I2C{Address: 0x5c}}.Validate())
}

func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		b        [6]byte
		co2, voc float64
		q        [2]agent.Quality
		err      error
	}{
		"clean air":             {[6]byte{0x01, 0x90, 0, 0, 0x98, 0}, 400, 0, [2]agent.Quality{}, nil},
		"a smell":               {[6]byte{0x05, 0xdc, 0x00, 0xa7, 0x98, 0}, 1500, 167, [2]agent.Quality{}, nil},
		"the end of firmware 1": {[6]byte{0x20, 0x00, 0x04, 0xa3, 0x98, 0}, 8192, 1187, [2]agent.Quality{agent.Saturated, agent.Saturated}, nil},
		"the end of firmware 2": {[6]byte{0x72, 0x16, 0x80, 0x00, 0x98, 0}, 29206, 32768, [2]agent.Quality{agent.Saturated, agent.Saturated}, nil},
		"not measured yet":      {[6]byte{0, 0, 0, 0, 0x98, 0}, 0, 0, [2]agent.Quality{}, drivers.ErrRange},
		"nonsense":              {[6]byte{0xfd, 0xfd, 0xfd, 0xfd, 0x98, 0}, 0, 0, [2]agent.Quality{}, drivers.ErrRange},
		"too many compounds":    {[6]byte{0x01, 0x90, 0x80, 0x01, 0x98, 0}, 0, 0, [2]agent.Quality{}, drivers.ErrRange},
		"heater":                {[6]byte{0x01, 0x90, 0, 0, 0x99, 0x20}, 0, 0, [2]agent.Quality{}, drivers.ErrNoReading},
		"booted":                {[6]byte{0x01, 0x90, 0, 0, 0x10, 0}, 0, 0, [2]agent.Quality{}, drivers.ErrBrownOut},
	} {
		got, err := decode(nil, tt.b, 0)
		assert.ErrorIs(t, err, tt.err, name)
		if tt.err != nil {
			assert.Empty(t, got, name)
			continue
		}
		assert.Equal(t, []agent.Result{
			{Property: agent.CarbonDioxideEquivalent, Value: tt.co2, Quality: tt.q[0]}, {Property: agent.VolatileOrganicCompounds, Value: tt.voc, Quality: tt.q[1]},
		}, got, name)
	}
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer []byte
		want   error
	}{
		"another part":   {regHardID, []byte{0x80}, drivers.ErrIdentity},
		"no application": {regStatus, []byte{0x00}, drivers.ErrIdentity},
		"never starts":   {regStatus, []byte{0x10}, drivers.ErrBrownOut},
		"never new":      {regStatus, []byte{0x90}, drivers.ErrNotReady},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

// A part that measures is left alone; one that lost power is started, and what it
// says for 20 minutes is marked.
func TestStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := Settings{drivers.I2C{Address: 0x5a}}
		simulate(host, settings)
		time.Sleep(time.Second)
		var written [][]byte
		host.SetFault(func(op sim.Op) error {
			if len(op.R) == 0 {
				written = append(written, append([]byte{}, op.W...))
			}
			return op.Err
		})
		s, err := open(host, settings)
		require.NoError(t, err)
		quality := func() agent.Quality {
			t.Helper()
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 2)
			return got[0].Quality
		}
		assert.Equal(t, agent.WarmUp, quality(), "nobody knows for how long it has measured")
		assert.Empty(t, written)
		start := time.Now()
		quality()
		assert.Equal(t, time.Second, time.Since(start), "what was read is old")
		time.Sleep(warmUp)
		assert.Zero(t, quality())

		host.PowerCycle()
		time.Sleep(time.Second)
		_, err = s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Equal(t, agent.WarmUp, quality())
		assert.Equal(t, [][]byte{{0xff, 0x11, 0xe5, 0x72, 0x8a}, {0xf4}, {0x01, 0x10}}, written)
		time.Sleep(warmUp)
		assert.Zero(t, quality())
	})
}

// A part that is in its mode and gives nothing new is started again, once.
func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := Settings{drivers.I2C{Address: 0x5a}}
		simulate(host, settings)
		stalls, starts := true, 0
		host.SetFault(func(op sim.Op) error {
			if op.W[0] == regStart {
				stalls = false
				starts++
			}
			if op.W[0] == regStatus && stalls {
				op.R[0] &^= newData
			}
			return op.Err
		})
		s, err := open(host, settings)
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		require.ErrorIs(t, err, drivers.ErrNotReady)
		assert.Zero(t, starts)
		for range 2 {
			time.Sleep(time.Minute)
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.Len(t, got, 2)
		}
		assert.Equal(t, 1, starts)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x01, 0x90, 0, 0, 0x98, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 6 {
			return
		}
		got, err := decode(nil, [6]byte(b), 0)
		if err != nil {
			assert.Empty(t, got)
			return
		}
		assert.EqualValues(t, inApp, b[4]&(inApp|failed))
		assert.True(t, got[0].Value >= leastCO2 && got[0].Value <= mostCO2 && got[1].Value <= mostTVOC)
	})
}

func BenchmarkDecode(b *testing.B) {
	into := make([]agent.Result, 0, 2)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = decode(into, [6]byte{0x01, 0x90, 0, 0, 0x98, 0}, 0)
	}
}
