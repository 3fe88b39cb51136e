package sensirion

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestSGP4x(t *testing.T) {
	for _, d := range []drivers.Driver{SGP40, SGP41} {
		t.Run(d.Name, func(t *testing.T) {
			drivertest.Run[SGP4xSettings](t, d)
			drivertest.FlippedBits[SGP4xSettings](t, d)
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
}

// The whole conversation with an SGP41, with the frames of the datasheet.
func TestSGP41Observe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x59, W: []byte{0x20, 0x2f}},
			{Addr: 0x59, R: []byte{0x32, 0x40, 0xd7}},
			{Addr: 0x59, W: []byte{0x26, 0x12, 0x80, 0x00, 0xa2, 0x66, 0x66, 0x93}},
			{Addr: 0x59, W: []byte{0x26, 0x19, 0x80, 0x00, 0xa2, 0x66, 0x66, 0x93}},
			{Addr: 0x59, R: []byte{0x75, 0x30, 0x08, 0x3e, 0x80, 0x24}},
			{Addr: 0x59, W: []byte{0x36, 0x15}},
		}}
		s := &sgp4x{device: device{Dev: i2cbus.New("1", bus).Dev(0x59)}, nox: true}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		assert.Equal(t, []agent.Result{{Property: agent.VOCRaw, Value: 30000}, {Property: agent.NOxRaw, Value: 16000}}, got)
		assert.NoError(t, s.Close())
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

// The pixel for nitrogen oxides is damaged by more than 10 s of conditioning,
// which goes on until the part is told something else: however a reading ends, the
// heater is off or the part measures.
func TestSGP41EndsConditioning(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		patience time.Duration // of the caller
		fails    uint16        // a command that does not arrive
	}{
		"given up at once":           {20 * time.Millisecond, 0}, // the part is busy
		"given up in the middle":     {4 * time.Second, 0},
		"the measurement is refused": {10 * time.Second, sgp41Measure},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := SGP41.Configure(func(any) error { return nil })
				require.NoError(t, err)
				host := new(sim.Host)
				s, err := c.Open(host)
				require.NoError(t, err)
				var last uint16
				host.SetFault(func(op sim.Op) error {
					if len(op.W) < 2 || op.Err != nil {
						return op.Err
					}
					code := binary.BigEndian.Uint16(op.W)
					if code == tt.fails {
						return broken
					}
					last = code
					return nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
				defer cancel()

				_, err = s.Observe(ctx, nil)

				require.Error(t, err)
				if tt.patience > time.Second {
					assert.EqualValues(t, sgp4xHeaterOff, last, "at once: the agent may leave it alone for minutes")
				}
				require.NoError(t, s.Close())
				assert.EqualValues(t, sgp4xHeaterOff, last)
			})
		})
	}
}

func TestSGP4xRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		driver drivers.Driver
		code   uint16
		frame  string
		want   error
	}{
		"an SGP41 for an SGP40": {SGP40, sgp4xFeatures, "32 40 d7", drivers.ErrIdentity},
		"an SGP40 for an SGP41": {SGP41, sgp4xFeatures, "32 20 6c", drivers.ErrIdentity},
		"no signal":             {SGP40, sgp40Measure, "00 00 81", drivers.ErrNoReading},
		"no signal of NOx":      {SGP41, sgp41Measure, "75 30 08 ff ff ac", drivers.ErrNoReading},
		"wrong bit":             {SGP41, sgp41Measure, "75 30 08 3e 81 24", drivers.ErrChecksum},
	} {
		got, err := observe(t, tt.driver, tt.code, frame(t, tt.frame))
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
	assert.NoError(t, SGP4xSettings{drivers.I2C{Address: 0x59}}.Validate())
	assert.Error(t, SGP4xSettings{drivers.I2C{Address: 0x58}}.Validate(), "that of an SGP30")
}
