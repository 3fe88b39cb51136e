package serialair

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
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

func TestPMSA003I(t *testing.T) {
	drivertest.Run[PMSA003ISettings](t, PMSA003I)
	drivertest.FlippedBits[PMSA003ISettings](t, PMSA003I)
	drivertest.Stuck(t, PMSA003I, 0x00)
	drivertest.Stuck(t, PMSA003I, 0xff)
	assert.Error(t, PMSA003ISettings{drivers.I2C{Address: 0x13}}.Validate())
}

// pmsaExample is a frame with the layout of the manual, appendix I.
const pmsaExample = "424d001c00050008000a00050008000a03840104002800040001000097000229"

// pmsaWith is the example with some bytes changed and the sum put right.
func pmsaWith(t testing.TB, change map[int]byte) []byte {
	b, err := hex.DecodeString(pmsaExample)
	require.NoError(t, err)
	for i, x := range change {
		b[i] = x
	}
	var sum uint16
	for _, x := range b[:30] {
		sum += uint16(x)
	}
	b[30], b[31] = byte(sum>>8), byte(sum)
	return b
}

func TestPMSAFrame(t *testing.T) {
	for name, tt := range map[string]struct {
		b    []byte
		q    agent.Quality
		want error
	}{
		"manual":             {pmsaWith(t, nil), 0, nil},
		"a fault":            {pmsaWith(t, map[int]byte{29: 3}), agent.Degraded, nil},
		"not one particle":   {pmsaWith(t, map[int]byte{16: 0, 17: 0}), 0, drivers.ErrNoReading},
		"frame of a PMS3003": {pmsaWith(t, map[int]byte{3: 20}), 0, drivers.ErrIdentity},
		"no frame":           {pmsaWith(t, map[int]byte{0: 0x43}), 0, drivers.ErrChecksum},
		"too much":           {pmsaWith(t, map[int]byte{10: 0x20}), 0, drivers.ErrRange},
		"half of it":         {pmsaWith(t, nil)[:16], 0, drivers.ErrIdentity},
	} {
		got, q, err := pmsaFrame(tt.b)
		assert.ErrorIs(t, err, tt.want, name)
		assert.Equal(t, tt.q, q, name)
		if tt.want != nil {
			assert.Empty(t, got, name)
			continue
		}
		assert.Equal(t, map[string]float64{"pm1": 5, "pm25": 8, "pm10": 10}, values(got), name)
	}
}

// What is marked as warm-up is so for half a minute, after a loss of power too,
// and frames of a fan that starts are waited out.
func TestPMSA003IWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := PMSA003ISettings{drivers.I2C{Address: 0x12}}
		simulatePMSA003I(host, settings)
		s, err := openPMSA003I(host, settings)
		require.NoError(t, err)
		quality := func() agent.Quality {
			t.Helper()
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 3)
			return got[2].Quality
		}
		assert.Equal(t, agent.WarmUp, quality())
		time.Sleep(29 * time.Second)
		assert.Equal(t, agent.WarmUp, quality())
		time.Sleep(time.Second)
		assert.Zero(t, quality())

		host.PowerCycle()
		start := time.Now()
		assert.Equal(t, agent.WarmUp, quality())
		assert.Equal(t, 3*time.Second, time.Since(start))
		time.Sleep(time.Minute)
		host.SetFault(func(op sim.Op) error { copy(op.R, pmsWords(0)); return op.Err })
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNoReading, "the fan stands")
		assert.Empty(t, got)
	})
}

// Real frames of parts with the same frame on serial lines.
func TestPMSARecordedFrames(t *testing.T) {
	var file struct {
		Frames []struct {
			Sensor, Frame string
			Expect        map[string]float64
		}
	}
	require.NoError(t, json.Unmarshal(drivertest.Data(t, "serial/frames.json"), &file))
	tried := 0
	for _, f := range file.Frames {
		b, err := hex.DecodeString(f.Frame)
		require.NoError(t, err)
		got, _, err := pmsaFrame(b)
		if !slices.Contains([]string{"PMSx003", "PMS5003T"}, f.Sensor) {
			assert.Errorf(t, err, "%s is another part", f.Sensor)
			continue
		}
		tried++
		require.NoError(t, err, f.Frame)
		for _, r := range got {
			key := strings.Replace(r.Property.Name, "pm1", "pm01", 1)
			assert.Equal(t, f.Expect[strings.Replace(key, "pm010", "pm10", 1)], r.Value, f.Frame)
		}
	}
	assert.Equal(t, 20, tried)
}

func FuzzPMSAFrame(f *testing.F) {
	f.Add(pmsaWith(f, nil))
	f.Add(pmsaWith(f, map[int]byte{16: 0, 17: 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := pmsaFrame(b)
		if err != nil {
			assert.Empty(t, got)
			return
		}
		assert.Equal(t, pmsaWith(t, nil)[:4], b[:4])
		var sum uint16
		for _, x := range b[:30] {
			sum += uint16(x)
		}
		assert.Equal(t, sum, uint16(b[30])<<8|uint16(b[31]), "the sum is right")
	})
}

func BenchmarkPMSAFrame(b *testing.B) {
	frame := pmsaWith(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = pmsaFrame(frame)
	}
}
