package pulse

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func settings() Settings {
	s := Driver.Defaults().(Settings)
	s.Pin = "GPIO17"
	return s
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, Driver, func(s *Settings) { s.Pin = "GPIO17" })
	t.Run("Quantity", func(t *testing.T) {
		drivertest.Run(t, Driver, func(s *Settings) { s.Pin, s.PerPulse, s.Unit = "GPIO17", 0.2794, "mm" })
	})
}

// start returns a sensor that was observed once, and its line, which is high.
func start(t *testing.T, s Settings) (*sensor, *sim.Line, *sim.Host) {
	t.Helper()
	host := new(sim.Host)
	opened, err := open(host, s)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, opened.Close()) })
	_, err = opened.Observe(t.Context(), nil)
	require.NoError(t, err)
	return opened.(*sensor), host.SimLine(s.Pin), host
}

// observe returns total and rate.
func observe(t *testing.T, s *sensor) (total, rate float64, quality agent.Quality) {
	t.Helper()
	got, err := s.Observe(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, agent.Pulses, got[0].Property)
	require.Equal(t, agent.PulseRate, got[1].Property)
	require.Equal(t, got[0].Quality, got[1].Quality)
	require.Equal(t, got[0].Time, got[1].Time, "one instant")
	return got[0].Value, got[1].Value, got[0].Quality
}

func TestCountsEdge(t *testing.T) {
	for edge, want := range map[string]float64{"falling": 2, "rising": 1, "both": 3} {
		setting := settings()
		setting.Edge = edge
		s, line, _ := start(t, setting)
		line.Pulse()
		line.Set(gpio.Low)

		total, _, quality := observe(t, s)

		assert.Equal(t, want, total, edge)
		assert.Zero(t, quality)
	}
}

func TestCountsDroppedEdges(t *testing.T) {
	s, line, _ := start(t, settings())
	line.Drop(1000)
	for range 1001 {
		line.Pulse()
	}

	total, _, quality := observe(t, s)

	assert.Equal(t, 1001.0, total, "the kernel counted what it could not tell")
	assert.Zero(t, quality, "nothing is missing")
}

func TestCountWrapsAround(t *testing.T) {
	c := counter{total: 10, seen: gpioline.Event{Seq: math.MaxUint32 - 1, Time: time.Now()}}
	c.edge(gpioline.Event{Seq: 3, Time: time.Now()})

	c.update()

	assert.EqualValues(t, 15, c.total)
}

func TestResume(t *testing.T) {
	host := new(sim.Host)
	opened, err := open(host, settings())
	require.NoError(t, err)
	s := opened.(*sensor)
	s.Resume(agent.Pulses, 123456)
	s.Resume(agent.PulseRate, 7)
	s.Resume(agent.Pulses, math.NaN())
	s.Resume(agent.Pulses, -1)

	total, rate, quality := observe(t, s)
	assert.Equal(t, 123456.0, total)
	assert.Zero(t, rate)
	assert.Zero(t, quality)
	host.SimLine("GPIO17").Pulse()
	total, _, _ = observe(t, s)
	assert.Equal(t, 123457.0, total)
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, line, _ := start(t, settings())
		_, rate, _ := observe(t, s)
		assert.Zero(t, rate, "no pulse yet")

		line.Pulse()
		_, rate, _ = observe(t, s)
		assert.Zero(t, rate, "one pulse has no rate")

		time.Sleep(10 * time.Second)
		line.Pulse()
		_, rate, _ = observe(t, s)
		assert.InDelta(t, 0.1, rate, 1e-9, "the period of the last two")

		time.Sleep(10 * time.Second)
		_, rate, _ = observe(t, s)
		assert.InDelta(t, 0.1, rate, 1e-9, "the next may come now")
		time.Sleep(30 * time.Second)
		_, rate, _ = observe(t, s)
		assert.InDelta(t, 1.0/40, rate, 1e-9, "it decays")

		for range 51 {
			line.Pulse()
			time.Sleep(200 * time.Millisecond)
		}
		_, rate, _ = observe(t, s)
		assert.InDelta(t, 5, rate, 1e-9, "the pulses since the last reading over their time; the pause before is over")

		time.Sleep(4 * time.Minute)
		_, rate, _ = observe(t, s)
		assert.InDelta(t, 1/240.2, rate, 1e-9)
		time.Sleep(time.Minute)
		_, rate, _ = observe(t, s)
		assert.Zero(t, rate, "standstill")
	})
}

func TestRateOfEdgesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, line, _ := start(t, settings())
		line.Pulse()
		line.Pulse()
		total, rate, _ := observe(t, s)
		assert.Equal(t, 2.0, total)
		assert.Zero(t, rate, "no time between them, no rate")
	})
}

func TestLineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, line, host := start(t, settings())
		line.Pulse()
		time.Sleep(time.Second)
		line.Pulse()
		unplugged := errors.New("unplugged")
		host.SetFault(func(sim.Op) error { return unplugged })
		for range 2 {
			got, err := s.Observe(t.Context(), nil)
			assert.ErrorIs(t, err, unplugged)
			assert.Empty(t, got)
			line.Pulse() // nobody watches
		}
		host.SetFault(nil)

		total, rate, quality := observe(t, s)
		assert.Equal(t, 2.0, total, "what was counted before")
		assert.Zero(t, rate, "nothing is known")
		assert.Equal(t, agent.Incomplete, quality)

		time.Sleep(time.Second)
		line.Pulse()
		total, rate, quality = observe(t, s)
		assert.Equal(t, 3.0, total, "the count goes on")
		assert.Zero(t, rate, "of one pulse since then")
		assert.Zero(t, quality, "said once")
	})
}

func TestLineFailsOnce(t *testing.T) {
	s, _, host := start(t, settings())
	host.SetFault(func(sim.Op) error { return errors.New("unplugged") })
	_, err := s.Observe(t.Context(), nil)
	require.Error(t, err)
	host.SetFault(nil)

	_, _, quality := observe(t, s)
	assert.Equal(t, agent.Incomplete, quality)
}

func TestLineBusyAtFirst(t *testing.T) {
	host := new(sim.Host)
	other, err := host.SimLine("GPIO17").Watch(gpioline.Options{}, nil)
	require.NoError(t, err)
	opened, err := open(host, settings())
	require.NoError(t, err)
	_, err = opened.Observe(t.Context(), nil)
	require.ErrorContains(t, err, "in use")
	require.NoError(t, other.Close())

	_, _, quality := observe(t, opened.(*sensor))
	assert.Equal(t, agent.Incomplete, quality)
}

func TestQuantity(t *testing.T) {
	setting := settings()
	setting.PerPulse, setting.Unit = 0.2, "mm"
	s, line, _ := start(t, setting)
	for range 3 {
		line.Pulse()
	}

	got, err := s.Observe(t.Context(), nil)

	require.NoError(t, err)
	require.Len(t, got, 3)
	assert.Equal(t, agent.Property{Name: "quantity", Unit: "mm", Kind: agent.Measurement}, got[2].Property)
	assert.Equal(t, 0.6, agent.Round(got[2].Value, 1))
}

func TestObserves(t *testing.T) {
	assert.Len(t, settings().Observes(), 2)
	for perPulse, want := range map[float64]int8{1: 0, 10: 0, 0.2: 1, 0.2794: 4, 0.001: 3, 2.5: 1} {
		s := settings()
		s.PerPulse, s.Unit = perPulse, "L"
		all := s.Observes()
		require.Len(t, all, 3)
		assert.Equal(t, want, all[2].Resolution, perPulse)
		assert.Equal(t, "L", all[2].Property.Unit)
	}
	assert.Equal(t, "1", agent.Quantity.Unit, "the property of others is as it was")
	assert.Equal(t, []drivers.Observable{
		{Property: agent.Pulses, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.PulseRate, Resolution: 3, Class: agent.Telemetry},
	}, Driver.Observes)
}

// options is a pin that tells how it was watched.
type options struct {
	gpioline.Pin
	got gpioline.Options
}

func (o *options) Watch(got gpioline.Options, handle func(gpioline.Event)) (gpioline.Watch, error) {
	o.got = got
	return o.Pin.Watch(got, handle)
}

func TestWatchOptions(t *testing.T) {
	for pull, want := range map[string]gpio.Pull{"up": gpio.PullUp, "down": gpio.PullDown, "none": gpio.Float} {
		setting := settings()
		setting.Pull, setting.Debounce = pull, 20*time.Millisecond
		opened, err := open(new(sim.Host), setting)
		require.NoError(t, err)
		s := opened.(*sensor)
		pin := &options{Pin: s.pin}
		s.pin = pin
		observe(t, s)
		assert.Equal(t, gpioline.Options{Pull: want, Edge: gpio.FallingEdge, Debounce: 20 * time.Millisecond}, pin.got)
	}
}

func TestSettings(t *testing.T) {
	assert.NoError(t, settings().Validate())
	for _, tt := range []struct {
		text   string
		change func(*Settings)
	}{
		{"pin", func(s *Settings) { s.Pin = "" }},
		{"edge", func(s *Settings) { s.Edge = "none" }},
		{"pull", func(s *Settings) { s.Pull = "" }},
		{"debounce", func(s *Settings) { s.Debounce = -1 }},
		{"debounce", func(s *Settings) { s.Debounce = time.Hour }},
		{"per_pulse", func(s *Settings) { s.PerPulse = -0.2 }},
		{"per_pulse", func(s *Settings) { s.PerPulse = math.NaN() }},
		{"per_pulse", func(s *Settings) { s.PerPulse = math.Inf(1) }},
		{"per_pulse", func(s *Settings) { s.PerPulse = 1.0 / 3 }},
		{"unit", func(s *Settings) { s.Unit = "" }},
	} {
		s := settings()
		tt.change(&s)
		assert.ErrorContains(t, s.Validate(), tt.text)
	}
}
