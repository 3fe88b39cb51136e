//go:build system

package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sparkplugMessage is a message of a node as sparkplug-payload decodes it.
type sparkplugMessage struct {
	Ready   bool   `json:"ready"`
	Error   string `json:"error"`
	Topic   string `json:"topic"`
	QoS     int    `json:"qos"`
	Retain  bool   `json:"retain"`
	Payload struct {
		Seq     *string           `json:"seq"`
		Metrics []sparkplugMetric `json:"metrics"`
	} `json:"payload"`
}

type sparkplugMetric struct {
	Name         string          `json:"name"`
	Alias        string          `json:"alias"`
	Timestamp    string          `json:"timestamp"`
	Type         string          `json:"type"`
	IsHistorical bool            `json:"isHistorical"`
	IsNull       bool            `json:"isNull"`
	Value        json.RawMessage `json:"value"`
	Properties   map[string]struct {
		Type  string          `json:"type"`
		Value json.RawMessage `json:"value"`
	} `json:"properties"`
}

func (m *sparkplugMessage) kind() string { return strings.Split(m.Topic, "/")[2] }

func text(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

// TestSystemPeerSparkplug drains a buffer to a host application that nobody here
// wrote, behind a broker that nobody here wrote, while it asks for rebirths.
func TestSystemPeerSparkplug(t *testing.T) {
	const backlog = 20_000
	address, dir := startMosquitto(t), t.TempDir()
	host := startPeer(t, peers(t, ""), "sparkplug-host.mjs", "mqtt://"+address)
	eventually(t, func() bool { return len(host.said(0)) > 0 }, "the host is connected")
	require.JSONEq(t, `{"ready":true}`, host.said(0)[0])

	fill(t, filepath.Join(dir, "buffer"), backlog)
	b, stop := drain(t, filepath.Join(dir, "buffer"), address, "")
	ds, err := b.Datastream(agent.Datastream{
		Name: "roof/open", Sensor: "roof", Driver: "contact", Property: agent.Open, Class: agent.Alarm, Thing: "lamp-042",
	})
	require.NoError(t, err)
	rebear := func() {
		before := said(host, "/NBIRTH/")
		host.say(t, "rebirth lamppost lamp-042")
		eventually(t, func() bool { return said(host, "/NBIRTH/") > before }, "the node is born again")
	}
	eventually(t, func() bool { return said(host, "/NBIRTH/") == 1 }, "the node is born")
	for i := range 100 {
		require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now().UTC(), Value: float64(i % 2), Quality: agent.Simulated}}))
		if i%25 == 0 {
			rebear()
		}
	}
	eventually(t, func() bool { return b.Stats().Cities[0].Waiting == 0 && b.Stats().Pending == 0 }, "all is sent")
	rebear()
	stop()
	eventually(t, func() bool { return said(host, "/NDEATH/") == 1 }, "the node is gone")
	checkSparkplug(t, host.said(1), b.Stats().Epoch, backlog+100)
}

// said counts the messages of a kind.
func said(host *peer, kind string) (n int) {
	for _, line := range host.said(0) {
		if strings.Contains(line, `"topic":"spBv1.0/lamppost`+kind) {
			n++
		}
	}
	return n
}

// drain runs an uplink with protocol sparkplug over a buffer.
func drain(t *testing.T, dir, address, primaryHost string) (*buffer.Buffer, func()) {
	t.Helper()
	b, err := buffer.Open(buffer.Options{Dir: dir, Thing: "lamp-042", Cities: []buffer.City{{Name: "platform"}}, MinFree: 1, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p, err := sparkplug.Protocol.Configure(func(s any) error {
		set := s.(*sparkplug.Settings)
		set.URL, set.PrimaryHost = "mqtt://"+address, primaryHost
		set.Datatypes = true // sparkplug-payload reads no value without
		return nil
	})
	require.NoError(t, err)
	u := &uplink.Uplink{Queue: b.Cursor("platform"), Dial: p.Dial, Timeout: 5 * time.Second, MaxDelay: time.Second, Rate: 20_000, Target: uplink.Target{
		Thing: agent.Thing{ID: "lamp-042", Name: "Lamp post 42"}, City: "platform", Dir: dir, Log: slog.New(slog.DiscardHandler),
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { u.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait(); b.Close() })
	return b, func() { cancel(); run.Wait() }
}

// checkSparkplug reads what the host has decoded: numbers without gaps, births
// for all that is sent, and each key.
func checkSparkplug(t *testing.T, lines []string, epoch string, want int) {
	t.Helper()
	var (
		next, births, notices int
		aliases               map[string]sparkplugMetric
		seqs                  = map[string]bool{}
		historical, current   int
	)
	for _, line := range lines {
		var m sparkplugMessage
		require.NoError(t, json.Unmarshal([]byte(line), &m), line)
		require.Empty(t, m.Error, line)
		require.False(t, m.Retain)
		if m.kind() == "NDEATH" {
			require.Nil(t, m.Payload.Seq)
			require.Equal(t, `"0"`, string(m.Payload.Metrics[0].Value))
			continue
		}
		if m.kind() == "NBIRTH" {
			births, next, aliases = births+1, 0, map[string]sparkplugMetric{}
		}
		require.NotNil(t, m.Payload.Seq, line)
		require.Equal(t, strconv.Itoa(next), *m.Payload.Seq, "the numbers have no gap")
		next = (next + 1) % 256
		for _, metric := range m.Payload.Metrics {
			require.NotEmpty(t, metric.Timestamp)
			switch m.kind() {
			case "NBIRTH":
				require.NotEmpty(t, metric.Type)
			case "NDATA":
				require.True(t, json.Valid([]byte(unquoted(t, metric.Value))), "a notice")
				notices++
			case "DBIRTH":
				aliases[metric.Alias] = metric
			case "DDATA":
				require.Contains(t, aliases, metric.Alias, "a birth has told of it")
				checkValue(t, aliases[metric.Alias], metric, m.Topic)
				require.Equal(t, epoch, text(metric.Properties["epoch"].Value))
				require.Equal(t, "192", string(metric.Properties["Quality"].Value))
				require.Equal(t, "Int32", metric.Properties["Quality"].Type)
				seqs[text(metric.Properties["seq"].Value)] = true
				if metric.IsHistorical {
					historical++
				} else {
					current++
				}
			}
		}
	}
	assert.Len(t, seqs, want, "each key")
	assert.Equal(t, 6, births, "the first, and what the host asked for")
	assert.GreaterOrEqual(t, notices, 2, "a heartbeat at both ends")
	assert.GreaterOrEqual(t, current, 90, "what is new is live")
	t.Logf("%d observations, %d historical and %d live metrics in %d messages", len(seqs), historical, current, len(lines))
}

// checkValue checks that the host has read what fill and the test have recorded.
func checkValue(t *testing.T, birth, m sparkplugMetric, topic string) {
	t.Helper()
	require.Equal(t, birth.Type, m.Type)
	if birth.Name == "open" {
		require.Contains(t, []string{"true", "false"}, string(m.Value))
		return
	}
	_, sensor, _ := strings.Cut(topic, "/old-")
	n, err := strconv.Atoi(sensor)
	require.NoError(t, err)
	require.Equal(t, strconv.FormatFloat(float64(n)/4, 'g', -1, 64), string(m.Value))
}

func unquoted(t *testing.T, raw json.RawMessage) (s string) {
	t.Helper()
	require.NoError(t, json.Unmarshal(raw, &s))
	return s
}
