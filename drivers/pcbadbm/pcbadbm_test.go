package pcbadbm

import (
	"bytes"
	"slices"
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
	t.Run("C", func(t *testing.T) { drivertest.Run(t, Driver, func(s *Settings) { s.Weighting = "c" }) })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func TestSummarise(t *testing.T) {
	for _, tt := range []struct {
		levels []byte
		want   [3]float64
	}{
		{[]byte{60, 70}, [3]float64{67.404, 70, 60}}, // a mean of energies, not of levels
		{[]byte{60}, [3]float64{60, 60, 60}},
		{append(bytes.Repeat([]byte{50}, 59), 90), [3]float64{72.2436, 90, 50}}, // a horn of a second in a quiet minute
		{[]byte{140}, [3]float64{140, 140, 140}},
	} {
		got, err := summarise(tt.levels)
		require.NoError(t, err)
		for i := range got {
			assert.InDelta(t, tt.want[i], got[i], 0.001, "%v", tt.levels)
		}
	}
	for want, levels := range map[error][]byte{drivers.ErrNoReading: {60, 0}, drivers.ErrRange: {60, 141}} {
		_, err := summarise(levels)
		assert.ErrorIs(t, err, want)
	}
}

// place is a module on a host and what the agent has of it.
type place struct {
	*testing.T
	host   *sim.Host
	sensor agent.Sensor
	writes int
}

func newPlace(t *testing.T, weighting string) *place {
	p := &place{T: t, host: new(sim.Host)}
	settings := Settings{drivers.I2C{Address: 0x48}, weighting}
	simulate(p.host, settings)
	time.Sleep(time.Hour)
	p.count()
	p.restart(weighting)
	return p
}

func (p *place) count() {
	p.host.SetFault(func(op sim.Op) error {
		if len(op.W) > 1 {
			p.writes++
		}
		return op.Err
	})
}

// restart is that of the agent.
func (p *place) restart(weighting string) {
	s, err := open(p.host, Settings{drivers.I2C{Address: 0x48}, weighting})
	require.NoError(p, err)
	p.sensor = s
}

func (p *place) read() []agent.Result {
	p.Helper()
	got, err := p.sensor.Observe(p.Context(), nil)
	require.NoError(p, err)
	require.Len(p, got, 3)
	return got
}

// A reading is of the time since the one before, and says so.
func TestSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, "a")
		assert.Equal(t, time.Second, p.read()[0].Span)
		time.Sleep(time.Minute)
		now := time.Now()
		got := p.read()
		assert.Equal(t, []agent.Property{agent.LAeq, agent.LAmax, agent.LAmin}, []agent.Property{got[0].Property, got[1].Property, got[2].Property})
		for _, r := range got {
			assert.Equal(t, time.Minute, r.Span)
			assert.Equal(t, now.Add(-time.Minute), r.Time)
			assert.Zero(t, r.Quality)
		}
		var levels []byte
		for i := range 60 {
			levels = append(levels, street(now.Add(-time.Duration(i)*time.Second)))
		}
		want, err := summarise(levels)
		require.NoError(t, err)
		assert.Equal(t, want, [3]float64{got[0].Value, got[1].Value, got[2].Value})
		assert.Greater(t, got[1].Value, got[2].Value)

		time.Sleep(5 * time.Minute)
		got = p.read()
		assert.Equal(t, agent.Incomplete, got[0].Quality)
		assert.Equal(t, 100*time.Second, got[0].Span)
	})
}

// What a reading missed because of the bus, the next one tells: the module has it.
func TestSpanOverAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, "a")
		p.read()
		time.Sleep(time.Minute)
		for nth := 1; nth <= 2; nth++ {
			n := 0
			p.host.SetFault(func(op sim.Op) error {
				if n++; n == nth {
					return sim.NoAck
				}
				return op.Err
			})
			_, err := p.sensor.Observe(t.Context(), nil)
			require.ErrorIs(t, err, sim.NoAck)
		}
		p.host.SetFault(nil)
		time.Sleep(time.Second)
		assert.Equal(t, 61*time.Second, p.read()[0].Span)
	})
}

// A module that has its settings is left alone; others, or lost ones, are set
// before a level is told.
func TestSettingsReachIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, "a")
		p.read()
		assert.Equal(t, 6, p.writes)
		p.restart("a")
		p.read()
		assert.Equal(t, 6, p.writes, "levels go on over a restart of the agent")

		p.restart("c")
		start := time.Now()
		got := p.read()
		assert.Equal(t, agent.LCeq, got[0].Property)
		assert.Equal(t, time.Second, got[0].Span)
		assert.GreaterOrEqual(t, time.Since(start), time.Second, "no level with A is told as one with C")
		assert.Equal(t, 12, p.writes)

		p.host.PowerCycle()
		time.Sleep(time.Minute)
		none, err := p.sensor.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Empty(t, none)
		p.read()
		assert.Equal(t, 18, p.writes)
		p.host.PowerCycle()
		_, err = p.sensor.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut, "at once")
	})
}

// A module that sleeps is woken.
func TestWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, "a")
		bus, err := p.host.I2C("1")
		require.NoError(t, err)
		require.NoError(t, bus.Dev(0x48).Write(t.Context(), regControl, 0x03))
		p.read()
	})
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer []byte
		want   error
	}{
		"another part":    {regVersion, []byte{0x21}, drivers.ErrIdentity},
		"takes no values": {regScratch, []byte{0xaa, 0x02, 0x03, 0xe8}, drivers.ErrBrownOut},
		"no level":        {regHistory, []byte{0}, drivers.ErrNoReading},
		"absurd":          {regHistory, []byte{200}, drivers.ErrRange},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
	for level, q := range map[byte]agent.Quality{34: agent.OutOfRange, 35: 0, 120: 0, 121: agent.OutOfRange} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regHistory: {level}})
		require.NoError(t, err)
		assert.Equal(t, q, got[0].Quality&^agent.Incomplete, "%d dB", level)
	}
}

func TestSettings(t *testing.T) {
	assert.NoError(t, defaults.Validate())
	assert.NoError(t, Settings{drivers.I2C{Address: 0x49}, "c"}.Validate())
	assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x48}, "z"}.Validate(), "want a or c")
	assert.Error(t, Settings{drivers.I2C{Address: 0x78}, "a"}.Validate())
}

func FuzzSummarise(f *testing.F) {
	f.Add([]byte{60, 70})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, levels []byte) {
		if len(levels) == 0 {
			return
		}
		v, err := summarise(levels)
		wrong := slices.Min(levels) == 0 || slices.Max(levels) > absurd
		assert.Equal(t, wrong, err != nil, "%v", levels)
		if err != nil {
			assert.Zero(t, v)
			return
		}
		assert.True(t, v[2]-1e-9 <= v[0] && v[0] <= v[1]+1e-9 && v[1] <= absurd && v[2] > 0, "%v of %v", v, levels)
	})
}

func BenchmarkDecode(b *testing.B) {
	levels := bytes.Repeat([]byte{61}, 60)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = summarise(levels)
	}
}
