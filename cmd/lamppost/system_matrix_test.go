//go:build system

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// matrix are the ways to a city, by protocol and what is asked of it.
var matrix = []struct {
	protocol, keys string    // keys follow the platform's own
	ack            agent.Ack // who acknowledges
}{
	{"senml", "", agent.AckBroker},
	{"senml", "format = \"cbor\"\ncompression = \"zstd\"", agent.AckBroker},
	{"senml", "http", agent.AckStored},
	{"fiware", "", agent.AckReadBack},
	{"fiware", "encoding = \"ul\"", agent.AckReadBack},
	{"fiware", "http", agent.AckStored},
	{"ngsild", "", agent.AckStored},
	{"sensorthings", "", agent.AckStored},
	{"thingsboard", "", agent.AckQueued},
	{"thingsboard", "", agent.AckBroker},
	{"sparkplug", "", agent.AckSent},
}

const (
	matrixBacklog = 10_000
	matrixKills   = 16 // of platform or gateway
)

// TestSystemMatrix delivers observations over every protocol while gateway and
// platform are killed at random instants.
func TestSystemMatrix(t *testing.T) {
	gateway, city := program(t, "cmd/lamppost"), program(t, "cmd/city")
	for _, tt := range matrix {
		name := tt.protocol + "," + tt.ack.String() + "," + strings.Join(strings.Fields(tt.keys), "")
		t.Run(name, func(t *testing.T) {
			m := newMatrixCity(t, city, tt.protocol)
			dir := t.TempDir()
			w := newWitness()
			epoch := fill(t, filepath.Join(dir, "buffer"), matrixBacklog)
			w.accepted.add(epoch, 1, matrixBacklog)
			w.last[epoch] = matrixBacklog
			config := gatewayWith(t, dir, 10, "[[city]]\nname = \"platform\"\nrate = 1500\nack = \""+tt.ack.String()+"\"\n"+m.reach(t, dir, tt.keys))
			p := start(t, gateway, config, w)
			for range matrixKills {
				time.Sleep(200*time.Millisecond + rand.N(600*time.Millisecond))
				if rand.IntN(2) == 0 {
					p.end(os.Kill)
					p = start(t, gateway, config, w)
					continue
				}
				kill(m.cmd)
				time.Sleep(rand.N(300 * time.Millisecond))
				m.start(t)
			}
			p.end(os.Kill)
			p = start(t, gateway, config, w)
			begun := time.Now()
			for time.Since(begun) < 90*time.Second && waiting(gateway, config) > 100 {
				time.Sleep(200 * time.Millisecond)
			}
			drained := time.Since(begun).Round(time.Second)
			left := waiting(gateway, config)
			time.Sleep(time.Second)
			p.end(os.Interrupt)
			kill(m.cmd)
			received := m.received(t)
			err := promise(t, w, filepath.Join(dir, "buffer"), received.Epochs)
			lost := lacking(w, received.Epochs)
			t.Logf("%s: %d accepted, %d at the city, %d duplicates, %d not at the city, %d waiting, after %d kills; drained in %v",
				name, size(w.accepted), received.Distinct, received.Duplicates, lost, left, matrixKills, drained)
			assert.Less(t, left, 1000, "the backlog is delivered: %s", tail(config+".log"))
			if tt.ack >= agent.AckBroker {
				require.NoError(t, err)
			}
		})
	}
}

// waiting asks an agent how much its first city lacks; a million if it does not
// answer.
func waiting(binary, config string) int {
	text, err := exec.Command(binary, "status", "--config", config, "--json").Output()
	var status struct{ Cities []struct{ Waiting int } }
	if err != nil || json.Unmarshal(text, &status) != nil || len(status.Cities) == 0 {
		return 1_000_000
	}
	return status.Cities[0].Waiting
}

// lacking counts what was accepted and is not at the city.
func lacking(w *witness, city map[string][]desk.Range) (n int) {
	known := keys{}
	for epoch, ranges := range city {
		for _, r := range ranges {
			known.add(epoch, r.From, r.To)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for epoch, set := range w.accepted {
		for s := range set {
			if !known[epoch][s] {
				n++
			}
		}
	}
	return n
}

// tail returns the end of a log.
func tail(path string) string {
	text, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// A matrixCity is a city in a process of its own.
type matrixCity struct {
	binary, store string
	platform      desk.Platform
	mqtt, http    string
	cmd           *exec.Cmd
}

func newMatrixCity(t *testing.T, binary, protocol string) *matrixCity {
	t.Helper()
	platform, err := platforms.Find(protocol)
	require.NoError(t, err)
	m := &matrixCity{
		binary: binary, platform: platform, store: filepath.Join(t.TempDir(), "store"),
		mqtt: fmt.Sprintf("127.0.0.1:%d", freePort(t)), http: fmt.Sprintf("127.0.0.1:%d", freePort(t)),
	}
	m.start(t)
	return m
}

// start starts the city, and waits until it listens.
func (m *matrixCity) start(t *testing.T) {
	t.Helper()
	m.cmd = exec.Command(m.binary, "run", "--protocol", m.platform.Name, "--listen", m.mqtt, "--http", m.http, "--store", m.store)
	log, err := os.OpenFile(m.store+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	m.cmd.Stderr = log
	require.NoError(t, m.cmd.Start())
	cmd := m.cmd
	t.Cleanup(func() { kill(cmd) })
	eventually(t, func() bool {
		for _, address := range []string{m.mqtt, m.http} {
			if conn, err := net.Dial("tcp", address); err == nil {
				return conn.Close() == nil
			}
		}
		return false
	}, "the city listens: "+tail(m.store+".log"))
}

// reach returns the keys of the [[city]] table. The word http among the keys
// chooses HTTP where a platform speaks both.
func (m *matrixCity) reach(t *testing.T, dir, keys string) string {
	t.Helper()
	mqtt := m.mqtt
	city, err := desk.Open(desk.Options{Platform: m.platform, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	defer city.Close()
	if city.Addr() == "" || keys == "http" {
		mqtt = ""
	}
	text, err := m.platform.Configuration(mqtt, m.http, dir)
	require.NoError(t, err)
	if keys == "http" {
		keys = ""
	}
	return text + keys + "\n"
}

// received reads the store of the city, which was killed.
func (m *matrixCity) received(t *testing.T) desk.Received {
	t.Helper()
	city, err := desk.Open(desk.Options{Platform: m.platform, Listen: "127.0.0.1:0", Store: m.store})
	require.NoError(t, err)
	defer city.Close()
	return city.Received("lamp-042")
}
