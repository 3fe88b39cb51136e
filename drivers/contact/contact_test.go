package contact

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
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

func observe(t *testing.T, s *sensor) []agent.Result {
	t.Helper()
	got, err := s.Observe(t.Context(), nil)
	require.NoError(t, err)
	return got
}

func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		open  string
		level gpio.Level
		want  float64
	}{{"high", gpio.High, 1}, {"high", gpio.Low, 0}, {"low", gpio.High, 0}, {"low", gpio.Low, 1}} {
		setting := settings()
		setting.Open = tt.open
		s, line, _ := start(t, setting)
		line.Set(!tt.level)
		line.Set(tt.level)
		observe(t, s)

		got := observe(t, s)

		assert.Equal(t, []agent.Result{{Property: agent.Open, Value: tt.want}}, got, "the level now, at the time of the agent")
	}
}

func TestEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, line, _ := start(t, settings())
		closed := time.Now().Add(time.Second)
		time.Sleep(time.Second)
		line.Set(gpio.Low)
		time.Sleep(time.Second)
		line.Set(gpio.High)
		time.Sleep(time.Second)
		require.Len(t, s.Wake(), 1, "an edge wakes, once")

		got := observe(t, s)

		assert.Equal(t, []agent.Result{
			{Property: agent.Open, Value: 0, Time: closed},
			{Property: agent.Open, Value: 1, Time: closed.Add(time.Second)},
		}, got, "each edge at its own time")
		assert.Equal(t, []agent.Result{{Property: agent.Open, Value: 1}}, observe(t, s), "once")
	})
}

func TestLostEdges(t *testing.T) {
	s, line, _ := start(t, settings())
	line.Drop(2)
	line.Set(gpio.Low)
	line.Set(gpio.High)
	line.Set(gpio.Low)
	line.Set(gpio.High)

	got := observe(t, s)

	require.Len(t, got, 2)
	assert.Equal(t, agent.Incomplete, got[0].Quality, "two edges before it were lost")
	assert.Zero(t, got[1].Quality)
	assert.Equal(t, []float64{0, 1}, []float64{got[0].Value, got[1].Value})
	line.Set(gpio.Low)
	assert.Zero(t, observe(t, s)[0].Quality, "said once")
}

func TestManyEdges(t *testing.T) {
	s, line, _ := start(t, settings())
	for range maxEdges {
		line.Pulse()
	}
	line.Set(gpio.Low)

	got := observe(t, s)

	require.Len(t, got, maxEdges)
	assert.Equal(t, agent.Incomplete, got[0].Quality, "the oldest are lost")
	assert.Zero(t, got[1].Quality)
	assert.Zero(t, got[maxEdges-1].Value, "the newest is kept")
	assert.EqualValues(t, 2*maxEdges+1, s.seq)
}

func TestLineFails(t *testing.T) {
	s, line, host := start(t, settings())
	unplugged := errors.New("unplugged")
	line.Set(gpio.Low)
	host.SetFault(func(sim.Op) error { return unplugged })

	got, err := s.Observe(t.Context(), nil)

	assert.ErrorIs(t, err, unplugged)
	require.Len(t, got, 1, "what was seen before")
	assert.Zero(t, got[0].Quality)
	assert.NotZero(t, got[0].Time)

	line.Set(gpio.High) // nobody watches
	_, err = s.Observe(t.Context(), nil)
	assert.ErrorIs(t, err, unplugged)
	host.SetFault(nil)

	assert.Equal(t, []agent.Result{{Property: agent.Open, Value: 1, Quality: agent.Incomplete}}, observe(t, s))
	assert.Equal(t, []agent.Result{{Property: agent.Open, Value: 1}}, observe(t, s), "said once")
	line.Set(gpio.Low)
	got = observe(t, s)
	assert.Zero(t, got[0].Quality)
	assert.NotZero(t, got[0].Time, "edges are told again")
	assert.EqualValues(t, 1, s.seq, "by a new watch, which counts anew")
}

func TestLineFailsOnce(t *testing.T) {
	s, _, host := start(t, settings())
	host.SetFault(func(sim.Op) error { return errors.New("unplugged") })
	_, err := s.Observe(t.Context(), nil)
	require.Error(t, err)
	host.SetFault(nil)

	assert.Equal(t, agent.Incomplete, observe(t, s)[0].Quality)
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

	assert.Equal(t, agent.Incomplete, observe(t, opened.(*sensor))[0].Quality)
}

func TestClose(t *testing.T) {
	s, line, _ := start(t, settings())
	require.NoError(t, s.Close())
	_, err := line.Watch(gpioline.Options{}, func(gpioline.Event) {})
	assert.NoError(t, err, "the line is free again")
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
		setting.Pull = pull
		opened, err := open(new(sim.Host), setting)
		require.NoError(t, err)
		s := opened.(*sensor)
		pin := &options{Pin: s.pin}
		s.pin = pin
		observe(t, s)
		assert.Equal(t, gpioline.Options{Pull: want, Edge: gpio.BothEdges, Debounce: 50 * time.Millisecond}, pin.got)
	}
}

func TestSettings(t *testing.T) {
	assert.NoError(t, settings().Validate())
	for name, change := range map[string]func(*Settings){
		"pin":      func(s *Settings) { s.Pin = "" },
		"pull":     func(s *Settings) { s.Pull = "upwards" },
		"open":     func(s *Settings) { s.Open = "yes" },
		"debounce": func(s *Settings) { s.Debounce = -time.Millisecond },
	} {
		s := settings()
		change(&s)
		assert.ErrorContains(t, s.Validate(), name)
	}
	s := settings()
	s.Debounce = time.Hour
	assert.Error(t, s.Validate())
}
