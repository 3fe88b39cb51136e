package desk_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

const epoch = agent.Epoch(0xaa)

var (
	air  = &agent.Datastream{Name: "roof-air/airTemperature", Property: agent.AirTemperature, Resolution: 2}
	when = time.UnixMilli(1_795_255_200_500).UTC()
)

func open(t testing.TB, o desk.Options) *desk.City {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	c, err := desk.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// gateway connects as the agent does.
func gateway(t testing.TB, c *desk.City, change func(*senml.Settings)) (agent.City, error) {
	t.Helper()
	p, err := senml.Protocol.Configure(func(s any) error {
		s.(*senml.Settings).URL = "mqtt://" + c.Addr()
		if change != nil {
			change(s.(*senml.Settings))
		}
		return nil
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return p.Dial(ctx, uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: p.Acks[0]})
}

func connected(t testing.TB, c *desk.City) agent.City {
	t.Helper()
	g, err := gateway(t, c, nil)
	require.NoError(t, err)
	t.Cleanup(func() { g.Close() })
	return g
}

func batch(ranges ...desk.Range) agent.Batch {
	b := agent.Batch{Epoch: epoch}
	for _, r := range ranges {
		for seq := r.From; seq <= r.To; seq++ {
			b.Observations = append(b.Observations, agent.Observation{
				Seq: seq, Datastream: air, Time: when.Add(time.Duration(seq) * time.Second), Value: float64(seq),
			})
		}
	}
	return b
}

func heartbeat(since, to, waiting uint64) agent.Notice {
	return agent.Notice{Kind: agent.NoticeHeartbeat, Time: when, Epoch: epoch, Heartbeat: &agent.Heartbeat{Since: since, AcceptedTo: to, Waiting: waiting}}
}

func TestCounts(t *testing.T) {
	c := open(t, desk.Options{})
	g := connected(t, c)

	require.NoError(t, g.Publish(t.Context(), batch(desk.Range{From: 1, To: 100}, desk.Range{From: 200, To: 250})))
	require.NoError(t, g.Publish(t.Context(), batch(desk.Range{From: 90, To: 110})))
	require.NoError(t, g.Publish(t.Context(), batch(desk.Range{From: 105, To: 105})))

	r := c.Received("lamp-042")
	assert.Equal(t, map[string][]desk.Range{epoch.String(): {{From: 1, To: 110}, {From: 200, To: 250}}}, r.Epochs)
	assert.EqualValues(t, 161, r.Distinct)
	assert.EqualValues(t, 12, r.Duplicates)
	assert.Equal(t, map[string]desk.Record{"roof-air/airTemperature": {
		Name: "roof-air/airTemperature", Unit: "Cel", Time: when.Add(250 * time.Second), Value: 250, Epoch: epoch.String(), Seq: 250,
	}}, r.Latest, "the backlog is not the latest")
	assert.Equal(t, []string{"lamp-042"}, c.Things())
	assert.Zero(t, c.Received("lamp-043").Distinct)
}

func TestBooks(t *testing.T) {
	loss := agent.Notice{ID: 1, Kind: agent.NoticeLoss, Time: when, Epoch: epoch, From: 11, To: 20, Ranges: []agent.Range{{From: 11, To: 12}, {From: 20, To: 20}}, Count: 3}
	window := agent.Notice{ID: 2, Kind: agent.NoticeWindow, Time: when, Epoch: epoch, From: 51, To: 60}
	for name, tt := range map[string]struct {
		received []desk.Range
		notices  []agent.Notice
		closed   bool
		want     desk.Account // without epoch, verdict and duplicates
	}{
		"all received": {
			[]desk.Range{{From: 1, To: 100}},
			[]agent.Notice{heartbeat(1, 100, 0)},
			true,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 100},
		},
		"no heartbeat": {[]desk.Range{{From: 1, To: 100}}, nil, false, desk.Account{Received: 100}},
		"a Seq is missing": {
			[]desk.Range{{From: 1, To: 41}, {From: 43, To: 100}},
			[]agent.Notice{heartbeat(1, 100, 0)},
			false,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 99, Missing: []desk.Range{{From: 42, To: 42}}, Lost: 1},
		},
		"the last is missing": {
			[]desk.Range{{From: 1, To: 99}},
			[]agent.Notice{heartbeat(1, 100, 0)},
			false,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 99, Missing: []desk.Range{{From: 100, To: 100}}, Lost: 1},
		},
		"before since": {
			[]desk.Range{{From: 50, To: 100}},
			[]agent.Notice{heartbeat(50, 100, 0)},
			true,
			desk.Account{Since: 50, AcceptedTo: 100, Received: 51},
		},
		"pending": {
			[]desk.Range{{From: 1, To: 90}, {From: 95, To: 120}},
			[]agent.Notice{heartbeat(1, 90, 0)},
			true,
			desk.Account{Since: 1, AcceptedTo: 90, Received: 116},
		},
		"waiting": {
			[]desk.Range{{From: 1, To: 50}},
			[]agent.Notice{heartbeat(1, 100, 50)},
			true,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 50, Waiting: 50, Missing: []desk.Range{{From: 51, To: 100}}},
		},
		"more than waiting": {
			[]desk.Range{{From: 1, To: 49}},
			[]agent.Notice{heartbeat(1, 100, 50)},
			false,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 49, Waiting: 50, Missing: []desk.Range{{From: 50, To: 100}}, Lost: 1},
		},
		"ledgered": {
			[]desk.Range{{From: 1, To: 10}, {From: 13, To: 19}, {From: 21, To: 100}},
			[]agent.Notice{loss, heartbeat(1, 100, 0), loss},
			true,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 97, Ledgered: 3},
		},
		"beside the ledger": {
			[]desk.Range{{From: 1, To: 10}, {From: 14, To: 19}, {From: 21, To: 100}},
			[]agent.Notice{loss, heartbeat(1, 100, 0)},
			false,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 96, Ledgered: 3, Missing: []desk.Range{{From: 13, To: 13}}, Lost: 1},
		},
		"in the window": {
			[]desk.Range{{From: 1, To: 52}, {From: 61, To: 100}},
			[]agent.Notice{window, heartbeat(1, 100, 0)},
			true,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 92, Windowed: 8},
		},
		"outside the window": {
			[]desk.Range{{From: 1, To: 52}, {From: 62, To: 100}},
			[]agent.Notice{window, heartbeat(1, 100, 0)},
			false,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 91, Windowed: 8, Missing: []desk.Range{{From: 61, To: 61}}, Lost: 1},
		},
		"a late heartbeat": {
			[]desk.Range{{From: 1, To: 99}},
			[]agent.Notice{heartbeat(1, 100, 0), heartbeat(1, 50, 40)},
			false,
			desk.Account{Since: 1, AcceptedTo: 100, Received: 99, Missing: []desk.Range{{From: 100, To: 100}}, Lost: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "store")
			c := open(t, desk.Options{Store: store})
			g := connected(t, c)

			require.NoError(t, g.Publish(t.Context(), batch(tt.received...)))
			require.NoError(t, g.Notify(t.Context(), tt.notices))

			b := c.Books("lamp-042")
			require.Len(t, b.Epochs, 1)
			got := b.Epochs[0]
			assert.Equal(t, tt.closed, got.Closed)
			assert.Equal(t, tt.closed, b.Closed)
			got.Closed, got.Epoch, got.Verdict = false, "", ""
			if len(got.Missing) == 0 {
				got.Missing = nil
			}
			assert.Equal(t, tt.want, got)
			verified, err := desk.Verify(store)
			require.NoError(t, err)
			assert.Equal(t, []desk.Books{b}, verified, "the file says the same")
		})
	}
	assert.False(t, open(t, desk.Options{}).Books("lamp-042").Closed, "no books are not closed books")
}

func TestRestart(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	c := open(t, desk.Options{Store: store})
	g := connected(t, c)
	require.NoError(t, g.Publish(t.Context(), batch(desk.Range{From: 1, To: 10})))
	require.NoError(t, g.Publish(t.Context(), batch(desk.Range{From: 6, To: 12})))
	require.NoError(t, g.Notify(t.Context(), []agent.Notice{heartbeat(1, 12, 0), {ID: 7, Kind: agent.NoticeClock, Epoch: epoch}}))
	before := c.Received("lamp-042")
	require.NoError(t, c.Close())
	f, err := os.OpenFile(store, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"thing":"lamp-042","epo`) // it was killed while it wrote
	require.NoError(t, err)
	require.NoError(t, f.Close())

	c = open(t, desk.Options{Store: store})

	after := c.Received("lamp-042")
	assert.Equal(t, before.Epochs, after.Epochs)
	assert.Equal(t, before.Notices, after.Notices)
	assert.EqualValues(t, 12, after.Distinct)
	assert.EqualValues(t, 5, after.Duplicates)
	assert.True(t, c.Books("lamp-042").Closed)
	require.NoError(t, connected(t, c).Publish(t.Context(), batch(desk.Range{From: 12, To: 13})))
	require.NoError(t, c.Close())
	c = open(t, desk.Options{Store: store})
	assert.EqualValues(t, 13, c.Received("lamp-042").Distinct, "it goes on after the torn line")
	assert.EqualValues(t, 6, c.Received("lamp-042").Duplicates)

	require.NoError(t, os.WriteFile(store, []byte("nonsense\n{}\n"), 0o600))
	_, err = desk.Open(desk.Options{Listen: "127.0.0.1:0", Store: store})
	require.ErrorContains(t, err, "line 1")
}

func TestStoreThatIsNone(t *testing.T) {
	for _, store := range []string{"/dev/zero", "/dev/null", t.TempDir()} {
		_, err := desk.Open(desk.Options{Listen: "127.0.0.1:0", Store: store})
		assert.Error(t, err, store)
	}
}

func TestPassword(t *testing.T) {
	c := open(t, desk.Options{Username: "lamp", Password: "right"})
	file := filepath.Join(t.TempDir(), "password")
	for password, ok := range map[string]bool{"right": true, "wrong": false, "righ": false} {
		require.NoError(t, os.WriteFile(file, []byte(password), 0o600))
		g, err := gateway(t, c, func(s *senml.Settings) { s.Username, s.PasswordFile = "lamp", file })
		assert.Equal(t, ok, err == nil, password)
		if g != nil {
			g.Close()
		}
	}
	_, err := gateway(t, c, nil)
	assert.Error(t, err, "no password")
}

func TestOddMessages(t *testing.T) {
	c := open(t, desk.Options{})
	conn, err := net.Dial("tcp", c.Addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	send(t, conn, packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Connect}, ProtocolVersion: 4,
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: true, ClientIdentifier: "odd", Keepalive: 30},
	}, 4)
	for i, m := range [][2]string{
		{"other/topic", "x"},
		{"lamppost/a/observations", "x"},
		{"lamppost/a/observations", `[{"n":"a","v":1}]`},
		{"lamppost/a/notices", "{}"},
		{"lamppost/a/notices", `{"epoch":"00000000000000aa","kind":"heartbeat"}`},
		{"lamppost", ""},
		{"lamppost/a/observations", `[{"bn":"urn:dev:ops:lamppost-a:","epoch":"00000000000000aa","n":"s/p","v":1,"seq":3},{"n":"s/p","v":1,"seq":3}]`},
	} {
		send(t, conn, packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1},
			TopicName:   m[0], Payload: []byte(m[1]), PacketID: uint16(i + 1), ProtocolVersion: 4,
		}, 4)
	}
	r := c.Received("a")
	assert.EqualValues(t, 1, r.Distinct)
	assert.EqualValues(t, 1, r.Duplicates)
	assert.Empty(t, r.Notices)
}

// send writes a packet and reads an answer of n bytes.
func send(t *testing.T, conn net.Conn, pk packets.Packet, n int) {
	t.Helper()
	var buf bytes.Buffer
	if pk.FixedHeader.Type == packets.Connect {
		require.NoError(t, pk.ConnectEncode(&buf))
	} else {
		require.NoError(t, pk.PublishEncode(&buf))
	}
	_, err := conn.Write(buf.Bytes())
	require.NoError(t, err)
	answer := make([]byte, n)
	_, err = conn.Read(answer)
	require.NoError(t, err)
}

func TestRenamedThing(t *testing.T) {
	c := open(t, desk.Options{})
	g := connected(t, c)
	old := batch(desk.Range{From: 1, To: 10})
	was := *air
	was.Thing = "lamp-041"
	for i := range old.Observations {
		old.Observations[i].Datastream = &was
	}

	require.NoError(t, g.Publish(t.Context(), old))
	require.NoError(t, g.Notify(t.Context(), []agent.Notice{heartbeat(1, 10, 0)}))

	assert.EqualValues(t, 10, c.Received("lamp-041").Distinct)
	assert.True(t, c.Books("lamp-041").Closed)
	assert.Empty(t, c.Books("lamp-042").Epochs)
}
