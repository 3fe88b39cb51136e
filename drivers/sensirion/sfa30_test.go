package sensirion

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSFA30(t *testing.T) {
	drivertest.Run[SFA30Settings](t, SFA30)
	drivertest.FlippedBits[SFA30Settings](t, SFA30)
	drivertest.Stuck(t, SFA30, 0x00)
	drivertest.Stuck(t, SFA30, 0xff)
	assert.Error(t, SFA30Settings{drivers.I2C{Address: 0x5c}}.Validate())
}

// Frames made with the scale factors of the datasheet, section 3.3.2.
func TestSFA30Observe(t *testing.T) {
	for name, tt := range map[string]struct {
		frame string
		want  map[agent.Property]float64
	}{
		"all values": {"00 7d 35 11 d7 88 12 52 2a", map[agent.Property]float64{
			agent.Formaldehyde: 25, agent.RelativeHumidity: 45.67, agent.AirTemperature: 23.45,
		}},
		"frost, and blind yet": {"00 00 81 11 d7 88 fb b4 f8", map[agent.Property]float64{
			agent.RelativeHumidity: 45.67, agent.AirTemperature: -5.5,
		}},
	} {
		got, err := observe(t, SFA30, sfa30Read, frame(t, tt.frame))
		require.NoError(t, err, name)
		same(t, tt.want, got)
	}
}

func TestSFA30Refuses(t *testing.T) {
	for name, tt := range map[string]struct {
		code  uint16
		frame string
		want  error
	}{
		"no value":           {sfa30Read, "7f ff 8f 11 d7 88 12 52 2a", drivers.ErrNoReading},
		"no temperature":     {sfa30Read, "00 7d 35 11 d7 88 7f ff 8f", drivers.ErrNoReading},
		"less than nothing":  {sfa30Read, "ff ff ac 11 d7 88 12 52 2a", drivers.ErrRange},
		"too humid":          {sfa30Read, "00 7d 35 27 11 00 12 52 2a", drivers.ErrRange},
		"too cold":           {sfa30Read, "00 7d 35 11 d7 88 e0 00 00", drivers.ErrRange},
		"nothing printed":    {sfa30Marking, "00 00 81", drivers.ErrIdentity},
		"no text printed":    {sfa30Marking, "30 01 00", drivers.ErrIdentity},
		"another's checksum": {sfa30Read, "00 7d 36", drivers.ErrChecksum},
	} {
		b := frame(t, tt.frame)
		for i := 0; i+3 <= len(b) && tt.want != drivers.ErrChecksum; i += 3 {
			b[i+2] = drivers.CRC8(b[i : i+2])
		}
		got, err := observe(t, SFA30, tt.code, b)
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

// What comes after a start is marked, nothing at all is told at first, and a part
// that lost power is started again.
func TestSFA30Starts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := SFA30Settings{drivers.I2C{Address: 0x5d}}
		simulateSFA30(host, settings)
		s, err := openSFA30(host, settings)
		require.NoError(t, err)
		quality := func() agent.Quality {
			t.Helper()
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 3)
			return got[0].Quality
		}
		time.Sleep(time.Second)
		assert.Equal(t, agent.WarmUp, quality())
		time.Sleep(2 * time.Minute)
		assert.Zero(t, quality())
		answering(host, sfa30Read, frame(t, "00 00 81 11 d7 88 12 52 2a"))
		assert.Zero(t, quality(), "clean air is a value")
		answering(host, sfa30Read, append([]byte{0x13, 0x8d, drivers.CRC8([]byte{0x13, 0x8d})}, frame(t, "11 d7 88 12 52 2a")...))
		assert.Equal(t, agent.OutOfRange, quality(), "1001 ppb")
		host.SetFault(nil)

		host.PowerCycle()
		time.Sleep(time.Second)
		got, err := s.Observe(t.Context(), nil)
		assert.Error(t, err)
		assert.Empty(t, got)
		assert.Equal(t, agent.WarmUp, quality())
	})
}

func FuzzSFA30Results(f *testing.F) {
	f.Add(uint16(125), uint16(4567), uint16(4690))
	f.Add(uint16(0xffff), uint16(0x7fff), uint16(0x8000))
	f.Fuzz(func(t *testing.T, a, b, c uint16) {
		got, err := sfa30Results(nil, [3]uint16{a, b, c}, time.Hour)
		if err != nil {
			assert.Empty(t, got)
			return
		}
		assert.Len(t, got, 3)
		assert.True(t, got[0].Value >= 0 && got[0].Value <= sfa30Absurd && got[1].Value >= 0 && got[1].Value <= 100)
		assert.True(t, got[2].Value >= -40 && got[2].Value <= 125)
	})
}
