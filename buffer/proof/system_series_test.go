//go:build system

package proof

import (
	"fmt"
	"hash/fnv"

	"github.com/lamppost-city/lamppost/agent"
)

// series are the datastreams of the writer: every kind, resolutions that are
// stored in different ways, and last an alarm, which is committed at once.
var series = func() []agent.Datastream {
	var all []agent.Datastream
	add := func(sensor string, p agent.Property, resolution int8, class agent.Class) {
		all = append(all, agent.Datastream{
			Name: sensor + "/" + p.Name, Sensor: sensor, Driver: "proof", Property: p,
			Resolution: resolution, Class: class, Thing: thing,
		})
	}
	add("roof", agent.AirTemperature, 2, agent.Telemetry)
	add("roof", agent.RelativeHumidity, 1, agent.Telemetry)
	add("roof", agent.AtmosphericPressure, 3, agent.Telemetry)
	add("yard", agent.AirTemperature, 0, agent.Telemetry)
	add("yard", agent.MagneticX, -1, agent.Telemetry) // to the last bit
	add("yard", agent.MagneticY, 9, agent.Telemetry)
	add("rain", agent.Pulses, 0, agent.Telemetry)
	add("meter", agent.Pulses, 0, agent.Telemetry)
	add("gate", agent.Open, 0, agent.Telemetry)
	add("roof", agent.SensorState, 0, agent.Diagnostic)
	add("yard", agent.SensorState, 0, agent.Diagnostic)
	add("door", agent.Open, 0, agent.Alarm)
	return all
}()

// thing is the thing's id.
const thing = "lamp-042"

// noise returns 64 bits that only the arguments decide.
func noise(seed uint64, name string, ms int64) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", seed, name, ms)
	x := h.Sum64() * 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// value returns the observation that a datastream has at a millisecond: whoever
// knows the seed can tell whether what is read is what was recorded.
func value(seed uint64, ds *agent.Datastream, ms int64) (v float64, q agent.Quality) {
	x := noise(seed, ds.Name, ms)
	if x>>58 == 0 {
		q = agent.Simulated
	}
	switch ds.Property.Kind {
	case agent.Count:
		return float64(ms / 700), q
	case agent.Truth:
		return float64(x & 1), q
	case agent.State:
		return float64(x % 3), q
	}
	if ds.Resolution < 0 {
		return float64(x%1e12) / 7e9, q
	}
	return agent.Round(-20+float64(x%60_000)/1e3, ds.Resolution), q
}
