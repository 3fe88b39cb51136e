package sensirion

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// trouble is what goes wrong with a part that measures.
type trouble struct {
	silent time.Time // until then it has no value
	broken error     // what each transaction ends with
	garble int       // so many answers have a wrong bit
	resets int
}

func (x *trouble) fault(asked *uint16) sim.Fault {
	return func(op sim.Op) error {
		if x.broken != nil {
			return x.broken
		}
		if len(op.W) >= 2 {
			*asked = binary.BigEndian.Uint16(op.W)
			if *asked == particleReset {
				x.resets++
			}
		}
		switch {
		case len(op.R) == 0:
		case *asked == particleReady && time.Now().Before(x.silent):
			copy(op.R, []byte{0, 0, 0x81})
		case *asked == particleReady || *asked == particleStatus:
		case x.garble > 0:
			x.garble--
			op.R[0] ^= 1
		}
		return op.Err
	}
}

// A part that measures is started again only where that helps: it would end the
// cleaning of its fan, and forget what it knows of the air.
func TestPartsThatMeasureAreLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		begin  func(*trouble)
		end    func(*trouble)
		resets int
		lost   int // readings
	}{
		"nothing":        {func(*trouble) {}, func(*trouble) {}, 0, 0},
		"fan cleaning":   {func(x *trouble) { x.silent = time.Now().Add(11 * time.Second) }, func(*trouble) {}, 0, 1},
		"a wrong bit":    {func(x *trouble) { x.garble = 1 }, func(*trouble) {}, 0, 1},
		"only wrong":     {func(x *trouble) { x.garble = 2 }, func(*trouble) {}, 1, 2},
		"a bus that was": {func(x *trouble) { x.broken = errors.New("broken") }, func(x *trouble) { x.broken = nil }, 0, 3},
	} {
		for _, d := range []drivers.Driver{SPS30, SEN5x, SEN66} {
			t.Run(d.Name+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, err := d.Configure(func(any) error { return nil })
					require.NoError(t, err)
					host := new(sim.Host)
					var x trouble
					host.SetFault(x.fault(new(uint16)))
					s, err := c.Open(host)
					require.NoError(t, err)
					_, err = s.Observe(t.Context(), nil)
					require.NoError(t, err)
					assert.Zero(t, x.resets, "another program left it measuring")
					time.Sleep(time.Minute)

					tt.begin(&x)
					var got []agent.Result
					lost := 0
					for ; lost < 10; lost++ {
						if got, err = s.Observe(t.Context(), nil); err == nil {
							break
						}
						time.Sleep(time.Second << lost)
						if lost == 2 {
							tt.end(&x)
						}
					}

					require.NoError(t, err)
					assert.Equal(t, tt.lost, lost)
					assert.Equal(t, tt.resets, x.resets)
					if tt.resets == 0 {
						assert.Zero(t, got[0].Quality, "its fan never stood")
					} else {
						assert.Equal(t, agent.WarmUp, got[0].Quality)
					}
				})
			})
		}
	}
}

// A fault that is over is told once: until it is cleared, the status keeps it.
func TestFaultsAreOver(t *testing.T) {
	for _, d := range []drivers.Driver{SPS30, SEN5x} {
		synctest.Test(t, func(t *testing.T) {
			c, err := d.Configure(func(any) error { return nil })
			require.NoError(t, err)
			host := new(sim.Host)
			s, err := c.Open(host)
			require.NoError(t, err)
			stuck := true // the fan was, and the part has not forgotten it
			var asked uint16
			host.SetFault(func(op sim.Op) error {
				if len(op.W) >= 2 {
					asked = binary.BigEndian.Uint16(op.W)
				}
				stuck = stuck && asked != particleClear
				if stuck && asked == particleStatus && len(op.R) > 0 {
					copy(op.R, []byte{0x00, 0x00, 0x81, 0x00, 0x10, 0xc2})
				}
				return op.Err
			})
			for _, want := range []agent.Quality{agent.Degraded, 0} {
				time.Sleep(time.Minute)
				got, err := s.Observe(t.Context(), nil)
				require.NoError(t, err)
				assert.Equal(t, want, got[0].Quality&agent.Degraded, "%s: %v", d.Name, got[0])
			}
		})
	}
}

// The indices know the air of the place only after a while.
func TestSEN5xLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		c, err := SEN5x.Configure(func(s any) error { s.(*SEN5xSettings).Model = "sen55"; return nil })
		require.NoError(t, err)
		s, err := c.Open(host)
		require.NoError(t, err)
		for _, tt := range []struct {
			after    time.Duration
			voc, nox agent.Quality
		}{{time.Minute, agent.WarmUp, agent.WarmUp}, {time.Hour, 0, agent.WarmUp}, {5 * time.Hour, 0, 0}} {
			time.Sleep(tt.after)
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 8)
			assert.Equal(t, tt.voc, got[6].Quality, "VOC after %v more", tt.after)
			assert.Equal(t, tt.nox, got[7].Quality, "NOx after %v more", tt.after)
		}
	})
}
