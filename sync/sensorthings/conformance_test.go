package sensorthings_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/agenttest"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/sensorthings"
	"github.com/lamppost-city/lamppost/sync/sensorthings"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

var servers = map[string]double.Options{
	"FROST": {}, "GOST with texts for ids": {Style: double.GOST, TextIDs: true},
}

// TestConformance runs the suite of all protocols against each kind of server.
func TestConformance(t *testing.T) {
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			agenttest.City(t, func(t *testing.T) agenttest.Platform {
				d := open(t, o, "")
				return agenttest.Platform{Dial: d.dial, Away: d.city.Away, Back: d.city.Back, Received: d.received}
			})
		})
	}
}

// What most tests send.
var (
	thing = agent.Thing{ID: "lamp-042", Name: `Lamp post 42, "Rue de l'Est"`, Location: []float64{6.6323, 46.5197, 412}}
	air   = stream("roof-air", agent.AirTemperature, 2)
	rh    = stream("roof-air", agent.RelativeHumidity, 1)
	door  = stream("door", agent.Open, 0)
	rain  = stream("rain", agent.Pulses, 0)
	state = stream("rain", agent.SensorState, 0)
	when  = time.UnixMilli(1_795_255_200_500).UTC() // 2026-11-21T10:00:00.500Z
	epoch = agent.Epoch(0x0123456789abcdef)
	all   = []*agent.Datastream{air, rh, door, rain, state}
)

func stream(sensor string, p agent.Property, resolution int8) *agent.Datastream {
	return &agent.Datastream{
		Name: sensor + "/" + p.Name, Sensor: sensor, Driver: "sht4x", Property: p, Resolution: resolution,
		Class: agent.Telemetry, Thing: "lamp-042",
	}
}

// A platform is a double with the gateway's way to it.
type platform struct {
	t      *testing.T
	city   *desk.City
	faults *faults.Faults
}

// open starts a double; with a store it keeps what it got.
func open(t *testing.T, o double.Options, store string) *platform {
	t.Helper()
	o.Faults = &faults.Faults{}
	city, err := desk.Open(desk.Options{Platform: o.Platform(), Store: store})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	return &platform{t, city, o.Faults}
}

func (p *platform) dial(ctx context.Context, thing agent.Thing) (agent.City, error) {
	c, err := sensorthings.Protocol.Configure(func(into any) error {
		into.(*sensorthings.Settings).URL = p.city.URL()
		return nil
	})
	require.NoError(p.t, err)
	return c.Dial(ctx, uplink.Target{Thing: thing})
}

// connected dials and announces.
func (p *platform) connected() agent.City {
	p.t.Helper()
	c, err := p.dial(p.t.Context(), thing)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { c.Close() })
	require.NoError(p.t, c.Announce(p.t.Context(), thing, all, nil))
	p.faults.Requests("", "")
	return c
}

func (p *platform) received(epoch agent.Epoch) (seqs []uint64) {
	for _, r := range p.city.Received("lamp-042").Epochs[epoch.String()] {
		for s := r.From; s <= r.To; s++ {
			seqs = append(seqs, s)
		}
	}
	return seqs
}

func observed(seq uint64, ds *agent.Datastream, after time.Duration, value float64) agent.Observation {
	return agent.Observation{Seq: seq, Datastream: ds, Time: when.Add(after), Value: value}
}

func batch(obs ...agent.Observation) agent.Batch { return agent.Batch{Epoch: epoch, Observations: obs} }

// A double that was restarted answers from what it saved, and its books close. The
// gateway finds what it had made.
func TestRestartOfThePlatform(t *testing.T) {
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "store")
			d := open(t, o, store)
			c := d.connected()
			b := batch(observed(1, air, 0, 21), observed(2, rh, 0, 50), observed(3, door, 0, 1))
			require.NoError(t, c.Publish(t.Context(), b))
			notices := []agent.Notice{
				{ID: 7, Kind: agent.NoticeLoss, Time: when, Epoch: epoch, Ranges: []agent.Range{{From: 4, To: 4}, {From: 6, To: 6}}, Cause: `disk "full"`},
				{ID: 8, Kind: agent.NoticeWindow, Time: when, Epoch: epoch, From: 5, To: 5},
				{Kind: agent.NoticeHeartbeat, Time: when, Epoch: epoch, Heartbeat: &agent.Heartbeat{Since: 1, AcceptedTo: 6}},
			}
			require.NoError(t, c.Notify(t.Context(), notices))
			require.NoError(t, d.city.Close())

			d = open(t, o, store)
			c, err := d.dial(t.Context(), thing)
			require.NoError(t, err)
			require.NoError(t, c.Announce(t.Context(), thing, all, nil))
			assert.Empty(t, d.faults.Requests("POST", ""), "all is found")
			have, err := c.(agent.Reconciler).Reconcile(t.Context(), b)
			require.NoError(t, err)
			assert.ElementsMatch(t, []uint64{1, 2, 3}, have)
			require.NoError(t, c.Notify(t.Context(), notices), "again")
			books := d.city.Books("lamp-042")
			assert.True(t, books.Closed)
			assert.EqualValues(t, 2, books.Epochs[0].Ledgered)
			assert.EqualValues(t, 1, books.Epochs[0].Windowed)
			assert.Len(t, d.city.Received("lamp-042").Notices, 3)
			verified, err := desk.Verify(store)
			require.NoError(t, err)
			assert.True(t, verified[0].Closed)
		})
	}
}
