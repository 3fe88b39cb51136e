package sensorthings_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/faults"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Whatever the platform answers, in the end its books close.
func TestBooksClose(t *testing.T) {
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			d := open(t, o, "")
			b, err := buffer.Open(buffer.Options{Dir: t.TempDir(), Thing: thing.ID, MinFree: 1, Cities: []buffer.City{{Name: "city"}}, Log: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			defer b.Close()
			up := &uplink.Uplink{
				Queue: b.Cursor("city"), Target: uplink.Target{Thing: thing, Log: slog.New(slog.DiscardHandler)},
				Dial:  func(ctx context.Context, target uplink.Target) (agent.City, error) { return d.dial(ctx, target.Thing) },
				Limit: 50, MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond,
			}
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { up.Run(ctx) })
			defer wg.Wait()
			defer stop()

			const rounds, each = 60, 3
			for i := range rounds {
				for _, ds := range []*agent.Datastream{air, rh, door} {
					ds, err := b.Datastream(*ds)
					require.NoError(t, err)
					require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: when.Add(time.Duration(i) * time.Second), Value: float64(i % 2)}}))
				}
				d.faults.Add(1, misfortune())
				time.Sleep(time.Millisecond) // else it is all one batch
			}
			d.faults.Clear()
			require.Eventually(t, func() bool { return d.city.Received(thing.ID).Distinct == rounds*each }, 20*time.Second, 10*time.Millisecond)
			assert.Eventually(t, func() bool { return b.Stats().Cities[0].Waiting == 0 }, 20*time.Second, 10*time.Millisecond)
			stop()
			wg.Wait()
			books := d.city.Books(thing.ID)
			require.Len(t, books.Epochs, 1)
			assert.True(t, books.Closed, books.Epochs[0].Verdict)
			assert.EqualValues(t, rounds*each, books.Epochs[0].AcceptedTo)
			assert.Zero(t, books.Epochs[0].Duplicates, "what is there is asked for before it is sent again")
		})
	}
}

// misfortune is what a test need not wait long for.
func misfortune() faults.Fault {
	all := []faults.Fault{
		{Method: "POST", Drop: true},
		{Method: "POST", Drop: true, After: true},
		{Status: 500},
		{Status: 429},
		{Method: "POST", Status: 504, After: true},
		{Delay: time.Millisecond},
		{Path: rows, Status: 201, After: true, Body: "[]"},
	}
	return all[rand.N(len(all))]
}
