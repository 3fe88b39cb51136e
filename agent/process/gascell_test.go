package process

import (
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	working   = agent.Datastream{Property: agent.Voltage0, Resolution: 5, Class: agent.Telemetry}
	auxiliary = agent.Datastream{Property: agent.Voltage1, Resolution: 5, Class: agent.Telemetry}
	celsius   = []float64{-30, -20, -10, 0, 10, 20, 30, 40, 50}
)

// cell returns settings with those of a sheet, and what a test changes.
func cell(change map[string]any) map[string]any {
	s := map[string]any{
		"Gas": "nitrogenDioxide", "Auxiliary": "voltage1", "Temperature": "airTemperature", "Algorithm": 1, "Sensitivity": 0.228,
		"WorkingZero": 292.0, "AuxiliaryZero": 289.0, "Temperatures": celsius, "Factors": []float64{0.8, 0.8, 1, 1.2, 1.6, 1.8, 1.9, 2.5, 3.6},
	}
	for k, v := range change {
		s[k] = v
	}
	return s
}

func gasCellStepOf(t testing.TB, change map[string]any) (*gasCellStep, []agent.Datastream) {
	step, after := plan(t, "gas-cell", cell(change), working, auxiliary, air)
	return step.(*gasCellStep), after
}

// reading is what a converter and its thermometer say at once.
func cellReading(we, ae, t float64) []agent.Result {
	return []agent.Result{
		{Property: agent.Voltage0, Value: we / 1000, Time: noon},
		{Property: agent.Voltage1, Value: ae / 1000, Time: noon},
		{Property: agent.AirTemperature, Value: t, Time: noon},
	}
}

// Examples computed by hand with the formulas of AAN 803 and its table for A4
// cells: NO2 and CO have algorithm 1, NO has 3.
func TestGasCell(t *testing.T) {
	co := map[string]any{
		"Gas": "carbonMonoxide", "Sensitivity": 0.27, "WorkingZero": 330.0, "AuxiliaryZero": 315.0,
		"Factors": []float64{1, 1, 1, 1, -0.2, -0.9, -1.5, -1.5, -1.5},
	}
	with := func(algorithm int) map[string]any {
		return map[string]any{"Algorithm": algorithm, "WorkingSensorZero": 6.0, "AuxiliarySensorZero": 4.0}
	}
	for name, tt := range map[string]struct {
		change    map[string]any
		we, ae, t float64
		want      float64
	}{
		"NO2 at 20 °C":         {nil, 300, 290, 20, 27.193},                                                                              // (8 - 1.8*1) / 0.228
		"NO2 at 25 °C":         {nil, 300, 290, 25, 26.974},                                                                              // 1.85 is between
		"NO2 in great cold":    {map[string]any{"Factors": []float64{0.6, 0.8, 1, 1.2, 1.6, 1.8, 1.9, 2.5, 3.6}}, 300, 290, -45, 32.456}, // 0.6 as at -30 °C
		"NO2, more than none":  {nil, 292, 290, 20, -7.895},                                                                              // noise around nothing
		"CO":                   {co, 420, 320, 20, 350},                                                                                  // (90 + 0.9*5) / 0.27
		"algorithm 2":          {with(2), 300, 290, 20, 23.246},                                                                          // (8 - 1.8*6/4) / 0.228
		"algorithm 3":          {with(3), 300, 290, 20, 18.421},                                                                          // (8 - 2 - 1.8) / 0.228
		"algorithm 4":          {with(4), 300, 290, 20, 0.877},                                                                           // (8 - 6 - 1.8) / 0.228
		"algorithm 1 at 50 °C": {nil, 300, 290, 50, (8 - 3.6) / .228},                                                                    // the end of the table counts
	} {
		step, after := gasCellStepOf(t, tt.change)
		got := step.Process(cellReading(tt.we, tt.ae, tt.t))
		require.Len(t, got, 3, name)
		assert.Equal(t, after[0].Property, got[0].Property, name)
		assert.Equal(t, "[ppb]", got[0].Property.Unit)
		assert.EqualValues(t, 1, after[0].Resolution)
		assert.InDelta(t, tt.want, got[0].Value, 0.001, name)
		assert.Equal(t, agent.Voltage1, got[1].Property, "what else there is stays")
	}
}

// There is no gas where one of the three is missing, of another instant, or where
// the table does not know the temperature.
func TestGasCellSaysNothing(t *testing.T) {
	step, _ := gasCellStepOf(t, map[string]any{"Raw": true})
	for name, rs := range map[string][]agent.Result{
		"no auxiliary":   {cellReading(300, 290, 20)[0], cellReading(300, 290, 20)[2]},
		"no thermometer": cellReading(300, 290, 20)[:2],
		"too hot":        cellReading(300, 290, 50.1),
	} {
		for _, r := range step.Process(rs) {
			assert.NotEqual(t, agent.NitrogenDioxide, r.Property, name)
			assert.NotEqual(t, agent.Voltage0, r.Property, "%s: it has no datastream any more", name)
		}
	}
	late := cellReading(300, 290, 20)
	late[2].Time = noon.Add(time.Second)
	assert.Len(t, step.Process(late), 2)
	assert.Empty(t, step.Process(nil))
}

// Doubts in one of the three are doubts in the gas; the sheet grows old.
func TestGasCellQuality(t *testing.T) {
	step, after := gasCellStepOf(t, map[string]any{"Raw": true, "Expires": "2026-05-01"})
	require.Len(t, after, 4)
	assert.Equal(t, "voltage0.raw", after[3].Property.Name)
	rs := cellReading(300, 290, 20)
	rs[0].Quality, rs[1].Quality, rs[2].Quality = agent.Saturated, agent.Degraded, agent.Stuck
	got := step.Process(rs)
	require.Len(t, got, 4)
	assert.Equal(t, agent.Saturated|agent.Degraded|agent.Stuck|agent.CalibrationExpired, got[0].Quality)
	assert.Equal(t, agent.Result{Property: after[3].Property, Value: 0.3, Quality: agent.Saturated, Time: noon}, got[3])
}

func TestGasCellMistakes(t *testing.T) {
	for want, change := range map[string]map[string]any{
		`gas = "ozone"`: {"Gas": "ozone"},
		"algorithm = 5": {"Algorithm": 5},
		"sensitivity":   {"Sensitivity": 0.0},
		"working_sensor_zero and auxiliary_sensor_zero: algorithm 2": {"Algorithm": 2},
		"algorithm 3": {"Algorithm": 3, "WorkingSensorZero": 1.0},
		"rising":      {"Temperatures": []float64{0, 0}, "Factors": []float64{1, 1}},
		"two or more": {"Temperatures": []float64{20}, "Factors": []float64{1}},
	} {
		_, err := kind(t, "gas-cell").Configure(set(cell(change)))
		assert.ErrorContains(t, err, want)
	}
	_, err := kind(t, "gas-cell").Configure(func(any) error { return nil })
	assert.ErrorContains(t, err, "calibration sheet", "no cell is like another")
	for want, x := range map[string]struct {
		change  map[string]any
		streams []agent.Datastream
	}{
		`auxiliary = "voltage2"`:       {map[string]any{"Auxiliary": "voltage2"}, []agent.Datastream{working, auxiliary, air}},
		`auxiliary = "voltage0"`:       {map[string]any{"Auxiliary": "voltage0"}, []agent.Datastream{working, auxiliary, air}},
		`auxiliary = "voltage1": want`: {nil, []agent.Datastream{air, auxiliary, working}},
		`temperature = "airTemp`:       {nil, []agent.Datastream{working, auxiliary}},
		`temperature = "voltage1"`:     {map[string]any{"Temperature": "voltage1"}, []agent.Datastream{working, auxiliary}},
	} {
		c, err := kind(t, "gas-cell").Configure(set(cell(x.change)))
		require.NoError(t, err)
		_, _, err = c.Plan(x.streams[0].Property.Name, x.streams, time.Minute)
		assert.ErrorContains(t, err, want)
	}
}

func FuzzGasCell(f *testing.F) {
	f.Add(1, 300.0, 290.0, 20.0)
	f.Add(3, 0.0, -1.0, 51.0)
	f.Fuzz(func(t *testing.T, algorithm int, we, ae, c float64) {
		s := gasCellSettings{
			Algorithm: algorithm&3 + 1, Sensitivity: 0.2, WorkingZero: 290, AuxiliaryZero: 280, WorkingSensorZero: 5, AuxiliarySensorZero: 3,
			Temperatures: celsius, Factors: []float64{0.7, 0.7, 0.7, 0.7, 0.8, 1, 1.2, 1.4, 1.6},
		}
		_, ok := s.correct(we, ae, c)
		assert.Equal(t, c <= 50, ok, "never above the table, nor of no number")
	})
}

func BenchmarkGasCell(b *testing.B) {
	step, _ := gasCellStepOf(b, nil)
	rs := cellReading(300, 290, 20)
	b.ReportAllocs()
	for b.Loop() {
		rs[0] = agent.Result{Property: agent.Voltage0, Value: 0.3, Time: noon}
		_ = step.Process(rs)
	}
}

func TestGasCellDoesNotAllocate(t *testing.T) {
	step, _ := gasCellStepOf(t, nil)
	rs := cellReading(300, 290, 20)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		rs[0] = agent.Result{Property: agent.Voltage0, Value: 0.3, Time: noon}
		_ = step.Process(rs)
	}))
}
