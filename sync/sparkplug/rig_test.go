package sparkplug_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/sparkplug"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	thing = agent.Thing{ID: "lamp-042", Name: "Lamp post 42", Location: []float64{6.6323, 46.5197}}

	air    = stream(1, "roof-air", agent.AirTemperature, agent.Telemetry)
	humid  = stream(2, "roof-air", agent.RelativeHumidity, agent.Telemetry)
	pulses = stream(3, "rain", agent.Pulses, agent.Telemetry)
	door   = stream(4, "door", agent.Open, agent.Alarm)
	state  = stream(5, "door", agent.SensorState, agent.Diagnostic)
	all    = []*agent.Datastream{air, humid, pulses, door, state}
)

func stream(id uint32, sensor string, p agent.Property, class agent.Class) *agent.Datastream {
	return &agent.Datastream{ID: id, Name: sensor + "/" + p.Name, Sensor: sensor, Property: p, Resolution: 2, Class: class, Thing: "lamp-042"}
}

// at returns an observation a number of seconds after noon.
func at(seq uint64, ds *agent.Datastream, seconds int, value float64) agent.Observation {
	return agent.Observation{Seq: seq, Datastream: ds, Time: noon.Add(time.Duration(seconds) * time.Second), Value: value}
}

func live(obs ...agent.Observation) agent.Batch { return agent.Batch{Epoch: 7, Observations: obs} }

func late(obs ...agent.Observation) agent.Batch {
	return agent.Batch{Epoch: 7, Observations: obs, Late: true}
}

// A rig is a gateway's node and a host application.
type rig struct {
	t      *testing.T
	host   *double.Host
	desk   *desk.City
	dial   uplink.Dial
	target uplink.Target
	city   agent.City
	seen   []double.Event // all so far
}

// newRig connects nothing yet.
func newRig(t *testing.T, settings sparkplug.Settings) *rig {
	t.Helper()
	r := &rig{t: t, host: double.New("scada"), target: uplink.Target{Thing: thing, City: "platform", Dir: t.TempDir()}}
	r.desk = openDesk(t, r.host.Platform(), filepath.Join(t.TempDir(), "store"))
	r.dial = dialer(t, r.desk, settings)
	return r
}

// connected returns a node that has announced all datastreams.
func connected(t *testing.T, latest ...agent.Observation) *rig {
	t.Helper()
	r := newRig(t, sparkplug.Settings{})
	r.connect()
	require.NoError(t, r.city.Announce(t.Context(), thing, all, latest))
	return r
}

func (r *rig) connect() {
	r.t.Helper()
	c, err := r.dial(r.t.Context(), r.target)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	r.city = c
}

func (r *rig) publish(b agent.Batch) {
	r.t.Helper()
	require.NoError(r.t, r.city.Publish(r.t.Context(), b))
}

// events returns all messages so far of a kind, or of all.
func (r *rig) events(kind string) (some []double.Event) {
	r.seen = append(r.seen, r.host.Events()...)
	for _, e := range r.seen {
		if kind == "" || e.Kind == kind {
			some = append(some, e)
		}
	}
	return some
}

// forget lets events begin anew.
func (r *rig) forget() { r.host.Events(); r.seen = nil }

func (r *rig) state() double.State { return r.host.State("lamppost", "lamp-042") }

func (r *rig) eventually(ok func() bool, what string) {
	r.t.Helper()
	require.Eventually(r.t, ok, 10*time.Second, time.Millisecond, what)
}

// inOrder checks that the numbers of messages follow each other, from the last
// NBIRTH.
func (r *rig) inOrder() {
	r.t.Helper()
	next := 0
	for _, e := range r.events("") {
		if e.Kind == "NDEATH" {
			continue
		}
		if e.Kind == "NBIRTH" {
			next = 0
		}
		assert.Equalf(r.t, next, e.Seq, "%s", e.Topic)
		next = (next + 1) % 256
	}
}

func find(t *testing.T, e double.Event, name string) double.Metric {
	t.Helper()
	for _, m := range e.Metrics {
		if m.Name == name || m.Resolved == name {
			return m
		}
	}
	require.Failf(t, "no metric", "%s in %s", name, e.Topic)
	return double.Metric{}
}

// rule is a subtest that has the name of an assertion of the specification.
func rule(t *testing.T, id string, check func(t *testing.T)) {
	t.Helper()
	t.Run("tck-id-"+id, check)
}
