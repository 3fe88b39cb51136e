//go:build system

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSystemPeerPrimaryHost drains a buffer to a primary host that is killed in
// the middle and comes back: while it is away nothing is sent.
func TestSystemPeerPrimaryHost(t *testing.T) {
	const backlog = 100_000
	address, dir := startMosquitto(t), t.TempDir()
	kinds := overhear(t, address)
	epoch := fill(t, filepath.Join(dir, "buffer"), backlog)
	b, stop := drain(t, filepath.Join(dir, "buffer"), address, "scada")
	time.Sleep(500 * time.Millisecond)
	assert.Empty(t, kinds.all(), "nothing without the host")

	first := startPeer(t, peers(t, ""), "sparkplug-host.mjs", "mqtt://"+address, "scada")
	eventually(t, func() bool { return said(first, "/DDATA/") > 500 }, "data arrive")
	kill(first.cmd)
	eventually(t, func() bool { return kinds.last() == "NDEATH" }, "the node leaves")
	quiet := len(kinds.all())
	time.Sleep(time.Second)
	assert.Len(t, kinds.all(), quiet, "nothing without the host")
	assert.Positive(t, b.Stats().Cities[0].Waiting, "in the middle")

	second := startPeer(t, peers(t, ""), "sparkplug-host.mjs", "mqtt://"+address, "scada")
	eventually(t, func() bool { return b.Stats().Cities[0].Waiting == 0 }, "all is sent")
	stop()
	eventually(t, func() bool { return said(second, "/NDEATH/") == 1 }, "the node is gone")
	assert.Equal(t, "NBIRTH", kinds.all()[quiet], "it is born again")

	keys := map[string]bool{}
	for _, p := range []*peer{first, second} {
		for _, line := range p.said(1) {
			var m sparkplugMessage
			if json.Unmarshal([]byte(line), &m) != nil {
				continue // it was killed while it said that
			}
			for _, metric := range m.Payload.Metrics {
				if text(metric.Properties["epoch"].Value) == epoch {
					keys[text(metric.Properties["seq"].Value)] = true
				}
			}
		}
	}
	lost := backlog - len(keys)
	t.Logf("%d of %d lost with the host that was killed", lost, backlog)
	assert.LessOrEqual(t, lost, inFlight, "what it had not read when it was killed")
}

// ear hears which kinds of messages a node sends.
type ear struct {
	mu    sync.Mutex
	kinds []string
}

func overhear(t *testing.T, address string) *ear {
	t.Helper()
	e := new(ear)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID("ear"))
	require.NoError(t, settled(c.Connect()))
	t.Cleanup(func() { c.Disconnect(100) })
	require.NoError(t, settled(c.Subscribe("spBv1.0/lamppost/#", 1, func(_ mqtt.Client, m mqtt.Message) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.kinds = append(e.kinds, strings.Split(m.Topic(), "/")[2])
	})))
	return e
}

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.kinds...)
}

func (e *ear) last() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.kinds) == 0 {
		return ""
	}
	return e.kinds[len(e.kinds)-1]
}
