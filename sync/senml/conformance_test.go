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
	for _, tt := range []struct {
		name                string
		http                bool
		format, compression string
	}{
		{"MQTT", false, "json", "none"},
		{"MQTT, CBOR, zstd", false, "cbor", "zstd"},
		{"HTTP", true, "json", "none"},
		{"HTTP, CBOR, gzip", true, "cbor", "gzip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			agenttest.City(t, func(t *testing.T) agenttest.Platform {
				city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0"})
				require.NoError(t, err)
				t.Cleanup(func() { city.Close() })
				p, err := senml.Protocol.Configure(func(into any) error {
					s := into.(*senml.Settings)
					s.URL, s.Format, s.Compression = "mqtt://"+city.Addr(), tt.format, tt.compression
					if tt.http {
						s.URL = "http://" + city.HTTPAddr()
					}
					return nil
				})
				require.NoError(t, err)
				return agenttest.Platform{
					Dial: func(ctx context.Context, thing agent.Thing) (agent.City, error) {
						return p.Dial(ctx, uplink.Target{Thing: thing, Ack: p.Acks[0]})
					},
					Away: city.Away, Back: city.Back,
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
		})
	}
}
