package process

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	air      = agent.Datastream{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry}
	humidity = agent.Datastream{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry}
	pressure = agent.Datastream{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry}
	noon     = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
)

// set fills in settings by the names of their fields.
func set(values map[string]any) func(any) error {
	return func(into any) error {
		v := reflect.ValueOf(into).Elem()
		for name, x := range values {
			f := v.FieldByName(name)
			if !f.IsValid() {
				return fmt.Errorf("no setting %s", name)
			}
			f.Set(reflect.ValueOf(x).Convert(f.Type()))
		}
		return nil
	}
}

func kind(t testing.TB, name string) Kind {
	for _, k := range Kinds {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return Kind{}
}

// plan makes a step of a sensor that is read each minute.
func plan(t testing.TB, name string, values map[string]any, streams ...agent.Datastream) (Step, []agent.Datastream) {
	t.Helper()
	c, err := kind(t, name).Configure(set(values))
	require.NoError(t, err)
	step, after, err := c.Plan(streams[0].Property.Name, streams, time.Minute)
	require.NoError(t, err)
	return step, after
}

// feed gives a step values a minute apart and returns all that comes out.
func feed(step Step, p agent.Property, values ...float64) (out []agent.Result) {
	for i, v := range values {
		out = append(out, step.Process([]agent.Result{{Property: p, Value: v, Time: noon.Add(time.Duration(i) * time.Minute)}})...)
	}
	return out
}

func valuesOf(rs []agent.Result) (all []float64) {
	for _, r := range rs {
		all = append(all, r.Value)
	}
	return all
}

func TestCorrections(t *testing.T) {
	for _, tt := range []struct {
		kind     string
		settings map[string]any
		in, want []float64
	}{
		{"offset", map[string]any{"Value": -0.4}, []float64{20, -5}, []float64{19.6, -5.4}},
		{"linear", map[string]any{"Factor": 2.0, "Offset": 1.0}, []float64{3, -1}, []float64{7, -1}},
		{"polynomial", map[string]any{"Coefficients": []float64{1, 0, 2}}, []float64{3, -1}, []float64{19, 3}},
		{"two-point", map[string]any{"From": []float64{1, 101}, "To": []float64{0, 100}}, []float64{1, 51, 101, 111}, []float64{0, 50, 100, 110}},
		{"table", map[string]any{"From": []float64{0, 1, 3}, "To": []float64{10, 20, 0}}, []float64{0.5, 2, 3, -1, 9}, []float64{15, 10, 0, 10, 0}},
		{"table", map[string]any{"From": []float64{0.4, 1.4, 2.9}, "To": []float64{90, 0, 270}, "Nearest": true}, []float64{0.1, 0.95, 1.3, 2.1, 2.2, 5}, []float64{90, 0, 0, 0, 270, 270}},
		{"unit", map[string]any{"To": "K"}, []float64{0, 20.5}, []float64{273.15, 293.65}},
		{"unit", map[string]any{"To": "[degF]"}, []float64{0, 100}, []float64{32, 212}},
		{"median", map[string]any{"Of": 3}, []float64{1, 9, 2, 3, 3}, []float64{1, 5, 2, 3, 3}},
		{"mean", map[string]any{"Of": 3}, []float64{1, 2, 3, 7}, []float64{1, 1.5, 2, 4}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			step, after := plan(t, tt.kind, tt.settings, air)
			got := feed(step, air.Property, tt.in...)
			assert.InDeltaSlice(t, tt.want, valuesOf(got), 1e-9)
			require.Len(t, after, 1)
			assert.Equal(t, after[0].Property, got[0].Property)
			other := []agent.Result{{Property: agent.RelativeHumidity, Value: 3, Time: noon}}
			assert.Equal(t, 3.0, step.Process(other)[0].Value, "another property")
		})
	}
}

func TestTableSaysWhereItEnds(t *testing.T) {
	step, _ := plan(t, "table", map[string]any{"From": []float64{0, 1}, "To": []float64{10, 20}}, air)
	got := feed(step, air.Property, 0, 1, 1.1)
	assert.Equal(t, []agent.Quality{0, 0, agent.OutOfRange}, []agent.Quality{got[0].Quality, got[1].Quality, got[2].Quality})
}

func TestBecomesAnother(t *testing.T) {
	volts := agent.Datastream{Property: agent.Voltage, Resolution: 3}
	step, after := plan(t, "linear", map[string]any{"Factor": 10.0, "As": "windSpeed", "Unit": "m/s"}, volts)
	got := feed(step, volts.Property, 0.5)
	assert.Equal(t, agent.Property{Name: "windSpeed", Unit: "m/s"}, got[0].Property)
	assert.Equal(t, got[0].Property, after[0].Property)
	step, after = plan(t, "unit", map[string]any{"To": "bar"}, pressure)
	assert.InDelta(t, 1.01325, feed(step, pressure.Property, 1013.25)[0].Value, 1e-12)
	assert.Equal(t, int8(5), after[0].Resolution, "the same steps")
}

func TestCalibration(t *testing.T) {
	step, after := plan(t, "offset", map[string]any{"Value": 1.0, "Raw": true, "Date": "2026-05-01", "Expires": "2026-06-02", "Instrument": "PT100 no. 7"}, air, humidity)
	require.Len(t, after, 3)
	assert.Equal(t, "airTemperature.raw", after[2].Property.Name)
	assert.Equal(t, agent.Diagnostic, after[2].Class)
	rs := step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon}, {Property: humidity.Property, Value: 50, Time: noon}})
	assert.Equal(t, []float64{21, 50, 20}, valuesOf(rs))
	assert.Zero(t, rs[0].Quality)
	rs = step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon.AddDate(0, 0, 1)}})
	assert.Equal(t, agent.CalibrationExpired, rs[0].Quality)
	assert.Zero(t, rs[1].Quality, "the raw value is what it is")
}

func TestChecks(t *testing.T) {
	qualities := func(rs []agent.Result) (all []agent.Quality) {
		for _, r := range rs {
			all = append(all, r.Quality)
		}
		return all
	}
	step, _ := plan(t, "range", map[string]any{"Min": -40.0, "Max": 60.0}, air)
	assert.Equal(t, []agent.Quality{agent.OutOfRange, 0, 0, agent.OutOfRange}, qualities(feed(step, air.Property, -41, -40, 60, 85)))
	step, _ = plan(t, "range", map[string]any{"Max": 60.0}, air)
	assert.Equal(t, []agent.Quality{0, agent.OutOfRange}, qualities(feed(step, air.Property, -273, 61)))

	step, _ = plan(t, "stuck", map[string]any{"Times": 3}, air)
	assert.Equal(t, []agent.Quality{0, 0, agent.Stuck, agent.Stuck, 0, 0}, qualities(feed(step, air.Property, 99.9, 99.9, 99.9, 99.901, 99.8, 99.9)))

	step, _ = plan(t, "jump", map[string]any{"Most": 2.0}, air)
	assert.Equal(t, []agent.Quality{0, 0, agent.Jump, agent.Jump, 0, 0}, qualities(feed(step, air.Property, 20, 22, 85, 22, 20, 18)))
	step, _ = plan(t, "jump", map[string]any{"Most": 2.0}, air)
	step.Process([]agent.Result{{Property: air.Property, Value: 10, Time: noon}})
	late := step.Process([]agent.Result{{Property: air.Property, Value: 40, Time: noon.Add(time.Hour)}})
	assert.Zero(t, late[0].Quality, "after an hour it may be so")
}

func TestDeadBand(t *testing.T) {
	step, _ := plan(t, "dead-band", map[string]any{"Band": 0.5, "Longest": 4 * time.Minute}, air)
	assert.Equal(t, []float64{20, 20.6, 20.3, 20.3}, valuesOf(feed(step, air.Property, 20, 20.5, 20.6, 20.3, 20.3, 20.3, 20.3, 20.3, 20.3, 20.3, 20.3)), "after four minutes one passes again")
	step, _ = plan(t, "dead-band", map[string]any{"Band": 0.5}, air)
	rs := step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon}, {Property: humidity.Property, Value: 1, Time: noon}})
	assert.Len(t, rs, 2)
	rs = step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon, Quality: agent.Stuck}, {Property: humidity.Property, Value: 1, Time: noon}})
	assert.Len(t, rs, 2, "a new doubt passes")
	rs = step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon, Quality: agent.Stuck}, {Property: humidity.Property, Value: 1, Time: noon}})
	assert.Len(t, rs, 1)
}

func TestWindow(t *testing.T) {
	step, after := plan(t, "window", map[string]any{"Span": 5 * time.Minute, "Gives": "mean min max sum count"}, air)
	var names []string
	for _, ds := range after {
		names = append(names, ds.Property.Name)
	}
	assert.Equal(t, []string{"airTemperature.mean", "airTemperature.min", "airTemperature.max", "airTemperature.sum", "airTemperature.count"}, names)
	assert.Equal(t, int8(3), after[0].Resolution)

	out := feed(step, air.Property, 1, 2, 3, 4, 5, 6, 7)
	require.Len(t, out, 5, "the first window")
	assert.Equal(t, []float64{3, 1, 5, 15, 5}, valuesOf(out))
	for i, r := range out {
		assert.Equal(t, noon, r.Time)
		assert.Equal(t, 5*time.Minute, r.Span)
		assert.Zero(t, r.Quality)
		assert.Equal(t, after[i].Property, r.Property)
	}
	rest := Chain{step}.Flush(nil)
	assert.Equal(t, []float64{6.5, 6, 7, 13, 2}, valuesOf(rest))
	assert.Equal(t, agent.Incomplete, rest[0].Quality)
	assert.Empty(t, Chain{step}.Flush(nil), "once")

	step, after = plan(t, "window", map[string]any{"Span": 5 * time.Minute, "Keep": true, "Gives": "max"}, air)
	assert.Len(t, after, 2)
	assert.Equal(t, []float64{1, 2, 3, 4, 5, 6, 5}, valuesOf(feed(step, air.Property, 1, 2, 3, 4, 5, 6)))
}

// Directions: the mean of 350° and 20° is 5°, not 185°.
func TestWindowOfDirections(t *testing.T) {
	direction := agent.Datastream{Property: agent.Property{Name: "windDirection", Unit: "deg"}}
	step, _ := plan(t, "window", map[string]any{"Span": 2 * time.Minute, "Vector": true, "Gives": "mean count"}, direction)
	out := feed(step, direction.Property, 350, 20, 0)
	require.Len(t, out, 2)
	assert.InDelta(t, 5, out[0].Value, 1e-9)
	out = Chain{step}.Flush(nil)
	assert.InDelta(t, 0, out[0].Value, 1e-9)
}

// Dew points: Sonntag's table as WMO-No. 8 has it says 9.27 °C for 20 °C and 50 %.
func TestDewPoint(t *testing.T) {
	step, after := plan(t, "dew-point", nil, air, humidity)
	require.Len(t, after, 3)
	for _, tt := range []struct{ t, rh, want float64 }{{20, 50, 9.26}, {25, 60, 16.69}, {0, 100, 0}, {-10, 80, -12.8}} {
		rs := step.Process([]agent.Result{{Property: air.Property, Value: tt.t, Time: noon}, {Property: humidity.Property, Value: tt.rh, Quality: agent.Stuck, Time: noon}})
		require.Len(t, rs, 3)
		assert.InDelta(t, tt.want, rs[2].Value, 0.05)
		assert.Equal(t, agent.DewPoint, rs[2].Property)
		assert.Equal(t, agent.Stuck, rs[2].Quality, "it is no better than what it is made of")
	}
	assert.Len(t, step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon}}), 1, "nothing is made up")
	assert.Len(t, step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon}, {Property: humidity.Property, Value: 0, Time: noon}}), 2, "there is none without any humidity")
}

// The standard atmosphere has 954.61 hPa at 500 m and 11.75 °C.
func TestSeaLevel(t *testing.T) {
	step, _ := plan(t, "sea-level", map[string]any{"Altitude": 500.0}, pressure, air)
	rs := step.Process([]agent.Result{{Property: pressure.Property, Value: 954.61, Time: noon}, {Property: air.Property, Value: 11.75, Time: noon}})
	require.Len(t, rs, 3)
	assert.InDelta(t, 1013.25, rs[2].Value, 0.1)
	assert.Equal(t, agent.SeaLevelPressure, rs[2].Property)
	step, _ = plan(t, "sea-level", map[string]any{"Altitude": 0.0}, pressure)
	rs = step.Process([]agent.Result{{Property: pressure.Property, Value: 1000, Time: noon}})
	assert.InDelta(t, 1000, rs[1].Value, 1e-9)
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		kind     string
		settings map[string]any
		stream   agent.Datastream
		want     string
	}{
		{"offset", map[string]any{"Value": math.NaN()}, air, "finite"},
		{"offset", map[string]any{"Date": "May"}, air, `date = "May": want a day`},
		{"offset", nil, agent.Datastream{Property: agent.Pulses}, "pulses is a count"},
		{"polynomial", nil, air, "at least one"},
		{"two-point", map[string]any{"From": []float64{1}, "To": []float64{1}}, air, "two or more"},
		{"two-point", map[string]any{"From": []float64{1, 2, 3}, "To": []float64{1, 2, 3}}, air, `kind = "table"`},
		{"table", map[string]any{"From": []float64{2, 1}, "To": []float64{1, 2}}, air, "rising"},
		{"unit", map[string]any{"To": "hPa"}, air, "cannot be converted"},
		{"range", nil, air, "want one or both"},
		{"stuck", map[string]any{"Times": 1}, air, "2 or more"},
		{"jump", nil, air, "above 0"},
		{"median", map[string]any{"Of": 1}, air, "2 to 1000"},
		{"dead-band", map[string]any{"Band": -1.0}, air, "0 or more"},
		{"window", map[string]any{"Gives": "average"}, air, `"average" is nothing`},
		{"window", map[string]any{"Gives": "sum", "Vector": true}, air, "nothing that a window of such values has"},
		{"window", map[string]any{"Span": time.Millisecond}, air, "a second or more"},
		{"dew-point", nil, air, "of the same sensor"},
		{"sea-level", nil, pressure, "altitude"},
		{"threshold", nil, air, "want above, below or rate"},
		{"threshold", map[string]any{"Above": 10.0, "Below": 9.0, "Hysteresis": 1.0}, air, "no value that is normal"},
	} {
		c, err := kind(t, tt.kind).Configure(set(tt.settings))
		if err == nil {
			_, _, err = c.Plan(tt.stream.Property.Name, []agent.Datastream{tt.stream}, time.Minute)
		}
		assert.ErrorContains(t, err, tt.want, "%s %v", tt.kind, tt.settings)
	}
	c, err := kind(t, "offset").Configure(set(nil))
	require.NoError(t, err)
	_, _, err = c.Plan("happiness", []agent.Datastream{air, humidity}, time.Minute)
	assert.ErrorContains(t, err, `property = "happiness": the sensor has airTemperature, relativeHumidity here`)
	c, err = kind(t, "offset").Configure(set(map[string]any{"Raw": true}))
	require.NoError(t, err)
	_, after, err := c.Plan("airTemperature", []agent.Datastream{air}, time.Minute)
	require.NoError(t, err)
	_, _, err = c.Plan("airTemperature", after, time.Minute)
	assert.ErrorContains(t, err, "airTemperature.raw is there already")
}

func BenchmarkFivePieces(b *testing.B) {
	streams := []agent.Datastream{air}
	var chain Chain
	for _, x := range []struct {
		kind     string
		settings map[string]any
	}{
		{"offset", map[string]any{"Value": 0.1}},
		{"range", map[string]any{"Min": -40.0, "Max": 60.0}},
		{"stuck", nil},
		{"median", nil},
		{"dead-band", map[string]any{"Band": 0.05}},
	} {
		c, err := kind(b, x.kind).Configure(set(x.settings))
		require.NoError(b, err)
		step, after, err := c.Plan("airTemperature", streams, time.Minute)
		require.NoError(b, err)
		chain, streams = append(chain, step), after
	}
	rs := make([]agent.Result, 1, 8)
	at, i := noon, 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		at = at.Add(time.Second)
		rs = append(rs[:0], agent.Result{Property: air.Property, Value: 20 + float64(i%100)/10, Time: at})
		chain.Process(rs)
	}
}
