package fiware_test

import (
	"context"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/agenttest"
)

// TestConformance runs the suite of all protocols on each way there is.
func TestConformance(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			agenttest.City(t, func(t *testing.T) agenttest.Platform {
				b := newBench(t, w)
				return agenttest.Platform{
					Dial:     func(ctx context.Context, thing agent.Thing) (agent.City, error) { return b.try(ctx, thing, nil) },
					Received: b.received, Away: b.city.Away, Back: b.city.Back,
				}
			})
		})
	}
}
