package main

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// calm gives the world back to its day when a test ends.
func calm(t *testing.T) {
	t.Cleanup(func() {
		for _, q := range sim.Quantities() {
			sim.Set(q, math.NaN())
		}
	})
}

func TestScenario(t *testing.T) {
	calm(t)
	const text = `board = "sim"
[thing]
id = "a"
[[sensor]]
name = "air"
driver = "sht4x"
bus = "1/mux@70/3"
[[sensor]]
name = "rain"
driver = "pulse"
pin = "GPIO17"
[[sensor]]
name = "door"
driver = "contact"
pin = "GPIO27"
`
	cfg, err := config.Parse("x.toml", []byte(text), catalog)
	require.NoError(t, err)
	const s = time.Second
	const bus = "1/mux@70/3"
	cfg.Events = []config.Event{
		{Property: "airTemperature", Value: 20},
		{After: 2 * s, Property: "airTemperature", Value: 41.5},
		{After: 4 * s, Property: config.Absent, Value: 1, Bus: bus, Address: 0x44},
		{After: 4 * s, Property: config.Pulses, Value: 7, Pin: "GPIO17"},
		{After: 4 * s, Property: config.Level, Value: 0, Pin: "GPIO27"},
		{After: 6 * s, Property: config.Absent, Value: 0, Bus: bus, Address: 0x44},
	}
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		var sensors []agent.Sensor
		for _, c := range cfg.Sensors {
			sensor, err := c.Open(host)
			require.NoError(t, err)
			defer sensor.Close()
			sensors = append(sensors, sensor)
		}
		read := func(i int) (float64, error) {
			got, err := sensors[i].Observe(t.Context(), nil)
			if len(got) == 0 {
				return math.NaN(), err
			}
			return got[0].Value, err
		}
		var log bytes.Buffer
		events := newScenario(host, cfg.Events)
		v, err := read(0)
		require.NoError(t, err)
		assert.InDelta(t, 20, v, 0.01, "from the start")
		rain, _ := read(1)
		assert.Zero(t, rain)
		_, err = read(2)
		require.NoError(t, err)
		var playing sync.WaitGroup
		playing.Go(func() { events.run(t.Context(), slog.New(slog.NewTextHandler(&log, nil))) })

		time.Sleep(3 * s)
		v, err = read(0)
		require.NoError(t, err)
		assert.InDelta(t, 41.5, v, 0.01)

		time.Sleep(2 * s)
		_, err = read(0)
		assert.ErrorIs(t, err, agent.ErrAbsent)
		rain, err = read(1)
		require.NoError(t, err)
		assert.Equal(t, 7.0, rain)
		door, err := read(2)
		require.NoError(t, err)
		assert.Zero(t, door, "high is open")

		time.Sleep(2 * s)
		v, err = read(0)
		require.NoError(t, err, "it is there again")
		assert.InDelta(t, 41.5, v, 0.01)
		playing.Wait()
		assert.Contains(t, log.String(), "the series has ended")
	})
}

// A series ends with the agent.
func TestScenarioEnds(t *testing.T) {
	calm(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		newScenario(new(sim.Host), []config.Event{{After: time.Hour, Property: "illuminance", Value: 1}}).run(ctx, slog.New(slog.DiscardHandler))
		assert.Equal(t, time.Minute, time.Since(start))
	})
	newScenario(nil, []config.Event{{Property: "illuminance", Value: 1}}).run(t.Context(), nil)
	assert.NotEqual(t, 1.0, sim.Illuminance(), "real hardware feels the real world")
}
