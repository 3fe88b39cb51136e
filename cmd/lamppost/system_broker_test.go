//go:build system

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSystemBrokers drains a backlog through brokers that nobody here wrote,
// which are killed in the middle of it.
func TestSystemBrokers(t *testing.T) {
	binary := program(t, "cmd/lamppost")
	t.Run("mosquitto", func(t *testing.T) {
		port := freePort(t)
		config := filepath.Join(t.TempDir(), "mosquitto.conf")
		text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nmax_queued_messages 0\n", port)
		require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
		drainThroughKills(t, binary, 400_000, port, true, install(t, "mosquitto", "mosquitto"), "-c", config)
	})
	t.Run("nats-server", func(t *testing.T) {
		port, dir := freePort(t), t.TempDir()
		config := filepath.Join(dir, "nats.conf")
		text := fmt.Sprintf("server_name: city\nlisten: 127.0.0.1:%d\njetstream { store_dir: %q }\nmqtt { listen: \"127.0.0.1:%d\" }\n",
			freePort(t), filepath.Join(dir, "store"), port)
		require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
		drainThroughKills(t, binary, 100_000, port, false, install(t, "nats-server", "nats-server"), "-c", config)
	})
	t.Run("rabbitmq", func(t *testing.T) {
		port := freePort(t)
		drainThroughKills(t, binary, 100_000, port, false, "/usr/bin/env", rabbit(t, port)...)
	})
}

const (
	brokerKills = 3
	inFlight    = 16 * 1000 // observations on the way at a time, at most
)

// drainThroughKills fills a buffer and lets an agent drain it through a broker
// on a port, which is killed several times on the way.
func drainThroughKills(t *testing.T, binary string, backlog, port int, clean bool, command string, args ...string) {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	broker := startBroker(t, address, command, args...)
	s := subscribe(t, address, clean)
	<-s.subscribed
	// The gateway comes by another way than the platform, which is open only
	// while the platform is subscribed: what a broker takes with nobody there to
	// get it is gone, and nobody's fault.
	way := openWay(t, address)
	dir := t.TempDir()
	config := gatewayConfig(t, dir, way.l.Addr().String(), 5, "rate = 60000")
	w := newWitness()
	w.accepted.add(fill(t, filepath.Join(dir, "buffer"), backlog), 1, uint64(backlog))
	p := start(t, binary, config, w)
	for i := 1; i <= brokerKills; i++ {
		at := i * backlog / (brokerKills + 1)
		eventually(t, func() bool { return s.distinct() >= at }, fmt.Sprintf("%d observations arrive", at))
		way.open.Store(false)
		kill(broker)
		time.Sleep(500 * time.Millisecond)
		broker = startBroker(t, address, command, args...)
		<-s.subscribed
		way.open.Store(true)
	}
	eventually(t, func() bool { return s.distinct() >= backlog }, "the backlog arrives")
	time.Sleep(3 * time.Second)
	p.end(os.Interrupt)
	eventually(t, func() bool { return s.lacks(w.accepted) == 0 }, "everything accepted arrives")

	assert.LessOrEqual(t, s.duplicates(), brokerKills*inFlight, "what was on the way may come twice")
	t.Logf("%d at the city, %d duplicates after %d kills of the broker", s.distinct(), s.duplicates(), brokerKills)
}

// fill puts n observations into a new buffer, as if they had waited, and returns
// their epoch.
func fill(t *testing.T, dir string, n int) string {
	t.Helper()
	b, err := buffer.Open(buffer.Options{
		Dir: dir, Thing: "lamp-042", Cities: []buffer.City{{Name: "platform"}}, MinFree: 1, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	var streams []*agent.Datastream
	for i := range 50 {
		ds, err := b.Datastream(agent.Datastream{
			Name: fmt.Sprintf("old-%d/airTemperature", i), Sensor: fmt.Sprintf("old-%d", i), Driver: "sht4x",
			Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry, Thing: "lamp-042",
		})
		require.NoError(t, err)
		streams = append(streams, ds)
	}
	begin := time.Now().Add(-24 * time.Hour)
	for i := 0; i < n; i += len(streams) {
		var obs []agent.Observation
		for j, ds := range streams {
			obs = append(obs, agent.Observation{Datastream: ds, Time: begin.Add(time.Duration(i) * time.Millisecond), Value: float64(j) / 4})
		}
		require.NoError(t, b.Record(obs))
		if i%50_000 == 0 {
			require.NoError(t, b.Commit())
		}
	}
	epoch := b.Stats().Epoch
	require.NoError(t, b.Close())
	return epoch
}

// startBroker runs a broker until the test ends or kill, and waits until it
// listens.
func startBroker(t *testing.T, address, command string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(command, args...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { kill(cmd) })
	eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	}, command+" listens")
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// way is a TCP connection to a broker that can be closed to newcomers.
type way struct {
	l    net.Listener
	to   atomic.Value // the address of the broker
	open atomic.Bool
}

func openWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &way{l: l}
	w.to.Store(to)
	w.open.Store(true)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if d, err := net.Dial("tcp", w.to.Load().(string)); err == nil && w.open.Load() {
				go pipe(c, d)
				go pipe(d, c)
			} else {
				c.Close()
			}
		}
	}()
	return w
}

// pipe carries what comes from one end to the other, and closes both.
func pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from) // it ends as it ends
	from.Close()
	to.Close()
}

// subscriber is a city platform behind a broker: it counts keys.
type subscriber struct {
	mu   sync.Mutex
	keys keys
	n    int // distinct
	dups int
	err  error

	subscribed chan struct{} // a value each time it is
}

// subscribe connects a subscriber that comes back by itself. To a broker that
// forgets everything when it is killed it comes with a clean session: then what
// the broker acknowledged was written to the subscriber's connection before, as
// long as the subscriber keeps up.
func subscribe(t *testing.T, address string, clean bool) *subscriber {
	t.Helper()
	s := &subscriber{keys: keys{}, subscribed: make(chan struct{}, 100)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID("platform").SetCleanSession(clean).
		SetAutoReconnect(true).SetMaxReconnectInterval(100 * time.Millisecond).SetOrderMatters(true)
	topic := "lamppost/+/observations"
	o.SetOnConnectHandler(func(c mqtt.Client) {
		go func() {
			if token := c.Subscribe(topic, 1, nil); token.WaitTimeout(10*time.Second) && token.Error() == nil {
				s.subscribed <- struct{}{}
			}
		}()
	})
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { s.take(m) })
	c := mqtt.NewClient(o)
	token := c.Connect()
	require.True(t, token.WaitTimeout(10*time.Second))
	require.NoError(t, token.Error())
	t.Cleanup(func() { c.Disconnect(100) })
	return s
}

func (s *subscriber) take(m mqtt.Message) {
	records, err := senml.Decode(m.Payload())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
	for _, r := range records {
		if s.keys[r.Epoch] == nil {
			s.keys[r.Epoch] = make(map[uint64]bool)
		}
		switch set := s.keys[r.Epoch]; {
		case !set[r.Seq]:
			set[r.Seq] = true
			s.n++
		case !m.Duplicate():
			s.dups++
		}
	}
}

func (s *subscriber) distinct() int { s.mu.Lock(); defer s.mu.Unlock(); return s.n }

func (s *subscriber) duplicates() int { s.mu.Lock(); defer s.mu.Unlock(); return s.dups }

// lacks counts the keys that have not arrived.
func (s *subscriber) lacks(accepted keys) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for epoch, set := range accepted {
		for seq := range set {
			if !s.keys[epoch][seq] {
				n++
			}
		}
	}
	return n
}
