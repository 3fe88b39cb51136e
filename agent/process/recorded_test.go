package process_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/process"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reading is one of a recorded series.
type reading struct {
	at    time.Time
	value float64
}

// series reads one property of a recorded series, by sensor.
func series(t *testing.T, name, property string) map[string][]reading {
	t.Helper()
	dir := os.Getenv("LAMPPOST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "series", filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no recorded series here: %v", err)
	}
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	all := make(map[string][]reading)
	for r := csv.NewReader(z); ; {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if row[2] != property || row[0] == "time" {
			continue
		}
		seconds, err := strconv.ParseFloat(row[0], 64)
		require.NoError(t, err)
		value, err := strconv.ParseFloat(row[4], 64)
		require.NoError(t, err)
		all[row[1]] = append(all[row[1]], reading{time.UnixMilli(int64(seconds * 1000)).UTC(), value})
	}
}

// A player is a sensor that says what was recorded, when its time has come.
type player struct {
	property agent.Property
	readings []reading
	shift    time.Duration // from the recorded time to that of the test
}

// Observe implements agent.Sensor.
func (p *player) Observe(_ context.Context, into []agent.Result) ([]agent.Result, error) {
	for len(p.readings) > 0 {
		r := p.readings[0]
		at := r.at.Add(p.shift)
		if at.After(time.Now()) {
			break
		}
		into = append(into, agent.Result{Property: p.property, Value: r.value, Time: at})
		p.readings = p.readings[1:]
	}
	return into, nil
}

// Close implements agent.Sensor.
func (p *player) Close() error { return nil }

// A recorder keeps all in memory, with the recorded times.
type recorder struct {
	mu    sync.Mutex
	shift time.Duration
	all   []agent.Observation
}

// Datastream implements agent.Recorder.
func (r *recorder) Datastream(want agent.Datastream) (*agent.Datastream, error) { return &want, nil }

// Record implements agent.Recorder.
func (r *recorder) Record(obs []agent.Observation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range obs {
		o.Time = o.Time.Add(-r.shift)
		r.all = append(r.all, o)
	}
	return nil
}

// Last implements agent.Recorder.
func (r *recorder) Last(*agent.Datastream) (float64, bool) { return 0, false }

// A step is one of a configuration.
type step struct {
	kind     string
	settings func(any)
}

// replay runs an agent over recorded readings in virtual time, with these steps,
// and returns what it records, without the states of the sensor.
func replay(t *testing.T, property agent.Property, readings []reading, steps ...step) (all []agent.Observation) {
	t.Helper()
	streams := []agent.Datastream{{Property: property, Resolution: 2, Class: agent.Telemetry}}
	var chain process.Chain
	for _, s := range steps {
		for _, k := range process.Kinds {
			if k.Name != s.kind {
				continue
			}
			c, err := k.Configure(func(into any) error { s.settings(into); return nil })
			require.NoError(t, err)
			made, after, err := c.Plan(property.Name, streams, time.Minute)
			require.NoError(t, err)
			chain, streams = append(chain, made), after
		}
	}
	require.Len(t, chain, len(steps))
	synctest.Test(t, func(t *testing.T) {
		shift := time.Now().Add(time.Second).Sub(readings[0].at)
		rec := &recorder{shift: shift}
		a := &agent.Agent{
			Thing: "lamp-042", Recorder: rec, Log: slog.New(slog.DiscardHandler),
			Sensors: []agent.SensorConfig{{
				Name: "recorded", Driver: "player", Every: time.Minute, Process: chain, Streams: streams,
				Sensor: &player{property: property, readings: readings, shift: shift},
			}},
		}
		ctx, cancel := context.WithTimeout(t.Context(), readings[len(readings)-1].at.Sub(readings[0].at)+5*time.Minute)
		defer cancel()
		require.NoError(t, a.Run(ctx))
		for _, o := range rec.all {
			if o.Datastream.Property != agent.SensorState {
				all = append(all, o)
			}
		}
	})
	return all
}

// count counts observations of a quality.
func count(all []agent.Observation, q agent.Quality) (n int) {
	for _, o := range all {
		if o.Quality&q != 0 {
			n++
		}
	}
	return n
}

// Two thirds of the humidity sensors of a public network sit at 99.9 %: each such
// reading is out of what is believed, and all but the first of a row are stuck.
func TestRecordedStuckHumidity(t *testing.T) {
	sensors := series(t, "odbl/aberdeen_air.csv.gz", "humidity")
	total, outside, stuck, stuckElsewhere := 0, 0, 0, 0
	for _, readings := range sensors {
		all := replay(t, agent.RelativeHumidity, readings,
			step{"range", func(s any) { process.SetRange(s, 0, 99.8) }}, step{"stuck", func(s any) { process.SetStuck(s, 10) }})
		require.Len(t, all, len(readings), "nothing is left out")
		for i, o := range all {
			require.Equal(t, readings[i].at, o.Time)
			if o.Value != 99.9 {
				stuckElsewhere += count(all[i:i+1], agent.Stuck)
				continue
			}
			total++
			outside += count(all[i:i+1], agent.OutOfRange)
			stuck += count(all[i:i+1], agent.Stuck)
		}
	}
	assert.Equal(t, 25_129, total)
	assert.Equal(t, 25_129, outside)
	assert.Equal(t, 23_493, stuck)
	assert.Equal(t, 7, stuckElsewhere)
}

// The one saturated reading of a particle sensor.
func TestRecordedSaturatedParticles(t *testing.T) {
	n := 0
	for name, readings := range series(t, "odbl/aberdeen_air.csv.gz", "pm10") {
		for _, o := range replay(t, agent.PM10, readings, step{"range", func(s any) { process.SetRange(s, 0, 999.9) }}) {
			if o.Quality&agent.OutOfRange != 0 && o.Value == 1999.9 {
				n++
				assert.Equal(t, "sds011-22068", name)
			}
		}
	}
	assert.Equal(t, 1, n)
}

// The river is 370 cm below the gauge in dry weather; in the night of the flood it
// is nearer than 340 cm from 23:41 to 07:47 UTC, but for ten minutes: one rise and
// one fall in those hours. Without a hysteresis, or without a level of 338 cm, there
// would be two of each, or a fall that comes late.
func TestRecordedFlood(t *testing.T) {
	distance := agent.Property{Name: "distance", Unit: "cm"}
	readings := series(t, "open/troutcreek_stage_flood.csv.gz", "distance")["lidarlite"]
	all := replay(t, distance, readings, step{"threshold", func(s any) { process.SetThreshold(s, 338, 5) }})
	var told []string
	for _, o := range all {
		if o.Datastream.Class == agent.Alarm {
			told = append(told, o.Time.Format("15:04 ")+strconv.Itoa(int(o.Value)))
		}
	}
	assert.Equal(t, []string{"18:01 0", "23:56 1", "07:51 0"}, told)
}

// CO2 rises from 877 to 1973 ppm: the alarm follows, and what changed too fast is
// marked. The other sensor speaks in bursts, 0.4 s apart, with hours of silence
// between: all of it is kept.
func TestRecordedBursts(t *testing.T) {
	readings := series(t, "open/airscout_co2.csv.gz", "co2")["scd40"]
	all := replay(t, agent.CarbonDioxide, readings,
		step{"jump", func(s any) { process.SetJump(s, 50, time.Minute) }}, step{"threshold", func(s any) { process.SetAbove(s, 1500, 100) }})
	raised, fell := 0, 0
	for _, o := range all {
		switch {
		case o.Datastream.Class != agent.Alarm:
		case o.Value == process.Raised:
			raised++
		default:
			fell++
		}
	}
	assert.Equal(t, []int{1, 0, 20}, []int{raised, fell - 1, count(all, agent.Jump)}, "normal at first")

	bursts := series(t, "open/airscout_co2.csv.gz", "co2")["mhz19"]
	all = replay(t, agent.CarbonDioxide, bursts, step{"median", func(any) {}})
	require.Len(t, all, len(bursts))
	for i, o := range all {
		assert.Equal(t, bursts[i].at, o.Time)
	}
}
