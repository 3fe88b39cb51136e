package sensirion

import (
	"encoding/hex"
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

func TestSGP30(t *testing.T) {
	drivertest.Run[SGP30Settings](t, SGP30)
	drivertest.FlippedBits[SGP30Settings](t, SGP30)
	drivertest.Stuck(t, SGP30, 0x00)
	drivertest.Stuck(t, SGP30, 0xff)
}

// sgp30Bench is an agent's side and a part, in a bubble.
type sgp30Bench struct {
	*testing.T
	host  *sim.Host
	part  *sgp30State
	agent agent.Sensor
}

// newSGP30Bench has a part that was not started.
func newSGP30Bench(t *testing.T) *sgp30Bench {
	b := &sgp30Bench{T: t, host: new(sim.Host)}
	p, state := newSGP30()
	b.host.AddI2C("1", 0x58, p)
	b.part = state
	b.restart()
	return b
}

// restart is that of the agent.
func (b *sgp30Bench) restart() {
	s, err := openSGP30(b.host, SGP30Settings{drivers.I2C{Address: 0x58}})
	require.NoError(b, err)
	b.agent = s
}

func (b *sgp30Bench) read() []agent.Result {
	b.Helper()
	time.Sleep(time.Second)
	got, err := b.agent.Observe(b.Context(), nil)
	require.NoError(b, err)
	return got
}

// goOn reads every second.
func (b *sgp30Bench) goOn(d time.Duration) (got []agent.Result) {
	b.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		got = b.read()
	}
	return got
}

// later reads, leaves the part alone for long, which makes the next reading suspect,
// and then reads as it should be.
func (b *sgp30Bench) later(d time.Duration) []agent.Result {
	b.Helper()
	b.read()
	time.Sleep(d)
	b.read()
	return b.read()
}

func TestSGP30SaysNothingAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSGP30Bench(t)
		for range 14 {
			assert.Empty(t, b.read(), "400 ppm and 0 ppb are no values")
		}
		time.Sleep(time.Second)
		got := b.read()
		require.Len(t, got, 2)
		assert.Equal(t, agent.WarmUp, got[0].Quality, "it has learned nothing yet")
		assert.Equal(t, agent.CarbonDioxideEquivalent, got[0].Property)
		assert.Equal(t, agent.VolatileOrganicCompounds, got[1].Property)
	})
}

// A restart of the agent is not one of the part: what it learned stays.
func TestSGP30AgentRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSGP30Bench(t)
		b.later(90 * time.Minute)
		began := b.part.began
		b.restart()
		assert.Len(t, b.read(), 2, "at once")
		assert.Equal(t, began, b.part.began, "it was not started again")
		assert.Equal(t, agent.WarmUp, b.read()[0].Quality, "nobody knows for how long it has learned")
		assert.Zero(t, b.later(12 * time.Hour)[0].Quality)
	})
}

// A part that lost power alone gets its baseline back, and no other part does.
func TestSGP30GetsItsBaselineBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSGP30Bench(t)
		b.later(13 * time.Hour)
		b.host.PowerCycle()
		time.Sleep(time.Second)
		got, err := b.agent.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Empty(t, got)
		assert.Empty(t, b.goOn(14*time.Second), "blind")
		assert.Equal(t, [2]uint16{0x8b10, 0x8c20}, b.part.words, "compounds go first, carbon dioxide is first again")
		assert.Zero(t, b.goOn(3 * time.Second)[0].Quality)

		b.host.PowerCycle()
		time.Sleep(time.Second)
		_, err = b.agent.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut, "again, soon after a start")
		b.goOn(20 * time.Second)
		assert.Equal(t, [2]uint16{0x8b10, 0x8c20}, b.part.words)

		b.host.PowerCycle()
		time.Sleep(8 * 24 * time.Hour)
		_, err = b.agent.Observe(t.Context(), nil)
		require.Error(t, err)
		b.goOn(20 * time.Second)
		assert.Equal(t, [2]uint16{}, b.part.words, "it is too old")
	})
}

func TestSGP30OtherPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSGP30Bench(t)
		b.later(13 * time.Hour)
		b.host.PowerCycle()
		answering(b.host, sgp30Serial, frame(t, "00 00 81 00 64 fe be ef 92"))
		_, err := b.agent.Observe(t.Context(), nil)
		require.Error(t, err)
		assert.Equal(t, agent.WarmUp, b.goOn(20 * time.Second)[0].Quality)
		assert.Equal(t, [2]uint16{}, b.part.words, "the baseline is another part's")
	})
}

// Power that is lost in the first hour shows by a baseline that never comes.
func TestSGP30PowerLostWhileLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSGP30Bench(t)
		b.later(30 * time.Minute)
		b.host.PowerCycle()
		assert.Empty(t, b.later(89*time.Minute), "400 ppm and 0 ppb of a part without a baseline are no values")
		time.Sleep(2 * time.Minute)
		_, err := b.agent.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Len(t, b.goOn(20*time.Second), 2)
	})
}

func TestSGP30Pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSGP30Bench(t)
		b.later(13 * time.Hour)
		time.Sleep(time.Minute)
		assert.Equal(t, agent.Suspect, b.read()[0].Quality)
		assert.Zero(t, b.read()[0].Quality)
		b.part.began = b.part.began.Add(-time.Hour)
		answering(b.host, sgp30Measure, frame(t, "01 90 4c 00 00 81"))
		assert.Len(t, b.read(), 2, "a part with a baseline says so of the cleanest air")
	})
}

func TestSGP30Refuses(t *testing.T) {
	for name, tt := range map[string]struct {
		code  uint16
		frame string
		want  error
	}{
		"an SGPC3":   {sgp30Features, "10 06 00", drivers.ErrIdentity},
		"an SGP40":   {sgp30Features, "32 20 00", drivers.ErrIdentity},
		"too little": {sgp30Measure, "01 8f 00 00 10 00", drivers.ErrRange},
		"too much":   {sgp30Measure, "01 f4 00 ea 61 00", drivers.ErrRange},
	} {
		b := frame(t, tt.frame)
		for i := 0; i+3 <= len(b); i += 3 {
			b[i+2] = drivers.CRC8(b[i : i+2])
		}
		got, err := observe(t, SGP30, tt.code, b)
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
	got, err := sgp30Results(nil, [2]uint16{sgp30Most, 3}, agent.WarmUp)
	require.NoError(t, err)
	assert.Equal(t, agent.WarmUp|agent.Saturated, got[0].Quality)
	assert.Equal(t, agent.WarmUp, got[1].Quality)
	assert.Error(t, SGP30Settings{drivers.I2C{Address: 0x59}}.Validate(), "that of an SGP40")
}

func TestSGP30Vectors(t *testing.T) {
	tried := 0
	for _, v := range drivertest.Vectors(t, "sgp.json") {
		if v.ID != "sgp30-serial" {
			continue
		}
		tried++
		synctest.Test(t, func(t *testing.T) {
			b := newSGP30Bench(t)
			said, err := hex.DecodeString(v.Calls[0].R)
			require.NoError(t, err)
			answering(b.host, sgp30Serial, said)
			b.read()
			w := b.agent.(*sgp30).serial
			assert.EqualValues(t, v.Expect[0].Value, uint64(w[0])<<32|uint64(w[1])<<16|uint64(w[2]))
		})
	}
	assert.Equal(t, 1, tried)
}

// An error of the bus in the first hour, in which there is no baseline, does not
// cost what the part has learned so far; a loss of power is noticed all the same.
func TestSGP30ErrorWhileItLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := SGP30Settings{drivers.I2C{Address: 0x58}}
		p, _ := newSGP30()
		settings.Simulate(host, p)
		s, err := openSGP30(host, settings)
		require.NoError(t, err)
		starts, failing := 0, false
		host.SetFault(func(op sim.Op) error {
			if len(op.W) == 2 && op.W[0] == sgp30Init>>8 && op.W[1] == sgp30Init&0xff {
				starts++
			}
			if failing {
				return sim.NoAck
			}
			return op.Err
		})
		for range 4 {
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)
			time.Sleep(10 * time.Minute)
			failing = true
			_, err = s.Observe(t.Context(), nil)
			require.Error(t, err)
			failing = false
			time.Sleep(time.Second)
		}
		assert.Equal(t, 1, starts)
		host.PowerCycle()
		time.Sleep(time.Second)
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, 2, starts)
	})
}

func FuzzSGP30Results(f *testing.F) {
	f.Add(uint16(400), uint16(0))
	f.Add(uint16(399), uint16(60001))
	f.Fuzz(func(t *testing.T, co2, voc uint16) {
		got, err := sgp30Results(nil, [2]uint16{co2, voc}, 0)
		if co2 < 400 || co2 > sgp30Most || voc > sgp30Most {
			assert.ErrorIs(t, err, drivers.ErrRange)
			assert.Empty(t, got)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, [2]float64{float64(co2), float64(voc)}, [2]float64{got[0].Value, got[1].Value})
	})
}
