//go:build system

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clusterBacklog is how many observations are drained through the cluster.
const clusterBacklog = 1_000_000

// TestSystemPeerCluster drains a backlog through a cluster of three brokers that
// keep each message three times. The one that the gateway is connected to is
// killed in the middle, and does not come back: the gateway goes on at another.
func TestSystemPeerCluster(t *testing.T) {
	cluster := startCluster(t)
	s := subscribe(t, cluster[2].address, false)
	<-s.subscribed
	way := openWay(t, cluster[0].address)
	dir := t.TempDir()
	config := gatewayConfig(t, dir, way.l.Addr().String(), 5)
	w := newWitness()
	w.accepted.add(fill(t, filepath.Join(dir, "buffer"), clusterBacklog), 1, clusterBacklog)
	begin := time.Now()
	p := start(t, program(t, "cmd/lamppost"), config, w)

	eventually(t, func() bool { return s.distinct() >= clusterBacklog/3 }, "a third arrives")
	way.to.Store(cluster[1].address)
	kill(cluster[0].cmd)
	at := s.distinct()
	require.Less(t, at, clusterBacklog, "in the middle")

	for s.distinct() < clusterBacklog {
		before := s.distinct()
		eventually(t, func() bool { return s.distinct() > before }, "it goes on")
	}
	t.Logf("%d observations in %s", clusterBacklog, time.Since(begin).Round(time.Second))
	p.end(os.Interrupt)
	eventually(t, func() bool { return s.lacks(w.accepted) == 0 }, "everything accepted arrives")
	assert.LessOrEqual(t, s.duplicates(), inFlight, "what was on the way may come twice")
	t.Logf("%d at the city, %d duplicates; a broker was killed at %d", s.distinct(), s.duplicates(), at)
}

// clustered is one broker of a cluster.
type clustered struct {
	address string
	cmd     *exec.Cmd
}

// startCluster starts three brokers that agree on what they keep.
func startCluster(t *testing.T) (all [3]clustered) {
	t.Helper()
	command := install(t, "nats-server", "nats-server")
	var routes []string
	ports := [3]int{}
	for i := range all {
		ports[i] = freePort(t)
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
	}
	for i := range all {
		dir, port := t.TempDir(), freePort(t)
		text := fmt.Sprintf("server_name: city-%d\nlisten: 127.0.0.1:%d\ncluster { name: city, listen: \"127.0.0.1:%d\", routes: [%s] }\n"+
			"jetstream { store_dir: %q }\nmqtt { listen: \"127.0.0.1:%d\", stream_replicas: 3 }\n",
			i, freePort(t), ports[i], strings.Join(routes, ", "), filepath.Join(dir, "store"), port)
		config := filepath.Join(dir, "nats.conf")
		require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
		all[i].address = fmt.Sprintf("127.0.0.1:%d", port)
		all[i].cmd = exec.Command(command, "-c", config)
		require.NoError(t, all[i].cmd.Start())
		t.Cleanup(func() { kill(all[i].cmd) })
	}
	for _, b := range all { // a client is taken only when the three have a leader
		eventually(t, func() bool { return takesClients(b.address) }, b.address+" serves")
	}
	return all
}

// takesClients tells whether a broker takes a client now.
func takesClients(address string) bool {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID("probe").SetConnectTimeout(10 * time.Second))
	token := c.Connect()
	ok := token.WaitTimeout(10*time.Second) && token.Error() == nil
	c.Disconnect(100)
	return ok
}
