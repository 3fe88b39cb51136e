package fiware_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/fiware"
	"github.com/lamppost-city/lamppost/sync/fiware"
)

// An answer from before is asked for again until the platform is through.
func TestReadBackOfASlowPlatform(t *testing.T) {
	for _, w := range ways[:2] {
		b := newBench(t, w)
		c := b.dial(t, nil)
		require.NoError(t, c.Publish(t.Context(), batch(1, 1, 1)))
		b.Set(func(f *double.Faults) { f.Lag = 3 })

		require.NoError(t, c.Publish(t.Context(), batch(1, 2, 5)))

		assert.Len(t, b.received(1), 5)
	}
}

func TestReadBackOfAMutePlatform(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	b.Set(func(f *double.Faults) { f.Mute = true })
	begun := time.Now()

	err := c.Publish(t.Context(), batch(1, 1, 5))

	unknown(t, err)
	assert.GreaterOrEqual(t, time.Since(begun), 300*time.Millisecond, "three tries")
	b.Set(func(f *double.Faults) { f.Mute = false })
	have, err := b.dial(t, nil).(agent.Reconciler).Reconcile(t.Context(), batch(1, 1, 5))
	require.NoError(t, err)
	assert.Equal(t, []uint64{1, 2, 3, 4, 5}, have, "it was there all the time")
}

// With ack = "broker" nothing is read back, and nothing is claimed.
func TestAckBroker(t *testing.T) {
	b := newBench(t, ways[0])
	b.ack = "broker"
	c := b.dial(t, nil)
	b.Set(func(f *double.Faults) { f.Mute = true })
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 5)))
	require.NoError(t, c.Notify(t.Context(), []agent.Notice{{ID: 1, Kind: agent.NoticeClock, Epoch: 1}}))
	assert.NotContains(t, b.Entity(roofAir), "batch")

	require.NoError(t, c.Publish(t.Context(), of(2, one(1, air, 1, 20), one(2, humid, 1, 50))))
	b.Set(func(f *double.Faults) { f.Down = true })
	require.NoError(t, c.Publish(t.Context(), of(2, one(3, air, 2, 20))), "lost, and nobody says so")
	b.Set(func(f *double.Faults) { f.Down = false })
	require.NoError(t, c.Publish(t.Context(), of(2, one(4, air, 3, 20))))
	assert.Equal(t, []uint64{1, 2, 4}, b.received(2), "what is lost takes no keys of others with it")
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(1, 1, 5))
	require.NoError(t, err)
	assert.Empty(t, have)
}

// The connection ends after the platform has stored it and before the PUBACK.
func TestReconcile(t *testing.T) {
	for _, w := range ways[:2] {
		b := newBench(t, w)
		b.store = filepath.Join(t.TempDir(), "store")
		b.start(t)
		c := b.dial(t, nil)
		lost := batch(1, 1, 250) // three messages, of which one is sent
		b.Set(func(f *double.Faults) { f.NoAck = 1 })
		unknown(t, c.Publish(t.Context(), lost))
		<-c.Lost()
		require.NoError(t, b.city.Close())
		b.Double = double.New() // as a process that starts anew
		b.Open = !w.north
		b.start(t)

		again := b.dial(t, nil)
		have, err := again.(agent.Reconciler).Reconcile(t.Context(), lost)

		require.NoError(t, err)
		require.Len(t, have, 100)
		lost.Observations = lost.Observations[100:]
		require.NoError(t, again.Publish(t.Context(), lost))
		assert.Len(t, b.received(1), 250)
		assert.Zero(t, b.city.Received("lamp-042").Duplicates)
	}
}

func TestReconcileSeveralDevices(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	require.NoError(t, c.Publish(t.Context(), of(1, one(1, air, 1, 20), one(2, humid, 1, 50))))
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), of(1, one(1, air, 1, 20), one(2, humid, 1, 50), one(3, door, 1, 1)))
	require.NoError(t, err)
	assert.ElementsMatch(t, []uint64{1, 2}, have)
}

// Times need not be in the order of Seqs: the agent sorts groups by them.
func TestTimesOutOfOrder(t *testing.T) {
	for _, w := range ways {
		b := newBench(t, w)
		c := b.dial(t, nil)
		require.NoError(t, c.Publish(t.Context(), of(1, one(1, air, 9, 20), one(2, humid, 3, 50), one(5, air, 7, 21))))
		assert.Equal(t, []uint64{1, 2, 5}, b.received(1))
		var times []any
		for _, n := range b.History() {
			times = append(times, n.Attrs["TimeInstant"].Value)
		}
		assert.Equal(t, []any{"2026-11-21T10:00:03.000Z", "2026-11-21T10:00:07.000Z", "2026-11-21T10:00:09.000Z"}, times)
	}
}

// The books of the city close over every way, and duplicates are counted.
func TestBooksClose(t *testing.T) {
	for _, w := range ways {
		b := newBench(t, w)
		c := b.dial(t, nil)
		require.NoError(t, c.Publish(t.Context(), of(0xabc, one(1, air, 1, 20), one(2, humid, 1, 50), one(3, state, 1, 0), one(4, door, 1, 1), one(5, air, 2, 20.5))))
		require.NoError(t, c.Publish(t.Context(), of(0xabc, one(4, door, 1, 1), one(7, door, 3, 0))))
		require.NoError(t, c.Publish(t.Context(), of(0xabc, one(4, door, 1, 1), one(7, door, 3, 0))), "again")

		require.NoError(t, c.Notify(t.Context(), []agent.Notice{
			{ID: 1, Kind: agent.NoticeLoss, Time: noon, Epoch: 0xabc, From: 6, To: 6, Count: 1, Cause: `disk full (100 %); "sd" = <gone> | # lost\`},
			{Kind: agent.NoticeHeartbeat, Time: noon, Epoch: 0xabc, Heartbeat: &agent.Heartbeat{Version: "1", Since: 1, AcceptedTo: 7}},
		}))

		books := b.city.Books("lamp-042")
		assert.Truef(t, books.Closed, "%s: %+v", w.name, books)
		received := b.city.Received("lamp-042")
		assert.EqualValues(t, 3, received.Duplicates)
		require.Len(t, received.Notices, 2)
		assert.Equal(t, `disk full (100 %); "sd" = <gone> | # lost\`, received.Notices[0].Cause, "as it was told")
	}
}

func TestNoticeIsConfirmed(t *testing.T) {
	for _, w := range ways {
		b := newBench(t, w)
		c := b.dial(t, nil)
		b.Set(func(f *double.Faults) { f.Down = true })
		notices := []agent.Notice{{ID: 1, Kind: agent.NoticeClock, Time: noon, Epoch: 1}}
		require.Error(t, c.Notify(t.Context(), notices))
		b.Set(func(f *double.Faults) { f.Down = false })
		require.NoError(t, c.Notify(t.Context(), notices))
		assert.Len(t, b.city.Received("lamp-042").Notices, 1)
	}
}

// The key is in topics and URLs, and in nothing that people read.
func TestAPIKeyIsNotShown(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	require.NoError(t, b.city.Away())
	<-c.Lost()
	texts := []error{c.Publish(t.Context(), batch(1, 1, 1)), c.Notify(t.Context(), []agent.Notice{{Kind: agent.NoticeClock}})}
	require.NoError(t, b.city.Back())
	b.Set(func(f *double.Faults) { f.NoAck = 1 })
	texts = append(texts, b.dial(t, nil).Publish(t.Context(), batch(1, 1, 1)))

	b = newBench(t, ways[2])
	c = b.dial(t, nil)
	b.Set(func(f *double.Faults) {
		f.South = []double.Answer{{Status: 404, Body: `{"name":"DEVICE_GROUP_NOT_FOUND","message":"no ` + apiKey + `"}`}, {Cut: true}}
		f.North = []double.Answer{{Status: 400, Body: "no " + apiKey}}
	})
	texts = append(texts, c.Publish(t.Context(), batch(1, 1, 1)), c.Publish(t.Context(), batch(1, 1, 1)),
		c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil))
	require.NoError(t, b.city.Away())
	texts = append(texts, c.Publish(t.Context(), batch(1, 1, 1)), c.Announce(t.Context(), thing, nil, nil))

	for _, err := range texts {
		require.Error(t, err)
		assert.NotContains(t, err.Error(), apiKey)
	}
	for _, key := range []string{"a/b", "a+", "#", "a b", "a&b", "k\x00"} {
		_, err := b.try(t.Context(), thing, func(s *fiware.Settings) { s.APIKeyFile = secret(t, key) })
		require.ErrorContains(t, err, "api_key_file")
		assert.Falsef(t, strings.HasSuffix(err.Error(), key), "%v", err)
	}
	_, err := b.try(t.Context(), thing, func(s *fiware.Settings) { s.APIKeyFile = "/nowhere/key" })
	assert.ErrorContains(t, err, "api_key_file")
	assert.False(t, errors.Is(err, nil))
}

// What the entity shows after an unknown outcome is not known either.
func TestDoubtAfterAnUnknownOutcome(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 1)))
	doubtful := one(2, air, 2, 20)
	doubtful.Quality = agent.Suspect
	b.Set(func(f *double.Faults) { f.Mute = true })
	unknown(t, c.Publish(t.Context(), of(1, doubtful)))
	b.Set(func(f *double.Faults) { f.Mute = false })

	require.NoError(t, c.Publish(t.Context(), batch(1, 3, 3)))

	assert.Equal(t, "good", b.Entity(roofAir)["quality"].Value)
}
