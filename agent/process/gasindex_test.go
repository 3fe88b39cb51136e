package process

import (
	"math"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The indices that the maker's own program gives for these signals.
func TestGasIndex(t *testing.T) {
	for name, tt := range map[string]struct {
		c      gasConstants
		signal func(i int) float64
		want   map[int]int
	}{
		"VOC": {gasVOC, func(i int) float64 {
			if 200 <= i && i <= 259 {
				return 27000
			}
			return 30000
		}, map[int]int{
			44: 0, 45: 0, 46: 1, 47: 1, 50: 6, 60: 40, 80: 78, 199: 100, 200: 119, 201: 137, 202: 155, 205: 202, 210: 266,
			220: 356, 259: 303, 260: 288, 265: 226, 280: 109, 399: 90,
		}},
		"NOx": {gasNOx, func(i int) float64 {
			if 1000 <= i && i <= 1299 {
				return 19000
			}
			return 16000
		}, map[int]int{
			45: 0, 999: 1, 1005: 2, 1010: 3, 1020: 9, 1050: 21, 1100: 24, 1299: 18, 1310: 18, 1350: 14, 1599: 3,
		}},
		"VOC that is no signal": {gasVOC, func(int) float64 { return 1337 }, map[int]int{199: 100}},
	} {
		g := newGasState(tt.c, 1)
		checked := 0
		for i := range 1600 {
			index := g.process(tt.signal(i))
			if want, ok := tt.want[i]; ok {
				assert.Equalf(t, want, index, "%s, signal %d", name, i)
				checked++
			}
		}
		assert.Len(t, tt.want, checked, name)
	}
}

// voc is what an SGP40 says.
var voc = agent.Datastream{Property: agent.VOCRaw, Class: agent.Telemetry}

func gasStep(t testing.TB, every time.Duration, streams ...agent.Datastream) (Step, []agent.Datastream, error) {
	c, err := kind(t, "gas-index").Configure(set(nil))
	require.NoError(t, err)
	return c.Plan(streams[0].Property.Name, streams, every)
}

// The index of nitrogen oxides takes longer to know the air than that of organic
// compounds.
func TestGasIndexWarmUp(t *testing.T) {
	for raw, want := range map[agent.Property]time.Duration{agent.VOCRaw: 90 * time.Minute, agent.NOxRaw: 6 * time.Hour} {
		step, _, err := gasStep(t, 10*time.Second, agent.Datastream{Property: raw, Class: agent.Telemetry})
		require.NoError(t, err)
		var last time.Duration
		for at := time.Duration(0); at < 8*time.Hour; at += 10 * time.Second {
			for _, r := range step.Process([]agent.Result{{Property: raw, Value: 20000, Time: noon.Add(at)}}) {
				if r.Quality&agent.WarmUp != 0 {
					last = at
				}
			}
		}
		assert.Equal(t, want-10*time.Second, last, raw.Name)
	}
}

func TestGasIndexStep(t *testing.T) {
	step, after, err := gasStep(t, 10*time.Second, voc, air)
	require.NoError(t, err)
	require.Len(t, after, 2)
	assert.Equal(t, agent.VOCIndex, after[0].Property, "in place of the signal")
	say := func(at time.Duration, raw float64) []agent.Result {
		return step.Process([]agent.Result{
			{Property: agent.VOCRaw, Value: raw, Time: noon.Add(at)}, {Property: air.Property, Value: 20, Time: noon.Add(at)},
		})
	}
	for at := time.Duration(0); at <= 40*time.Second; at += 10 * time.Second {
		got := say(at, 30000)
		require.Len(t, got, 1, "no index yet at %v", at)
		assert.Equal(t, air.Property, got[0].Property, "what else there is passes")
	}
	var got []agent.Result
	for at := 50 * time.Second; at < gasWarmUp; at += 10 * time.Second {
		got = say(at, 30000)
		require.Len(t, got, 2)
		require.Equal(t, agent.VOCIndex, got[0].Property)
		require.Equal(t, agent.WarmUp, got[0].Quality, "at %v", at)
	}
	assert.InDelta(t, 100, got[0].Value, 0, "the air as it always is")
	got = say(gasWarmUp, 27000)
	assert.Greater(t, got[0].Value, 100.0, "a smell")
	assert.Zero(t, got[0].Quality)
	assert.Len(t, say(gasWarmUp+gasPause, 30000), 2, "a pause")
	assert.Len(t, say(gasWarmUp+2*gasPause+time.Second, 30000), 1, "learns anew after a long one")
	for at := time.Duration(0); at < time.Minute; at += 10 * time.Second {
		got = say(gasWarmUp+2*gasPause+2*time.Second+at, 30000)
	}
	assert.Len(t, got, 2)
	assert.Len(t, say(0, 30000), 2, "a step back of the clock is no pause")
}

// Bad air that stays for hours becomes the air as it always is.
func TestGasIndexGate(t *testing.T) {
	g := newGasState(gasVOC, 1)
	index := func(hours float64, raw float64) (last int) {
		for range int(hours * 3600) {
			last = g.process(raw)
		}
		return last
	}
	assert.Equal(t, 100, index(8, 30000))
	assert.Equal(t, 500, index(3, 27000), "not learned for the first 180 minutes")
	assert.Less(t, index(2, 27000), 450, "then it is")
	assert.Less(t, index(19, 27000), 200)
}

func TestGasIndexMistakes(t *testing.T) {
	_, _, err := gasStep(t, time.Minute, voc)
	assert.ErrorContains(t, err, `set every = "10s"`)
	_, _, err = gasStep(t, 10*time.Second, air)
	assert.ErrorContains(t, err, "want vocRaw or noxRaw")
	_, after, err := gasStep(t, time.Second, agent.Datastream{Property: agent.NOxRaw})
	require.NoError(t, err)
	assert.Equal(t, agent.NOxIndex, after[0].Property)
}

// Whatever the sensor says, the index is one.
func FuzzGasIndex(f *testing.F) {
	f.Add(true, []byte{0x75, 0x30, 0x00, 0x00, 0xff, 0xff, 0x3e, 0x80})
	f.Fuzz(func(t *testing.T, isVOC bool, signals []byte) {
		c := gasNOx
		if isVOC {
			c = gasVOC
		}
		g := newGasState(c, 10)
		for i := range 2000 {
			raw := 0.0
			if len(signals) >= 2 {
				at := 2 * i % (len(signals) - 1)
				raw = float64(signals[at])*256 + float64(signals[at+1])
			}
			index := g.process(raw)
			require.True(t, 0 <= index && index <= 500, index)
			require.False(t, math.IsNaN(g.std) || math.IsInf(g.std, 0))
		}
	})
}

func BenchmarkGasIndex(b *testing.B) {
	g := newGasState(gasVOC, 1)
	for b.Loop() {
		g.process(30000)
	}
}
