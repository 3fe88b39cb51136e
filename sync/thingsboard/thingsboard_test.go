package thingsboard_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/agenttest"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/thingsboard"
	"github.com/lamppost-city/lamppost/sync/thingsboard"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

const token = "A1_TEST_TOKEN"

var (
	thing = agent.Thing{ID: "lamp-042", Name: "Lamp post 42", Location: []float64{6.6323, 46.5197, 412}}
	air   = stream(1, "roof-air", agent.AirTemperature)
	humid = stream(2, "roof-air", agent.RelativeHumidity)
	door  = stream(3, "door", agent.Open)
	noon  = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

const roofAir = "lamp-042:roof-air"

func stream(id uint32, sensor string, p agent.Property) *agent.Datastream {
	return &agent.Datastream{ID: id, Name: sensor + "/" + p.Name, Sensor: sensor, Driver: "sht4x", Property: p, Resolution: 2, Class: agent.Telemetry, Thing: "lamp-042"}
}

// A bench is a gateway's protocol and a platform that wants a token.
type bench struct {
	*double.Double
	city *desk.City
	log  *buffer
	ack  agent.Ack
	set  func(*thingsboard.Settings)
}

// A buffer is a log that several write.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func secret(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

func newBench(t testing.TB, store string) *bench {
	t.Helper()
	b := &bench{Double: double.New(), log: &buffer{}, ack: agent.AckQueued}
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Platform: b.Platform(), Store: store, Username: token, Log: slog.New(slog.NewTextHandler(b.log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	b.city = city
	file := secret(t, token)
	b.set = func(s *thingsboard.Settings) { s.URL, s.TokenFile = "mqtt://"+city.Addr(), file }
	return b
}

func (b *bench) configured() (uplink.Configured, error) {
	return thingsboard.Protocol.Configure(func(into any) error { b.set(into.(*thingsboard.Settings)); return nil })
}

func (b *bench) try(ctx context.Context, thing agent.Thing) (agent.City, error) {
	p, err := b.configured()
	if err != nil {
		return nil, err
	}
	return p.Dial(ctx, uplink.Target{Thing: thing, Ack: b.ack, Log: slog.New(slog.DiscardHandler)})
}

func (b *bench) dial(t testing.TB) agent.City {
	t.Helper()
	c, err := b.try(t.Context(), thing)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air, humid, door}, nil))
	return c
}

func (b *bench) received(epoch agent.Epoch) (all []uint64) {
	for _, r := range b.city.Received("lamp-042").Epochs[epoch.String()] {
		for s := r.From; s <= r.To; s++ {
			all = append(all, s)
		}
	}
	return all
}

// one is an observation n seconds after noon.
func one(seq uint64, ds *agent.Datastream, n int, value float64) agent.Observation {
	return agent.Observation{Seq: seq, Datastream: ds, Time: noon.Add(time.Duration(n) * time.Second), Value: value}
}

func of(epoch agent.Epoch, obs ...agent.Observation) agent.Batch {
	return agent.Batch{Epoch: epoch, Observations: obs}
}

// batch are the observations from to to, a second apart.
func batch(epoch agent.Epoch, from, to uint64) agent.Batch {
	b := agent.Batch{Epoch: epoch}
	for s := from; s <= to; s++ {
		b.Observations = append(b.Observations, one(s, air, int(s), float64(s)/4))
	}
	return b
}

// TestConformance runs the suite of all protocols.
func TestConformance(t *testing.T) {
	for _, ack := range []agent.Ack{agent.AckQueued, agent.AckBroker} {
		t.Run(ack.String(), func(t *testing.T) {
			agenttest.City(t, func(t *testing.T) agenttest.Platform {
				b := newBench(t, "")
				b.ack = ack
				return agenttest.Platform{Dial: b.try, Received: b.received, Away: b.city.Away, Back: b.city.Back}
			})
		})
	}
}
