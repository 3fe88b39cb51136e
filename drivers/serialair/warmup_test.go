package serialair

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No air is without particles of 0.3 µm: a part that says so does not measure, as
// in the first seconds after power-on.
func TestWithoutParticles(t *testing.T) {
	got, err := observe(t, pms, pmsWords(0))
	assert.ErrorIs(t, err, drivers.ErrNoReading)
	assert.Empty(t, got)
}

// None of the parts tells that it has just been switched on: what follows the first
// contact, or a silence, is marked as warm-up.
func TestWarmUp(t *testing.T) {
	for name, tt := range map[string]struct {
		open     opener
		warm     time.Duration
		simulate func(*sim.Host)
	}{
		"pmsx003": {pms, 30 * time.Second, func(h *sim.Host) { simulatePMSx003(h, PMSx003Settings{drivers.Serial{Port: device}}) }},
		"sds011":  {sds, 30 * time.Second, func(h *sim.Host) { simulateSDS011(h, SDS011Settings{drivers.Serial{Port: device}}) }},
		"mhz19":   {mhz, 3 * time.Minute, func(h *sim.Host) { simulateMHZ19(h, MHZ19Settings{drivers.Serial{Port: device}}) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := new(sim.Host)
				tt.simulate(host)
				s, err := tt.open(host)
				require.NoError(t, err)
				for range 2 {
					start := time.Now()
					for range 60 {
						got, err := s.Observe(t.Context(), nil)
						require.NoError(t, err)
						for _, r := range got {
							if warm := time.Since(start) < tt.warm; warm {
								require.Equal(t, agent.WarmUp, r.Quality, time.Since(start))
							} else if time.Since(start) > tt.warm+5*time.Second {
								require.Zero(t, r.Quality, time.Since(start))
							}
						}
						time.Sleep(4 * time.Second)
					}
					host.SetFault(func(sim.Op) error { return os.ErrDeadlineExceeded })
					_, err = s.Observe(t.Context(), nil)
					require.Error(t, err, "nothing is heard while the power is lost")
					host.SetFault(nil)
				}
			})
		})
	}
}
