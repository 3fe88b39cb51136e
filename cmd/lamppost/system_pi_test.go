//go:build system

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

// TestSystemPi runs the agent's arm64 binary on an emulated Raspberry Pi that
// reports to a Mosquitto broker, and takes from it parts, network and power.
func TestSystemPi(t *testing.T) {
	begin := time.Now()
	p := newPi(t)
	p.boot(t)
	setPiParts(t, p)
	p.start(t)
	for _, step := range []struct {
		name string
		test func(*testing.T, *pi)
	}{
		{"every datastream arrives", testPiDatastreams},
		{"a temperature arrives as it is", testPiTemperature},
		{"a door is told at once", testPiContact},
		{"every pulse counts", testPiPulses},
		{"a part that is missing is told", testPiUnplugged},
		{"the network goes and comes", testPiLink},
		{"the power is cut", testPiPowerCuts},
	} {
		t.Run(step.name, func(t *testing.T) {
			begin := time.Now()
			defer p.tell(t)
			step.test(t, p)
			t.Logf("%v", time.Since(begin).Round(100*time.Millisecond))
		})
	}
	p.city.mu.Lock()
	defer p.city.mu.Unlock()
	assert.Empty(t, p.city.problems, "the city understands all")
	for name := range p.city.latest {
		assert.Contains(t, piDatastreams, name, "nothing else arrives")
	}
	t.Logf("whole test: %v", time.Since(begin).Round(time.Second))
}

// piDatastreams are all datastreams, each with the least and the greatest value
// it may have; see setPiParts.
var piDatastreams = map[string][2]float64{
	"cabinet/airTemperature":       {20.94, 21.06},
	"parking/magneticFluxDensityX": {21.9, 22.1},
	"parking/magneticFluxDensityY": {1.4, 1.6},
	"parking/magneticFluxDensityZ": {42.9, 43.1},
	"luminaire/partTemperature":    {30.93, 31.07},
	"luminaire/probeTemperature":   {40.93, 41.07},
	"pole/airTemperature":          {-3.56, -3.44},
	"door/open":                    {1, 1}, // its resistor pulls the line up
	"rain/pulses":                  {0, 0},
	"rain/pulseRate":               {0, 0},
	"board/partTemperature":        {-20, 110},
	"cabinet/sensorState":          {agent.SensorOK, agent.SensorOK},
	// The emulated DPS310 has fixed results.
	"roof/airTemperature":      {24.73, 24.75},
	"roof/atmosphericPressure": {814.33, 814.35},
	"roof/sensorState":         {agent.SensorOK, agent.SensorOK},
	"parking/sensorState":      {agent.SensorOK, agent.SensorOK},
	"luminaire/sensorState":    {agent.SensorOK, agent.SensorOK},
	"pole/sensorState":         {agent.SensorOK, agent.SensorOK},
	"door/sensorState":         {agent.SensorOK, agent.SensorOK},
	"rain/sensorState":         {agent.SensorOK, agent.SensorOK},
	"board/sensorState":        {agent.SensorOK, agent.SensorOK},
}

// setPiParts sets what the parts feel.
func setPiParts(t *testing.T, p *pi) {
	t.Helper()
	for _, s := range []struct {
		device, property string
		value            int
	}{
		{"tmp105", "temperature", 21_000},
		{"mag", "mag-x", 22_000},
		{"mag", "mag-y", 1_500},
		{"mag", "mag-z", 43_000},
		{"tmp421", "temperature0", 31_000},
		{"tmp421", "temperature1", 41_000},
		{"muxed", "temperature", -3_500},
	} {
		require.NoError(t, p.m.Set(t.Context(), s.device, s.property, s.value))
	}
}

func testPiDatastreams(t *testing.T, p *pi) {
	for name, want := range piDatastreams {
		middle := (want[0] + want[1]) / 2
		p.city.await(t, name, middle, want[1]-middle, 20*time.Second)
		r, _ := p.city.last(name)
		// Nobody set the clock of the machine. No doubt but that.
		assert.Equalf(t, agent.ClockUnset.String(), r.Quality, "%s", name)
		assert.NotZerof(t, r.Boot, "%s", name)
		t.Logf("%s %v %s", name, *r.Value, r.Unit)
	}
}

func testPiTemperature(t *testing.T, p *pi) {
	const resolution = 0.0625 // of a TMP105 with 12 bits
	for device, name := range map[string]string{"tmp105": "cabinet/airTemperature", "muxed": "pole/airTemperature"} {
		for _, want := range []float64{23.5, -7.25, 85.125, 0} {
			require.NoError(t, p.m.Set(t.Context(), device, "temperature", int(want*1000)))
			took := p.city.await(t, name, want, resolution, 10*time.Second)
			t.Logf("%s: %v arrived as %v after %v", name, want, p.city.value(t, name), took.Round(time.Millisecond))
		}
	}
}

func testPiContact(t *testing.T, p *pi) {
	for _, open := range []bool{false, true, false, true} {
		require.NoError(t, p.m.SetLine(t.Context(), piDoor, open))
		want := 0.0
		if open {
			want = 1
		}
		took := p.city.await(t, "door/open", want, 0, 5*time.Second)
		t.Logf("open = %v after %v", want, took.Round(time.Millisecond))
	}
}

func testPiPulses(t *testing.T, p *pi) {
	const pulses = 1000
	before := p.city.value(t, "rain/pulses")
	begin := time.Now()
	require.NoError(t, p.m.Pulse(t.Context(), piRain, pulses, 20*time.Millisecond))
	t.Logf("%d pulses in %v", pulses, time.Since(begin).Round(100*time.Millisecond))
	p.city.await(t, "rain/pulses", before+pulses, 0, 15*time.Second)
	time.Sleep(3 * time.Second)
	assert.InDelta(t, before+pulses, p.city.value(t, "rain/pulses"), 0, "no more either")
}

func testPiUnplugged(t *testing.T, p *pi) {
	for device, sensor := range map[string]string{"tmp105": "cabinet", "mux": "pole"} {
		require.NoError(t, p.m.Unplug(t.Context(), device))
		p.city.await(t, sensor+"/sensorState", agent.SensorAbsent, 0, 10*time.Second)

		others := p.othersGoOn(t, sensor)

		require.NoError(t, p.m.Plug(t.Context(), device))
		took := p.city.await(t, sensor+"/sensorState", agent.SensorOK, 0, 30*time.Second)
		t.Logf("%s: ok %v after it was plugged again; %d datastreams went on", sensor, took.Round(100*time.Millisecond), others)
		p.advances(t, []string{sensor + "/airTemperature"})
	}
}

// othersGoOn makes sure that all sensors but one still say what they see, and
// returns how many datastreams that are.
func (p *pi) othersGoOn(t *testing.T, but string) int {
	t.Helper()
	var names []string
	for name, want := range piDatastreams {
		sensor, property, _ := strings.Cut(name, "/")
		switch {
		case sensor == but:
		case property == agent.SensorState.Name:
			assert.InDeltaf(t, want[0], p.city.value(t, name), 0, "%s", name)
		case sensor != "door": // it speaks once a minute
			names = append(names, name)
		}
	}
	p.advances(t, names)
	return len(names)
}

// advances waits for a newer observation of each datastream.
func (p *pi) advances(t *testing.T, names []string) {
	t.Helper()
	seen := make(map[string]uint64)
	for _, name := range names {
		r, _ := p.city.last(name)
		seen[name] = r.Seq
	}
	for _, name := range names {
		require.Eventuallyf(t, func() bool {
			r, _ := p.city.last(name)
			return r.Seq > seen[name]
		}, 15*time.Second, 10*time.Millisecond, "%s goes on", name)
	}
}
