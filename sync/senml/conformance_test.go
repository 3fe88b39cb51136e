package senml_test

import (
	"context"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/agenttest"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/stretchr/testify/require"
)

// TestConformance runs the suite of all protocols against a city on the desk.
func TestConformance(t *testing.T) {
	agenttest.City(t, func(t *testing.T) agenttest.Platform {
		city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0"})
		require.NoError(t, err)
		t.Cleanup(func() { city.Close() })
		p, err := senml.Protocol.Configure(func(into any) error {
			into.(*senml.Settings).URL = "mqtt://" + city.Addr()
			return nil
		})
		require.NoError(t, err)
		return agenttest.Platform{
			Dial: func(ctx context.Context, thing agent.Thing) (agent.City, error) {
				return p.Dial(ctx, uplink.Target{Thing: thing})
			}, Away: city.Away, Back: city.Back,
			Received: func(epoch agent.Epoch) (all []uint64) {
				for _, r := range city.Received("lamp-042").Epochs[epoch.String()] {
					for s := r.From; s <= r.To; s++ {
						all = append(all, s)
					}
				}
				return all
			},
		}
	})
}
