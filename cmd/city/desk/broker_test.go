package desk_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
)

func TestAwayAndBack(t *testing.T) {
	c := open(t, desk.Options{})
	g := connected(t, c)
	silent, err := net.Dial("tcp", c.Addr()) // says nothing and must not hold the city up
	require.NoError(t, err)
	defer silent.Close()
	require.NoError(t, g.Publish(t.Context(), batch(desk.Range{From: 1, To: 5})))
	address := c.Addr()

	require.NoError(t, c.Away())
	require.NoError(t, c.Away(), "twice")

	select {
	case <-g.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway was not cut off")
	}
	require.Error(t, g.Publish(t.Context(), batch(desk.Range{From: 6, To: 6})))
	_, err = gateway(t, c, nil)
	require.ErrorContains(t, err, "connection refused")

	require.NoError(t, c.Back())
	require.NoError(t, c.Back(), "twice")

	assert.Equal(t, address, c.Addr())
	require.NoError(t, connected(t, c).Publish(t.Context(), batch(desk.Range{From: 5, To: 9})))
	assert.EqualValues(t, 9, c.Received("lamp-042").Distinct)
	assert.EqualValues(t, 1, c.Received("lamp-042").Duplicates)
	require.NoError(t, c.Close())
	assert.Error(t, c.Back())
}

// Every acknowledged batch is counted and every counted one that was not
// acknowledged comes again: the witness must not be the one that loses.
func TestAcknowledgedIsCountedWhileTheCityComesAndGoes(t *testing.T) {
	c := open(t, desk.Options{Store: filepath.Join(t.TempDir(), "store")})
	const batches, size = 100, 20
	var acked atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		var g agent.City
		for i := uint64(0); i < batches && ctx.Err() == nil; {
			if g == nil {
				if g, _ = gateway(t, c, nil); g == nil {
					continue
				}
			}
			if g.Publish(ctx, batch(desk.Range{From: i*size + 1, To: (i + 1) * size})) != nil {
				g.Close()
				g = nil
				continue
			}
			i++
			acked.Store(int64(i * size))
			if got := c.Received("lamp-042").Distinct; got < i*size {
				assert.Failf(t, "acknowledged and not counted", "%d of %d", got, i*size)
			}
		}
		g.Close()
	})
	for acked.Load() < batches*size && ctx.Err() == nil {
		require.NoError(t, c.Away())
		require.NoError(t, c.Back())
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	assert.Equal(t, []desk.Range{{From: 1, To: batches * size}}, c.Received("lamp-042").Epochs[epoch.String()])
}

// A platform may acknowledge what it did not take, and end the connection.
func TestAcknowledgedAndEnded(t *testing.T) {
	platform := desk.Platform{Name: "test", Open: func(*desk.Book) (desk.Receiver, http.Handler, error) {
		return func(desk.Message) error { return desk.ErrAckAndEnd }, nil, nil
	}}
	c := open(t, desk.Options{Platform: platform})
	link, err := mqttlink.Connect(t.Context(), mqttlink.Settings{URL: "mqtt://" + c.Addr()}, mqttlink.Options{
		ClientID: "lamp", Subscriptions: []mqttlink.Subscription{{Topic: "a", Receive: func(string, []byte) {}}},
	})
	require.NoError(t, err)
	defer link.Close()

	if err := link.Publish(t.Context(), "b", []byte("c"), false); err == nil { // the end may be seen before
		assert.Error(t, link.Confirm(t.Context()), "the acknowledgement was none")
	}

	<-link.Lost()
}

func BenchmarkDrain(b *testing.B) {
	const size, inFlight = 800, 16
	c := open(b, desk.Options{Store: filepath.Join(b.TempDir(), "store")})
	g := connected(b, c)
	batches := make(chan agent.Batch)
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for next := range batches {
				if err := g.Publish(b.Context(), next); err != nil {
					b.Error(err)
				}
			}
		})
	}
	one := batch(desk.Range{From: 1, To: size}).Observations
	b.ResetTimer()
	for i := range b.N {
		obs := append([]agent.Observation(nil), one...)
		for j := range obs {
			obs[j].Seq += uint64(i) * size
		}
		batches <- agent.Batch{Epoch: epoch, Observations: obs}
	}
	close(batches)
	wg.Wait()
	b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "obs/s")
	if got, want := fmt.Sprint(c.Received("lamp-042").Epochs), fmt.Sprint(map[string][]desk.Range{epoch.String(): {{From: 1, To: uint64(b.N) * size}}}); got != want {
		b.Fatalf("got %s, want %s", got, want)
	}
}
