package sparkplug_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeath(t *testing.T) {
	r := connected(t)
	require.NoError(t, r.desk.Away())
	deaths := r.events("NDEATH")
	require.Len(t, deaths, 1)
	d := deaths[0]

	rule(t, "payloads-ndeath-will-message", func(t *testing.T) { assert.True(t, d.Will) })
	rule(t, "topics-ndeath-topic", func(t *testing.T) { assert.Equal(t, "spBv1.0/lamppost/NDEATH/lamp-042", d.Topic) })
	rule(t, "payloads-ndeath-will-message-qos", func(t *testing.T) { assert.EqualValues(t, 1, d.QoS) })
	rule(t, "payloads-ndeath-will-message-retain", func(t *testing.T) { assert.False(t, d.Retained) })
	rule(t, "payloads-ndeath-seq", func(t *testing.T) { assert.Equal(t, -1, d.Seq) })
	rule(t, "topics-ndeath-payload", func(t *testing.T) { assert.Len(t, d.Metrics, 1) })
	rule(t, "payloads-ndeath-bdseq", func(t *testing.T) {
		assert.Equal(t, find(t, r.events("NBIRTH")[0], "bdSeq").Value, find(t, d, "bdSeq").Value)
		assert.EqualValues(t, 4, d.Metrics[0].Datatype, "Int64")
	})
	assert.False(t, r.state().Online)
	<-r.city.Lost()
}

func TestClose(t *testing.T) {
	r := connected(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { _ = r.city.Publish(context.Background(), live(at(uint64(i+1), air, i, 1))) })
	}
	require.NoError(t, r.city.Close())
	wg.Wait()

	rule(t, "operational-behavior-edge-node-intentional-disconnect-ndeath", func(t *testing.T) {
		all := r.events("")
		require.NotEmpty(t, all)
		assert.Equal(t, "NDEATH", all[len(all)-1].Kind, "and nothing after it")
		assert.Len(t, r.events("NDEATH"), 1)
	})
	rule(t, "payloads-ndeath-will-message-publisher-disconnect-mqtt311", func(t *testing.T) {
		assert.False(t, r.events("NDEATH")[0].Will, "the node says it itself")
	})
	assert.False(t, r.state().Online)
	require.NoError(t, r.city.Close(), "twice")
}

func TestSessionNumber(t *testing.T) {
	r := newRig(t, sparkplug.Settings{})
	numbers := func() (all []any) {
		for _, b := range r.events("NBIRTH") {
			all = append(all, find(t, b, "bdSeq").Value)
		}
		return all
	}
	session := func() {
		r.connect()
		require.NoError(t, r.city.Announce(t.Context(), thing, all, nil))
		require.NoError(t, r.city.Close())
	}
	file := filepath.Join(r.target.Dir, "sparkplug-platform.bdseq")

	rule(t, "topics-nbirth-bdseq-increment", func(t *testing.T) {
		session()
		session()
		require.NoError(t, os.WriteFile(file, []byte("255\n"), 0o600))
		session()
		session()
		assert.Equal(t, []any{uint64(0), uint64(1), uint64(255), uint64(0)}, numbers())
		assert.Equal(t, 4, r.state().Deaths, "each death is known for that of its session")
	})
	t.Run("a damaged file", func(t *testing.T) {
		require.NoError(t, os.WriteFile(file, []byte("\x00\x00"), 0o600))
		r.forget()
		session()
		assert.Equal(t, []any{uint64(0)}, numbers())
	})
	t.Run("a broker that is away costs no number", func(t *testing.T) {
		require.NoError(t, r.desk.Away())
		_, err := r.dial(t.Context(), r.target)
		require.Error(t, err)
		require.NoError(t, r.desk.Back())
		r.forget()
		session()
		assert.Equal(t, []any{uint64(1)}, numbers())
	})
	t.Run("a directory that cannot be written", func(t *testing.T) {
		r.target.Dir = filepath.Join(r.target.Dir, "none")
		r.forget()
		_, err := r.dial(t.Context(), r.target)
		require.ErrorContains(t, err, "number of the next session")
		assert.Empty(t, r.events(""), "who never said he is there does not say he is gone")
	})
	t.Run("a directory that cannot be read", func(t *testing.T) {
		r.target.Dir, r.target.City = t.TempDir(), "x"
		require.NoError(t, os.Mkdir(filepath.Join(r.target.Dir, "sparkplug-x.bdseq"), 0o700))
		_, err := r.dial(t.Context(), r.target)
		require.ErrorContains(t, err, "read the number of the session")
	})
}

func TestRebirth(t *testing.T) {
	r := connected(t)
	r.publish(live(at(1, air, 1, 1)))
	r.forget()
	require.NoError(t, r.host.Ask("lamppost", "lamp-042"))
	r.eventually(func() bool { return len(r.events("DBIRTH")) == 3 }, "births come again")
	r.publish(live(at(2, air, 2, 2)))

	rule(t, "operational-behavior-data-commands-rebirth-action-2", func(t *testing.T) {
		var kinds []string
		for _, e := range r.events("") {
			kinds = append(kinds, e.Kind)
		}
		assert.Equal(t, []string{"NBIRTH", "DBIRTH", "DBIRTH", "DBIRTH", "DDATA"}, kinds)
	})
	rule(t, "operational-behavior-data-commands-rebirth-action-3", func(t *testing.T) {
		assert.EqualValues(t, 0, find(t, r.events("NBIRTH")[0], "bdSeq").Value, "the same")
	})
	rule(t, "payloads-sequence-num-zero-nbirth", func(t *testing.T) { r.inOrder() })
	assert.Zero(t, r.state().Gaps)
}

// Rebirths in the middle of what is sent leave no data without a birth.
func TestRebirthDuringData(t *testing.T) {
	r := connected(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				n := i*50 + j
				assert.NoError(t, r.city.Publish(t.Context(), live(at(uint64(2*n+1), air, n, 1), at(uint64(2*n+2), pulses, n, 1))))
				if n%40 == 0 {
					assert.NoError(t, r.host.Ask("lamppost", "lamp-042"))
				}
			}
		})
	}
	wg.Wait()
	assert.Len(t, received(r.desk, 7), 800)
	assert.Zero(t, r.state().Gaps)
	assert.Zero(t, r.state().Unknown)
	r.inOrder()
}

// A message that got lost behind the broker is lost: no host acknowledges. It
// leaves a gap, and the host asks for the births.
func TestGap(t *testing.T) {
	rule(t, "operational-behavior-host-reordering-rebirth", func(t *testing.T) {
		r := connected(t)
		r.host.Lose(1)
		r.publish(live(at(1, air, 1, 1)))
		r.publish(live(at(2, air, 2, 2)))
		r.eventually(func() bool { return r.state().Births == 2 }, "the births come again")
		r.publish(live(at(3, air, 3, 3)))
		assert.Equal(t, 1, r.state().Gaps)
		assert.Equal(t, []uint64{2, 3}, received(r.desk, 7), "what sent means")
	})
}

func TestHostThatWasRestarted(t *testing.T) {
	r := connected(t)
	r.publish(live(at(1, air, 1, 1)))
	store := filepath.Join(t.TempDir(), "store")
	r.desk = openDesk(t, r.host.Platform(), store)
	r.dial = dialer(t, r.desk, sparkplug.Settings{})
	r.connect()
	require.NoError(t, r.city.Announce(t.Context(), thing, all, nil))
	r.publish(live(at(2, air, 2, 2)))
	require.NoError(t, r.desk.Close())

	again := newRig(t, sparkplug.Settings{})
	again.desk = openDesk(t, again.host.Platform(), store)
	assert.Equal(t, []uint64{2}, received(again.desk, 7))
	assert.True(t, again.state().Online, "it knows the births")
}

func TestPrimaryHost(t *testing.T) {
	r := newRig(t, sparkplug.Settings{PrimaryHost: "scada"})
	short := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := r.dial(ctx, r.target)
		return err
	}
	begin := time.Now()

	rule(t, "message-flow-edge-node-birth-publish-phid-wait", func(t *testing.T) {
		require.ErrorContains(t, short(), "not online")
		assert.Empty(t, r.events(""), "nothing is published")
	})
	rule(t, "message-flow-edge-node-birth-publish-phid-wait-id", func(t *testing.T) {
		require.NoError(t, r.desk.Publish("spBv1.0/STATE/other", []byte(`{"online":true,"timestamp":1}`), true))
		require.ErrorContains(t, short(), `"scada"`)
	})
	rule(t, "message-flow-edge-node-birth-publish-phid-wait-online", func(t *testing.T) {
		require.NoError(t, r.host.Online(false, begin))
		require.Error(t, short())
		assert.Empty(t, r.events(""))
	})
	for name, text := range map[string]string{
		"no JSON": "ONLINE", "no timestamp": `{"online":true}`, "no word": `{"timestamp":9999999999999}`, "a text": `{"online":true,"timestamp":"1"}`,
	} {
		t.Run("a STATE that is none: "+name, func(t *testing.T) {
			require.NoError(t, r.desk.Publish("spBv1.0/STATE/scada", []byte(text), true))
			require.Error(t, short())
		})
	}
	require.NoError(t, r.host.Online(true, begin.Add(time.Second)))
	r.connect()
	require.NoError(t, r.city.Announce(t.Context(), thing, all, nil))
	r.publish(live(at(1, air, 1, 1)))
	assert.Equal(t, []uint64{1}, received(r.desk, 7))

	rule(t, "operational-behavior-edge-node-termination-host-offline-timestamp", func(t *testing.T) {
		require.NoError(t, r.host.Online(false, begin.Add(500*time.Millisecond)))
		require.NoError(t, r.host.Online(true, begin.Add(2*time.Second)))
		r.publish(live(at(2, air, 2, 2)))
		assert.True(t, r.state().Online, "an older word counts for nothing")
	})
	rule(t, "operational-behavior-edge-node-termination-host-offline", func(t *testing.T) {
		require.NoError(t, r.host.Online(false, begin.Add(2*time.Second)))
		select {
		case <-r.city.Lost():
		case <-time.After(5 * time.Second):
			t.Fatal("the connection ends")
		}
		assert.Len(t, r.events("NDEATH"), 1)
		assert.False(t, r.events("NDEATH")[0].Will)
		assert.Error(t, r.city.Publish(t.Context(), live(at(3, air, 3, 3))))
	})
	rule(t, "operational-behavior-edge-node-termination-host-offline-reconnect", func(t *testing.T) {
		require.NoError(t, r.host.Online(true, begin.Add(3*time.Second)))
		r.connect()
		require.NoError(t, r.city.Announce(t.Context(), thing, all, nil))
		r.publish(late(at(3, air, 3, 3)))
		assert.Equal(t, []uint64{1, 2, 3}, received(r.desk, 7))
	})
}

// What was sent is not acknowledged when the host was gone by then: it comes
// again.
func TestPrimaryHostThatLeavesUnseen(t *testing.T) {
	r := newRig(t, sparkplug.Settings{PrimaryHost: "scada"})
	require.NoError(t, r.host.Online(true, noon))
	r.connect()
	require.NoError(t, r.city.Announce(t.Context(), thing, all, nil))

	errs := make(chan error, 100)
	go func() {
		for i := range 100 {
			errs <- r.city.Publish(context.Background(), live(at(uint64(i+1), air, i, 1)))
		}
		close(errs)
	}()
	require.NoError(t, <-errs)
	require.NoError(t, r.host.Online(false, noon))
	failed := 0
	for err := range errs {
		if err != nil {
			failed++
		}
	}
	assert.Positive(t, failed)
	<-r.city.Lost()
}
