package desk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A message the city cannot keep is not acknowledged, and not counted.
func TestDiskThatTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	c, err := Open(Options{Listen: "127.0.0.1:0", Store: path})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.store.file.Close())
	c.store.file, err = os.Open(path) // read only
	require.NoError(t, err)
	p, err := senml.Protocol.Configure(func(s any) error {
		s.(*senml.Settings).URL = "mqtt://" + c.Addr()
		return nil
	})
	require.NoError(t, err)
	ds := &agent.Datastream{Name: "a/b"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, send := range []func(agent.City) error{
		func(g agent.City) error {
			return g.Publish(ctx, agent.Batch{Epoch: 1, Observations: []agent.Observation{{Seq: 1, Datastream: ds}}})
		},
		func(g agent.City) error {
			return g.Notify(ctx, []agent.Notice{{ID: 1, Kind: agent.NoticeLoss, Epoch: 1}})
		},
	} {
		g, err := p.Dial(ctx, uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: p.Acks[0]})
		require.NoError(t, err)

		err = send(g)

		require.Error(t, err)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the gateway is told at once")
		g.Close()
	}
	assert.Zero(t, c.Received("lamp-042").Distinct)
	assert.Empty(t, c.Received("lamp-042").Notices)
}

// A write that the disk takes in part leaves no half line.
func TestPartialWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s, err := openStore(path, func(line) {})
	require.NoError(t, err)
	require.NoError(t, s.keep([]Keys{{"a\"b", "00000000000000aa", 1, 5}}, nil))
	_, err = s.file.WriteString(`{"thing":"` + strings.Repeat("a", 500)) // what a full disk left
	require.NoError(t, err)
	require.NoError(t, s.close())

	tally := newTally()
	s, err = openStore(path, func(l line) { l.count(tally) })
	require.NoError(t, err)
	require.NoError(t, s.keep([]Keys{{"a\"b", "00000000000000aa", 6, 7}}, nil))
	require.NoError(t, s.close())
	require.NoError(t, s.close(), "twice")

	_, err = openStore(path, func(line) {})
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{"thing":"a\"b","epoch":"00000000000000aa","from":1,"to":5}
{"thing":"a\"b","epoch":"00000000000000aa","from":6,"to":7}
`, string(text))
}
