package serialair

import (
	"encoding/hex"
	"encoding/json"
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

const device = "/dev/serial0"

func TestDrivers(t *testing.T) {
	t.Run("pmsx003", func(t *testing.T) {
		drivertest.Run(t, PMSx003, func(s *PMSx003Settings) { s.Port = device })
	})
	t.Run("sds011", func(t *testing.T) {
		drivertest.Run(t, SDS011, func(s *SDS011Settings) { s.Port = device })
	})
	t.Run("mhz19", func(t *testing.T) {
		drivertest.Run(t, MHZ19, func(s *MHZ19Settings) { s.Port = device })
		drivertest.FlippedBits(t, MHZ19, func(s *MHZ19Settings) { s.Port = device })
	})
}

// fixed is a part that sends bytes once, after a while.
type fixed struct {
	b  []byte
	at time.Time
}

func (fixed) Write([]byte) {}
func (fixed) Reset()       {}
func (f fixed) Sent(from, to time.Time) []byte {
	if f.at.After(from) && !f.at.After(to) {
		return f.b
	}
	return nil
}

type opener func(drivers.Host) (agent.Sensor, error)

var (
	pms opener = func(h drivers.Host) (agent.Sensor, error) {
		return openPMSx003(h, PMSx003Settings{drivers.Serial{Port: device}})
	}
	sds opener = func(h drivers.Host) (agent.Sensor, error) {
		return openSDS011(h, SDS011Settings{drivers.Serial{Port: device}})
	}
	mhz opener = func(h drivers.Host) (agent.Sensor, error) {
		return openMHZ19(h, MHZ19Settings{drivers.Serial{Port: device}})
	}
)

// observe lets a part say something.
func observe(t *testing.T, open opener, said []byte) (results []agent.Result, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddSerial(device, fixed{said, time.Now().Add(100 * time.Millisecond)})
		s, openErr := open(host)
		require.NoError(t, openErr)
		results, err = s.Observe(t.Context(), nil)
	})
	return results, err
}

func values(results []agent.Result) map[string]float64 {
	all := make(map[string]float64)
	for _, r := range results {
		all[r.Property.Name] = r.Value
	}
	return all
}

// frames are some of real parts (PyPMS, captured data).
var frames = []struct {
	name  string
	open  opener
	frame string
	want  map[string]float64
}{
	{"pms3003", pms, "424d001400000000000000000000000000000000005100f4", map[string]float64{"pm1": 0, "pm25": 0, "pm10": 0}},
	{"pms5003", pms, "424d001c00000008000800000008000800d20046002d001e00000000970002c5", map[string]float64{"pm1": 0, "pm25": 8, "pm10": 8}},
	{"pms5003t", pms, "424d001c001700270029001600230029100804a90116000c00d400e09a0004aa", map[string]float64{"pm1": 22, "pm25": 35, "pm10": 41}},
	{"sds011", sds, "aac00900090058d943ab", map[string]float64{"pm25": 0.9, "pm10": 0.9}},
	{"mhz19b", mhz, "ff86027c42000000ba", map[string]float64{"carbonDioxide": 636}},
}

func TestObserve(t *testing.T) {
	for _, tt := range frames {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.frame)
			require.NoError(t, err)
			for name, said := range map[string][]byte{
				"alone": b, "after the end of one": append(append([]byte{}, b[4:]...), b...),
				"after noise": append([]byte{0x42, 0x42, 0x4d, 0xaa, 0xaa, 0xff, 0xff, 0x00}, b...), "before one": append(append([]byte{}, b...), b[:5]...),
			} {
				got, err := observe(t, tt.open, said)
				require.NoError(t, err, name)
				assert.Equal(t, tt.want, values(got), name)
			}
		})
	}
}

// No value comes of a frame with a wrong bit, nor of half a frame.
func TestWrongFrames(t *testing.T) {
	for _, tt := range frames {
		b, err := hex.DecodeString(tt.frame)
		require.NoError(t, err)
		for bit := range 8 * len(b) {
			bad := append([]byte{}, b...)
			bad[bit/8] ^= 1 << (bit % 8)
			got, err := observe(t, tt.open, bad)
			assert.ErrorIsf(t, err, drivers.ErrNotReady, "%s: bit %d", tt.name, bit)
			assert.Empty(t, got)
		}
		for n := range b {
			got, err := observe(t, tt.open, b[:n])
			assert.ErrorIsf(t, err, drivers.ErrNotReady, "%s: %d bytes", tt.name, n)
			assert.Empty(t, got)
		}
	}
}

func TestRange(t *testing.T) {
	saturated := []byte{0xaa, 0xc0, 0x1f, 0x4e, 0x1f, 0x4e, 0, 0, 0xda, 0xab} // 1999.9, as one in Aberdeen said for days
	got, err := observe(t, sds, saturated)
	assert.ErrorIs(t, err, drivers.ErrRange)
	assert.Empty(t, got)
	got, err = observe(t, mhz, []byte{0xff, 0x86, 0, 0, 0, 0, 0, 0, 0x7a})
	assert.ErrorIs(t, err, drivers.ErrRange, "no air is without carbon dioxide")
	assert.Empty(t, got)
}

// A line that is stuck is heard for a bounded time.
func TestStuck(t *testing.T) {
	for _, open := range []opener{pms, sds, mhz} {
		for _, b := range []byte{0x00, 0xff, 0x42, 0xaa} {
			noise := make([]byte, 4000)
			for i := range noise {
				noise[i] = b
			}
			got, err := observe(t, open, noise)
			assert.ErrorIs(t, err, drivers.ErrNotReady)
			assert.ErrorContains(t, err, "1024 bytes without a frame")
			assert.Empty(t, got)
		}
	}
}

func TestOldFramesAreNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		b, err := hex.DecodeString(frames[3].frame)
		require.NoError(t, err)
		host.AddSerial(device, fixed{b, time.Now().Add(time.Second)})
		time.Sleep(time.Minute)
		s, err := sds(host)
		require.NoError(t, err)
		start := time.Now()
		_, err = s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.ErrorContains(t, err, "no frame in 3s")
		assert.Equal(t, 3*time.Second, time.Since(start))
		s, err = openSDS011(host, SDS011Settings{drivers.Serial{Port: "/dev/other"}})
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		assert.ErrorContains(t, err, "/dev/other")
	})
	assert.Error(t, drivers.Serial{}.Validate())
}

func TestRecordedFrames(t *testing.T) {
	var file struct {
		Frames []struct {
			Sensor, Frame string
			Expect        map[string]float64
		}
	}
	require.NoError(t, json.Unmarshal(drivertest.Data(t, "serial/frames.json"), &file))
	openers := map[string]opener{"PMSx003": pms, "PMS3003": pms, "PMS5003T": pms, "SDS01x": sds, "MHZ19B": mhz}
	names := map[string]string{"pm01": "pm1", "pm25": "pm25", "pm10": "pm10", "CO2": "carbonDioxide"}
	known, others := 0, 0
	for _, f := range file.Frames {
		b, err := hex.DecodeString(f.Frame)
		require.NoError(t, err)
		open, ok := openers[f.Sensor]
		if !ok {
			others++
			for _, open := range openers {
				got, err := observe(t, open, b)
				assert.Errorf(t, err, "%s is another part", f.Sensor)
				assert.Empty(t, got)
			}
			continue
		}
		known++
		got, err := observe(t, open, b)
		require.NoError(t, err, f.Frame)
		want := make(map[string]float64)
		for key, v := range f.Expect {
			if name, ok := names[key]; ok {
				want[name] = v
			}
		}
		assert.Equal(t, want, values(got), f.Frame)
	}
	assert.Equal(t, 50, known)
	assert.Equal(t, 36, others)
}

func FuzzFrames(f *testing.F) {
	for _, tt := range frames {
		b, _ := hex.DecodeString(tt.frame)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		for _, frame := range []func([]byte) ([]agent.Result, int, bool, error){pmsFrame, sdsFrame, mhzFrame} {
			results, n, more, err := frame(b)
			assert.LessOrEqual(t, n, len(b))
			assert.False(t, len(results) > 0 && (n == 0 || more || err != nil))
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	frame, _ := hex.DecodeString(frames[1].frame)
	for b.Loop() {
		_, _, _, _ = pmsFrame(frame)
	}
}
