//go:build system

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/senml"
)

// piKey is the key of an observation of the one thing.
type piKey struct {
	epoch string
	seq   uint64
}

// piRepeat is a key that came again.
type piRepeat struct {
	key           piKey
	before, again time.Time // the time before, and this time
}

// piCity is a Mosquitto broker and one who listens to it.
type piCity struct {
	port int

	mu       sync.Mutex
	records  map[piKey]senml.Record
	arrived  map[piKey]time.Time     // the last time
	epoch    string                  // there is one: no power cut damages the card
	latest   map[string]senml.Record // by datastream, that with the highest Seq
	repeats  []piRepeat
	notices  []agent.Notice
	problems []string // what no gateway may send
}

// newPiCity starts a broker on the loopback and listens to all of Lamppost.
func newPiCity(t *testing.T) *piCity {
	t.Helper()
	c := &piCity{
		port: freePort(t), records: make(map[piKey]senml.Record), arrived: make(map[piKey]time.Time), latest: make(map[string]senml.Record),
	}
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n", c.port)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
	startBroker(t, c.address(), install(t, "mosquitto", "mosquitto"), "-c", config)
	c.listen(t)
	return c
}

func (c *piCity) address() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

// listen subscribes; what came while the connection was away comes later.
func (c *piCity) listen(t *testing.T) {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + c.address())
	o.SetClientID("platform").SetCleanSession(false)
	client := mqtt.NewClient(o)
	t.Cleanup(func() { client.Disconnect(0) })
	for _, token := range []func() mqtt.Token{
		client.Connect,
		func() mqtt.Token { return client.Subscribe("lamppost/#", 1, c.receive) },
	} {
		asked := token()
		require.True(t, asked.WaitTimeout(10*time.Second), "the broker answers")
		require.NoError(t, asked.Error())
	}
}

func (c *piCity) receive(_ mqtt.Client, m mqtt.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch path.Base(m.Topic()) {
	case "observations":
		records, err := senml.Decode(m.Payload())
		if err != nil {
			c.problems = append(c.problems, err.Error())
		}
		for _, r := range records {
			c.take(r, m.Duplicate())
		}
	case "notices":
		var n agent.Notice
		if err := json.Unmarshal(m.Payload(), &n); err != nil {
			c.problems = append(c.problems, err.Error())
			return
		}
		c.notices = append(c.notices, n)
	}
}

// take takes note of an observation. What only the broker sends again is no
// repeat of the gateway's.
func (c *piCity) take(r senml.Record, duplicate bool) {
	key := piKey{r.Epoch, r.Seq}
	name := strings.TrimPrefix(r.Name, "urn:dev:ops:lamppost-"+piThing+":")
	if r.Epoch == "" || r.Seq == 0 || r.Value == nil || name == r.Name {
		c.problems = append(c.problems, fmt.Sprintf("a record without key, value or name: %+v", r))
		return
	}
	if c.epoch = cmp.Or(c.epoch, r.Epoch); c.epoch != r.Epoch {
		c.problems = append(c.problems, fmt.Sprintf("epoch %s after %s", r.Epoch, c.epoch))
	}
	now := time.Now()
	old, ok := c.records[key]
	if ok && duplicate {
		return
	}
	before := c.arrived[key]
	c.arrived[key] = now
	if ok {
		c.repeats = append(c.repeats, piRepeat{key, before, now})
		if old.Name != r.Name || *old.Value != *r.Value || !old.Time.Equal(r.Time) {
			c.problems = append(c.problems, fmt.Sprintf("one key, two observations: %+v and %+v", old, r))
		}
		return
	}
	c.records[key] = r
	if last, ok := c.latest[name]; !ok || last.Seq < r.Seq {
		c.latest[name] = r
	}
}

// last returns the newest observation of a datastream.
func (c *piCity) last(name string) (senml.Record, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.latest[name]
	return r, ok
}

// value returns the newest value of a datastream.
func (c *piCity) value(t *testing.T, name string) float64 {
	t.Helper()
	r, ok := c.last(name)
	require.Truef(t, ok, "%s never arrived", name)
	return *r.Value
}

// await waits until a datastream's newest value is near the wanted one, and
// returns how long that took.
func (c *piCity) await(t *testing.T, name string, want, tolerance float64, within time.Duration) time.Duration {
	t.Helper()
	begin := time.Now()
	require.Eventuallyf(t, func() bool {
		r, ok := c.last(name)
		return ok && want-tolerance <= *r.Value && *r.Value <= want+tolerance
	}, within, 10*time.Millisecond, "%s = %v", name, want)
	return time.Since(begin)
}

// keys returns all keys that arrived.
func (c *piCity) keys() map[piKey]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[piKey]bool, len(c.records))
	for k := range c.records {
		all[k] = true
	}
	return all
}

// gaps returns the Seqs that are missing between those that arrived, and of
// these the ones that no notice names as never accepted.
func (c *piCity) gaps() (all, silent []agent.Range) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(c.records), func(x, y piKey) int { return cmp.Compare(x.seq, y.seq) })
	for i := 1; i < len(keys); i++ {
		gap := agent.Range{From: keys[i-1].seq + 1, To: keys[i].seq - 1}
		if gap.From > gap.To {
			continue
		}
		all = append(all, gap)
		if !c.windowed(gap) {
			silent = append(silent, gap)
		}
	}
	return all, silent
}

// windowed tells whether the windows of unclean stops, one after the other,
// name all of a gap. c.mu is held.
func (c *piCity) windowed(gap agent.Range) bool {
	for _, n := range c.notices { // oldest first
		if n.Kind == agent.NoticeWindow && n.Epoch.String() == c.epoch && n.From <= gap.From && gap.From <= n.To {
			gap.From = n.To + 1
		}
	}
	return gap.From > gap.To
}

// windows counts the windows it was told of.
func (c *piCity) windows() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make(map[uint64]bool)
	for _, n := range c.notices {
		if n.Kind == agent.NoticeWindow {
			ids[n.ID] = true
		}
	}
	return len(ids)
}

// repeated returns the keys that came again.
func (c *piCity) repeated() []piRepeat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.repeats)
}
