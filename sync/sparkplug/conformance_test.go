package sparkplug_test

import (
	"context"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/agenttest"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/sparkplug"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/require"
)

// TestConformance runs the suite of all protocols against a host on the desk.
func TestConformance(t *testing.T) {
	agenttest.City(t, func(t *testing.T) agenttest.Platform {
		city := openDesk(t, double.Platform, "")
		dial := dialer(t, city, sparkplug.Settings{})
		return agenttest.Platform{
			Dial: func(ctx context.Context, thing agent.Thing) (agent.City, error) {
				return dial(ctx, uplink.Target{Thing: thing})
			},
			Away: city.Away, Back: city.Back,
			Received: func(epoch agent.Epoch) []uint64 { return received(city, epoch) },
		}
	})
}

// openDesk opens a city until the test ends.
func openDesk(t *testing.T, p desk.Platform, store string) *desk.City {
	t.Helper()
	city, err := desk.Open(desk.Options{Platform: p, Listen: "127.0.0.1:0", Store: store})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	return city
}

// dialer configures the protocol for a city on the desk; what settings name
// takes the place of the defaults.
func dialer(t *testing.T, city *desk.City, settings sparkplug.Settings) uplink.Dial {
	t.Helper()
	p, err := sparkplug.Protocol.Configure(func(into any) error {
		s := into.(*sparkplug.Settings)
		s.URL, s.Node, s.PrimaryHost, s.Datatypes = city.URL(), settings.Node, settings.PrimaryHost, settings.Datatypes
		return nil
	})
	require.NoError(t, err)
	return p.Dial
}

func received(city *desk.City, epoch agent.Epoch) (all []uint64) {
	for _, r := range city.Received("lamp-042").Epochs[epoch.String()] {
		for s := r.From; s <= r.To; s++ {
			all = append(all, s)
		}
	}
	return all
}
