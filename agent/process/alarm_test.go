package process

import (
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// changes returns the minutes at which an alarm told its state, and which.
func changes(rs []agent.Result, alarm agent.Property) (all [][2]int) {
	for _, r := range rs {
		if r.Property == alarm {
			all = append(all, [2]int{int(r.Time.Sub(noon).Minutes()), int(r.Value)})
		}
	}
	return all
}

func TestThreshold(t *testing.T) {
	for name, tt := range map[string]struct {
		settings map[string]any
		in       []float64
		want     [][2]int
	}{
		"above":          {map[string]any{"Above": 30.0}, []float64{20, 30, 31, 32, 30, 31}, [][2]int{{0, Normal}, {2, Raised}, {4, Normal}, {5, Raised}}},
		"below":          {map[string]any{"Below": 0.0}, []float64{1, -1, 0}, [][2]int{{0, Normal}, {1, Raised}, {2, Normal}}},
		"hysteresis":     {map[string]any{"Above": 30.0, "Hysteresis": 2.0}, []float64{20, 31, 29, 31, 28, 29}, [][2]int{{0, Normal}, {1, Raised}, {4, Normal}}},
		"lasting":        {map[string]any{"Above": 30.0, "For": 2 * time.Minute}, []float64{20, 31, 20, 31, 31, 31, 20, 31, 20, 20, 20}, [][2]int{{0, Normal}, {5, Raised}, {10, Normal}}},
		"raised at once": {map[string]any{"Above": 30.0}, []float64{31}, [][2]int{{0, Raised}}},
		"rate":           {map[string]any{"Rate": 3.0}, []float64{20, 22, 26, 27, 20, 20}, [][2]int{{0, Normal}, {2, Raised}, {3, Normal}, {4, Raised}, {5, Normal}}},
	} {
		t.Run(name, func(t *testing.T) {
			step, after := plan(t, "threshold", tt.settings, air)
			require.Len(t, after, 2)
			alarm := after[1]
			assert.Equal(t, agent.Property{Name: "airTemperature.alarm", Unit: "1", Kind: agent.State}, alarm.Property)
			assert.Equal(t, agent.Alarm, alarm.Class)
			out := feed(step, air.Property, tt.in...)
			assert.Equal(t, tt.want, changes(out, alarm.Property))
			assert.Len(t, out, len(tt.in)+len(tt.want), "the values go on")
		})
	}
}

// A value that cannot be true raises nothing and ends nothing.
func TestThresholdIgnoresNonsense(t *testing.T) {
	step, after := plan(t, "threshold", map[string]any{"Above": 30.0}, air)
	step.Process([]agent.Result{{Property: air.Property, Value: 20, Time: noon}})
	out := step.Process([]agent.Result{{Property: air.Property, Value: 85, Time: noon.Add(time.Minute), Quality: agent.OutOfRange}})
	assert.Empty(t, changes(out, after[1].Property))
}
