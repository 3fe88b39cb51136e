package sensirion

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
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

func withCounts(s any) { s.(*SPS30Settings).Counts = true }

func TestSPS30(t *testing.T) {
	drivertest.Run[SPS30Settings](t, SPS30)
	t.Run("Counts", func(t *testing.T) {
		drivertest.Run(t, SPS30, func(s *SPS30Settings) { s.Counts = true })
	})
	drivertest.FlippedBits[SPS30Settings](t, SPS30)
	drivertest.Stuck(t, SPS30, 0x00)
	drivertest.Stuck(t, SPS30, 0xff)
}

// sps30Example is a frame whose numbers have few digits.
const sps30Example = "41 28 c3 00 00 81 41 44 05 00 00 81 41 50 82 00 00 81 41 58 3b 00 00 81" +
	"42 70 29 00 00 81 42 8e b4 00 00 81 42 91 d9 00 00 81 42 91 d9 80 00 a2 42 92 8a 00 00 81 3f 20 2c 00 00 81"

func TestSPS30Observe(t *testing.T) {
	want := map[agent.Property]float64{agent.PM1: 10.5, agent.PM25: 12.25, agent.PM4: 13, agent.PM10: 13.5}
	got, err := observe(t, SPS30, sps30Read, frame(t, sps30Example))
	require.NoError(t, err)
	same(t, want, got)
	for _, r := range got {
		assert.Equal(t, agent.WarmUp, r.Quality, "it was started only now")
	}

	want[agent.Particles05], want[agent.Particles1], want[agent.Particles25] = 60, 71, 72.5
	want[agent.Particles4], want[agent.Particles10], want[agent.TypicalParticleSize] = 72.75, 73, 0.625
	got, err = observe(t, SPS30, sps30Read, frame(t, sps30Example), withCounts)
	require.NoError(t, err)
	same(t, want, got)
}

func TestSPS30Vectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "sps30.json") {
		got, err := observe(t, SPS30, sps30Read, frame(t, v.Calls[0].R), withCounts)
		switch v.ID {
		case "sps30-not-started":
			assert.ErrorIs(t, err, drivers.ErrNoReading)
			assert.Empty(t, got)
		case "sps30-worn-out":
			require.NoError(t, err)
			require.Len(t, got, 10)
			for _, r := range got {
				assert.NotZero(t, r.Quality&agent.Suspect, r.Property.Name)
			}
			assert.InDelta(t, 1.63, got[9].Value, 1e-6)
			assert.False(t, math.Signbit(got[4].Value), "0 and not -0")
		default:
			t.Errorf("vector %s is not known here", v.ID)
		}
	}
}

// The frames of a real part on a serial line, whose ten numbers are the same as on
// I2C, where a checksum follows each word.
func TestSPS30RecordedFrames(t *testing.T) {
	var file struct {
		Frames []struct {
			Sensor, Frame string
			Expect        map[string]float64
		}
	}
	require.NoError(t, json.Unmarshal(drivertest.Data(t, "serial/frames.json"), &file))
	names := []string{"pm01", "pm25", "pm04", "pm10", "n0_5", "n1_0", "n2_5", "n4_0", "n10_0", "diam"}
	tried := 0
	for _, f := range file.Frames {
		if f.Sensor != "SPS30" {
			continue
		}
		tried++
		raw, err := hex.DecodeString(f.Frame)
		require.NoError(t, err)
		var b []byte
		for _, x := range [][2]string{{"\x7d\x5e", "\x7e"}, {"\x7d\x31", "\x11"}, {"\x7d\x33", "\x13"}, {"\x7d\x5d", "\x7d"}} {
			raw = bytes.ReplaceAll(raw, []byte(x[0]), []byte(x[1])) // SHDLC, byte stuffing
		}
		for i := 5; i < 45; i += 2 {
			b = append(b, raw[i], raw[i+1], drivers.CRC8(raw[i:i+2]))
		}

		got, err := observe(t, SPS30, sps30Read, b, withCounts)

		require.NoError(t, err, f.Frame)
		require.Len(t, got, len(names))
		for i, name := range names {
			assert.InDelta(t, f.Expect[name], got[i].Value, 0.051, "%s: %s", name, f.Frame)
		}
	}
	assert.Equal(t, 10, tried)
}

func TestSPS30Status(t *testing.T) {
	tests := []struct {
		name, status string
		want         agent.Quality
	}{
		{"all well", "00 00 81 00 00 81", 0},
		{"fan stuck", "00 00 81 00 10 c2", agent.Degraded},
		{"fan speed", "00 20 07 00 00 81", agent.Degraded},
		{"laser", "00 00 81 00 20 07", agent.Degraded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, SPS30, particleStatus, frame(t, tt.status))

			require.NoError(t, err)
			for _, r := range got {
				assert.Equal(t, tt.want|agent.WarmUp, r.Quality)
			}
		})
	}
}

func TestSPS30Refuses(t *testing.T) {
	tests := []struct {
		name  string
		code  uint16
		frame string
		want  error
	}{
		{"another part", sps30Type, "53 45 83 4e 35 55 35 00 44 00 00 81", drivers.ErrIdentity},
		{"not a number", sps30Read, "7f ff 8f" + sps30Example[8:], drivers.ErrRange},
		{"less than nothing", sps30Read, "ff 00 dd" + sps30Example[8:], drivers.ErrRange},
		{"never ready", particleReady, "00 00 81", drivers.ErrNotReady},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := frame(t, tt.frame)
			b[2] = drivers.CRC8(b[:2])

			got, err := observe(t, SPS30, tt.code, b)

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

// TestParticleWarmUp checks that the first half minute after each start is
// marked, and no more.
func TestParticleWarmUp(t *testing.T) {
	for _, d := range []drivers.Driver{SPS30, SEN5x} {
		t.Run(d.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := d.Configure(func(any) error { return nil })
				require.NoError(t, err)
				host := new(sim.Host)
				s, err := c.Open(host)
				require.NoError(t, err)
				quality := func() agent.Quality {
					got, err := s.Observe(t.Context(), nil)
					require.NoError(t, err)
					return got[0].Quality
				}

				assert.Equal(t, agent.WarmUp, quality())
				time.Sleep(20 * time.Second)
				assert.Equal(t, agent.WarmUp, quality())
				time.Sleep(10 * time.Second)
				assert.Zero(t, quality())
				host.PowerCycle()
				time.Sleep(time.Minute)
				got, err := s.Observe(t.Context(), nil)
				assert.Error(t, err, "it lost power")
				assert.Empty(t, got)
				assert.Equal(t, agent.WarmUp, quality(), "and was started again")
			})
		})
	}
}

func TestParticlesAboveTheRange(t *testing.T) {
	r, err := particleResult(agent.PM10, 1000.1, particleMost, agent.WarmUp)
	require.NoError(t, err)
	assert.Equal(t, agent.WarmUp|agent.OutOfRange, r.Quality)

	r, err = particleResult(agent.PM10, 1000, particleMost, 0)
	require.NoError(t, err)
	assert.Zero(t, r.Quality)

	_, err = particleResult(agent.PM10, 65536, particleMost, 0)
	assert.ErrorIs(t, err, drivers.ErrRange)
}

func TestParticleAddress(t *testing.T) {
	assert.NoError(t, SPS30Settings{I2C: drivers.I2C{Address: 0x69}}.Validate())
	assert.Error(t, SPS30Settings{I2C: drivers.I2C{Address: 0x68}}.Validate())
}
