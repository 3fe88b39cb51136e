package fiware_test

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
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/fiware"
	"github.com/lamppost-city/lamppost/sync/fiware"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

const apiKey = "4jggokgpepnvsb2uv4s40d59ov"

var (
	thing = agent.Thing{ID: "lamp-042", Name: "Lamp post 42", Location: []float64{6.6323, 46.5197, 412}}
	air   = stream(1, "roof-air", agent.AirTemperature, 2)
	humid = stream(2, "roof-air", agent.RelativeHumidity, 2)
	state = stream(3, "roof-air", agent.SensorState, 0)
	door  = stream(4, "door", agent.Open, 0)
	noon  = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

func stream(id uint32, sensor string, p agent.Property, resolution int8) *agent.Datastream {
	return &agent.Datastream{ID: id, Name: sensor + "/" + p.Name, Sensor: sensor, Driver: "sht4x", Property: p, Resolution: resolution, Class: agent.Telemetry, Thing: "lamp-042"}
}

// A way is one of the four that the protocol goes.
type way struct {
	name, encoding string
	http, north    bool
}

var ways = []way{
	{"mqtt json", "json", false, true},
	{"mqtt ul", "ul", false, false},
	{"http json", "json", true, true},
	{"http ul", "ul", true, false},
}

// A bench is a gateway's protocol and a platform.
type bench struct {
	*double.Double
	city  *desk.City
	log   *buffer
	store string
	set   func(*fiware.Settings)
	ack   string
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
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

func newBench(t testing.TB, w way) *bench {
	t.Helper()
	b := &bench{Double: double.New(), log: &buffer{}}
	b.Open = !w.north
	b.start(t)
	key := secret(t, apiKey)
	b.set = func(s *fiware.Settings) {
		s.URL, s.APIKeyFile, s.Encoding, s.ReadBackWait = "mqtt://"+b.city.Addr(), key, w.encoding, 100*time.Millisecond
		if w.http {
			s.URL = "http://" + b.city.HTTPAddr()
		}
		if w.north {
			s.NorthURL, s.Service = "http://"+b.city.HTTPAddr(), "lausanne"
		}
	}
	return b
}

func (b *bench) start(t testing.TB) {
	t.Helper()
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Platform: b.Platform(), Store: b.store, Log: slog.New(slog.NewTextHandler(b.log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	b.city = city
}

func (b *bench) configured(change func(*fiware.Settings)) (uplink.Configured, error) {
	return fiware.Protocol.Configure(func(into any) error {
		s := into.(*fiware.Settings)
		b.set(s)
		if change != nil {
			change(s)
		}
		return nil
	})
}

func (b *bench) try(ctx context.Context, thing agent.Thing, change func(*fiware.Settings)) (agent.City, error) {
	p, err := b.configured(change)
	if err != nil {
		return nil, err
	}
	ack := p.Acks[0]
	if b.ack != "" {
		if ack, err = agent.ParseAck(b.ack); err != nil {
			return nil, err
		}
	}
	return p.Dial(ctx, uplink.Target{Thing: thing, Ack: ack, Log: slog.New(slog.NewTextHandler(b.log, nil))})
}

// dial connects and announces.
func (b *bench) dial(t testing.TB, change func(*fiware.Settings)) agent.City {
	t.Helper()
	c, err := b.try(t.Context(), thing, change)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.Announce(t.Context(), thing, []*agent.Datastream{air, humid, state, door}, nil))
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

// batch are the observations from to to, a second apart.
func batch(epoch agent.Epoch, from, to uint64) agent.Batch {
	b := agent.Batch{Epoch: epoch}
	for s := from; s <= to; s++ {
		b.Observations = append(b.Observations, one(s, air, int(s), float64(s)/4))
	}
	return b
}

func of(epoch agent.Epoch, obs ...agent.Observation) agent.Batch {
	return agent.Batch{Epoch: epoch, Observations: obs}
}
