package nmea

import (
	"bytes"
	"fmt"
	"math"
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

const device = "/dev/serial0"

func TestDriver(t *testing.T) {
	drivertest.Run(t, Driver, func(s *Settings) { s.Port = device })
}

// script is a receiver that sends lines, those of a second together.
type script struct {
	start time.Time
	lines []string // with frame and end, or not
}

func (script) Write([]byte) {}
func (script) Reset()       {}
func (p script) Sent(from, to time.Time) (b []byte) {
	for i, l := range p.lines {
		if at := p.start.Add(time.Duration(i) * time.Second); at.After(from) && !at.After(to) {
			b = append(b, l...)
		}
	}
	return b
}

// observe hears a receiver that says these lines, one second after another.
func observe(t *testing.T, seconds ...string) (results []agent.Result, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddSerial(device, script{time.Now().Add(200 * time.Millisecond), seconds})
		s, openErr := open(host, Settings{drivers.Serial{Port: device}, 9600})
		require.NoError(t, openErr)
		start := time.Now()
		results, err = s.Observe(t.Context(), nil)
		assert.LessOrEqual(t, time.Since(start), timeout)
		for _, r := range results {
			assert.WithinRange(t, r.Time, start, time.Now(), "the instant is that of the fix")
			assert.Equal(t, results[0].Time, r.Time, "of all of it")
		}
	})
	for i := range results {
		results[i].Time = time.Time{}
	}
	return results, err
}

func values(results []agent.Result) map[string]float64 {
	all := make(map[string]float64)
	for _, r := range results {
		all[r.Property.Name] = math.Round(r.Value*1e7) / 1e7
	}
	return all
}

// before is the instant that comes before: what is heard first may be old.
var before = frame("GPRMC,000000.00,A,0100.0000,N,00100.0000,E,,,010120,,,A")

// Sentences of real receivers, as gpsd's documentation, u-blox's protocol
// descriptions and a DFRobot TEL0137 have them, with their checksums.
var sentences = []struct {
	name, said string
	want       map[string]float64
}{
	{
		"the classic", "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n" +
			"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n",
		map[string]float64{"latitude": 48.1173, "longitude": 11.5166667, "altitude": 545.4, "hdop": 0.9, "satellites": 8},
	},
	{
		"corrected, milliseconds", "$GPGGA,061831.000,2236.9152,N,11403.2422,E,2,07,1.1,144.0,M,-2.2,M,4.8,0000*60\r\n" +
			"$GPGSA,A,3,18,22,25,12,14,21,24,15,,,,,1.93,1.04,1.63*01\r\n" +
			"$GPRMC,061831.000,A,2236.9152,N,11403.2422,E,0.00,,130214,,,D*76\r\n",
		map[string]float64{"latitude": 22.6152533, "longitude": 114.0540367, "altitude": 144, "hdop": 1.1, "satellites": 7},
	},
	{
		"u-blox 6, west and south", frame("GPRMC,083559.00,A,4717.11437,S,00833.91522,W,0.004,77.52,091202,,,A") +
			frame("GPGGA,083559.00,4717.11437,S,00833.91522,W,1,08,1.01,499.6,M,48.0,M,,"),
		map[string]float64{"latitude": -47.2852395, "longitude": -8.5652537, "altitude": 499.6, "hdop": 1.01, "satellites": 8},
	},
	{
		"GNS, without RMC", "$GPGNS,224749.00,3333.4268304,N,11153.3538273,W,D,19,0.6,406.110,-26.294,6.0,0138,S*6A\r\n" +
			frame("GPRMC,224750.00,A,3333.4268304,N,11153.3538273,W,,,010120,,,D"),
		map[string]float64{"latitude": 33.5571138, "longitude": -111.8892305, "altitude": 406.11, "hdop": 0.6, "satellites": 19},
	},
	{
		"GNS, both systems with fixed ambiguities", "$GNGNS,014035.00,4332.69262,S,17235.48549,E,RR,13,0.9,25.63,11.24,,*70\r\n" +
			frame("GNRMC,014035.00,A,4332.69262,S,17235.48549,E,,,010120,,,R"),
		map[string]float64{"latitude": -43.5448770, "longitude": 172.5914248, "altitude": 25.63, "hdop": 0.9, "satellites": 13},
	},
	{
		"GNS of several systems", frame("GNGNS,103600.01,5114.51176,N,00012.29380,W,ANNN,07,1.18,111.5,45.6,,,V") +
			frame("GNRMC,103600.01,A,5114.51176,N,00012.29380,W,0.1,,010120,,,A,V"),
		map[string]float64{"latitude": 51.2418627, "longitude": -0.2048967, "altitude": 111.5, "hdop": 1.18, "satellites": 7},
	},
	{
		"BeiDou, fixed ambiguities", frame("BDGGA,010203.00,3959.99999,N,11559.99999,E,4,20,0.5,50.0,M,-8.0,M,1.0,0001") +
			frame("BDRMC,010203.00,A,3959.99999,N,11559.99999,E,0.0,,010120,,,R"),
		map[string]float64{"latitude": 39.9999998, "longitude": 115.9999998, "altitude": 50, "hdop": 0.5, "satellites": 20},
	},
	{
		"three satellites: no altitude", frame("GLGGA,010203.00,6000.000,N,03000.000,E,1,03,4.0,545.4,M,46.9,M,,") +
			frame("GLRMC,010203.00,A,6000.000,N,03000.000,E,0.0,,010120,,,A"),
		map[string]float64{"latitude": 60, "longitude": 30, "hdop": 4, "satellites": 3},
	},
	{
		"what was left out is not said", frame("GAGGA,010203.00,6000.000,N,03000.000,E,1,,99.99,,,,,,") +
			frame("GARMC,010203.00,A,6000.000,N,03000.000,E,,,010120,,"),
		map[string]float64{"latitude": 60, "longitude": 30},
	},
	{
		"the date line", frame("GNGGA,010203.00,0000.000,N,18000.000,E,1,08,1.0,5.4,M,46.9,M,,") +
			frame("GNRMC,010203.00,A,0000.000,S,17959.9999,W,0.0,,010120,,,A"),
		map[string]float64{"latitude": 0, "longitude": 180, "altitude": 5.4, "hdop": 1, "satellites": 8},
	},
}

func TestObserve(t *testing.T) {
	for _, tt := range sentences {
		t.Run(tt.name, func(t *testing.T) {
			noise := "\x00\xffM,47.0*5A\r\n$PUBX,00,1*5D\r\n$GPTXT,01\r\n" + strings.Repeat("x", 1500) + "\n"
			for name, seconds := range map[string][]string{
				"alone": {before, tt.said}, "after noise": {"3,A*77\r\n" + before + noise, noise + tt.said},
				"twice as fast": {before + tt.said + tt.said}, "in pieces": {before, tt.said[:20], tt.said[20:]},
			} {
				got, err := observe(t, seconds...)
				require.NoError(t, err, name)
				assert.Equal(t, tt.want, values(got), name)
			}
		})
	}
}

func gga(clock, quality, satellites string) string {
	return frame("GPGGA," + clock + ",4700.000,N,00800.000,E," + quality + "," + satellites + ",1.0,500.0,M,46.9,M,,")
}

func rmc(clock, status, mode string) string {
	return frame("GPRMC," + clock + "," + status + ",4700.000,N,00800.000,E,0.0,0.0,010120,,," + mode)
}

// No position is made of what a receiver remembers, reckons, was told or plays.
func TestNoFix(t *testing.T) {
	const t1 = "000001.00"
	tests := map[string]string{
		"no fix yet":               frame("GPGGA,,,,,,0,00,99.99,,,,,,"),
		"nothing known":            "$GPGGA,,,,,,0,,,,,,,,*66\r\n",
		"GNS knows nothing":        "$GNGNS,,,,,,NN,,,,,,*53\r\n",
		"GNS knows the time":       "$GNGNS,181604.00,,,,,NN,00,99.99,,,,*59\r\n",
		"fix lost":                 gga(t1, "0", "00"),
		"reckoned":                 gga(t1, "6", "08"),
		"typed in":                 gga(t1, "7", "08"),
		"played":                   gga(t1, "8", "08"),
		"no quality":               gga(t1, "", "08"),
		"a warning":                rmc(t1, "V", "A"),
		"RMC without fix":          rmc(t1, "A", "N"),
		"RMC reckoned":             rmc(t1, "A", "E"),
		"RMC typed in":             rmc(t1, "A", "M"),
		"RMC played":               rmc(t1, "A", "S"),
		"GNS without fix":          frame("GNGNS,000001.00,,,,,NNNN,00,99.99,,,,,V"),
		"GNS reckoned":             frame("GNGNS,000001.00,4700.0,N,00800.0,E,AEA,07,1.18,111.5,45.6,,,V"),
		"GNS of nothing":           frame("GNGNS,000001.00,4700.0,N,00800.0,E,,07,1.18,111.5,45.6,,,V"),
		"too few satellites":       gga(t1, "1", "02"),
		"the corner of the oceans": frame("GPGGA,000001.00,0000.0000,N,00000.0000,E,1,08,1.0,0.0,M,0.0,M,,"),
	}
	for name, said := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := observe(t, before, said+gga(t1, "1", "08")+rmc(t1, "A", "A"))
			assert.ErrorIs(t, err, drivers.ErrNoReading)
			assert.ErrorContains(t, err, "no fix")
			assert.Empty(t, got)
			if name == "too few satellites" || name == "the corner of the oceans" {
				return // of the first instant, only whether there is a fix
			}
			got, err = observe(t, said, gga(t1, "1", "08")+rmc(t1, "A", "A"))
			assert.ErrorIs(t, err, drivers.ErrNoReading, "nor right after")
			assert.Empty(t, got)
		})
	}
	got, err := observe(t, before, gga(t1, "1", "08")+rmc(t1, "V", "N"))
	assert.ErrorIs(t, err, drivers.ErrNoReading, "GGA is checked with RMC")
	assert.Empty(t, got)
}

func TestRefuses(t *testing.T) {
	fixed := gga("000001.00", "1", "08") + rmc("000001.00", "A", "A")
	tests := []struct {
		name    string
		seconds []string
		is      error
		says    string
	}{
		{"silence", nil, drivers.ErrNotReady, "no NMEA sentence at 9600 baud; check wiring and baud"},
		{"the wrong speed", []string{strings.Repeat("\xe0\x9c\x80", 500)}, drivers.ErrNotReady, "no NMEA sentence"},
		{"no position", []string{frame("GPGSV,1,1,00"), frame("GPGSV,1,1,00")}, drivers.ErrNotReady, "no GGA, GNS or RMC"},
		{"no GGA", []string{before, rmc("000001.00", "A", "A"), rmc("000002.00", "A", "A")}, drivers.ErrNotReady, "no GGA or GNS"},
		{"an old fix, repeated", []string{fixed, fixed, fixed, fixed, fixed, fixed}, drivers.ErrNotReady, "stands still"},
		{"one instant only", []string{fixed}, drivers.ErrNotReady, "stands still"},
		{"other places", []string{before, gga("000001.00", "1", "08") + frame("GPRMC,000001.00,A,4700.002,N,00800.000,E,,,010120,,,A")}, errDisagree, "47.000000 8.000000 and 47.000033 8.000000"},
		{"GNS elsewhere", []string{before, gga("000001.00", "1", "08") + frame("GPGNS,000001.00,4700.000,N,00800.002,E,A,8,1.0,500.0,46.9,,")}, errDisagree, "8.000033"},
		{"minutes", []string{before, frame("GPGGA,000001.00,4760.000,N,00800.000,E,1,08,1.0,500.0,M,46.9,M,,")}, errForm, "4760.000"},
		{"a side of its own", []string{before, frame("GPGGA,000001.00,4700.000,E,00800.000,E,1,08,1.0,500.0,M,46.9,M,,")}, errForm, "side"},
		{"few digits", []string{before, frame("GPGGA,000001.00,700.000,N,00800.000,E,1,08,1.0,500.0,M,46.9,M,,")}, errForm, "700.000"},
		{"beyond the pole", []string{before, frame("GPGGA,000001.00,9000.001,N,00800.000,E,1,08,1.0,500.0,M,46.9,M,,")}, drivers.ErrRange, "90.0"},
		{"not a number", []string{before, frame("GPGGA,000001.00,47nan,N,00800.000,E,1,08,1.0,500.0,M,46.9,M,,")}, errForm, "47nan"},
		{"no time of day", []string{before, gga("240000.00", "1", "08")}, errForm, "240000.00"},
		{"in space", []string{before, frame("GPGGA,000001.00,4700.000,N,00800.000,E,1,08,1.0,36000.0,M,46.9,M,,")}, drivers.ErrRange, "36000"},
		{"satellites in letters", []string{before, gga("000001.00", "1", "0x8")}, errForm, "0x8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.seconds...)
			assert.ErrorIs(t, err, tt.is)
			assert.ErrorContains(t, err, tt.says)
			assert.Empty(t, got)
		})
	}
}

// A position of poor geometry is told, and marked.
func TestPoor(t *testing.T) {
	got, err := observe(t, before, gga("000001.00", "1", "08")+rmc("000001.00", "A", "A"))
	require.NoError(t, err)
	for _, r := range got {
		assert.Zero(t, r.Quality)
	}
	got, err = observe(t, before, frame("GPGGA,000001.00,4700.000,N,00800.000,E,1,04,25.5,500.0,M,46.9,M,,")+rmc("000001.00", "A", "A"))
	require.NoError(t, err)
	require.Len(t, got, 5)
	for _, r := range got[:3] {
		assert.Equal(t, agent.Suspect, r.Quality, r.Property.Name)
	}
	assert.Equal(t, 25.5, got[3].Value)
}

// No value comes of a line with a wrong bit, nor of a part of one.
func TestWrongBits(t *testing.T) {
	for _, tt := range sentences {
		line := []byte(strings.SplitAfter(tt.said, "\r\n")[0])
		line = bytes.TrimSuffix(line, []byte("\r\n"))
		_, ok := parse(line)
		require.True(t, ok)
		for bit := range 8 * len(line) {
			bad := bytes.Clone(line)
			bad[bit/8] ^= 1 << (bit % 8)
			_, ok := parse(bad)
			assert.Falsef(t, ok, "%q", bad)
		}
		for n := range line {
			_, ok := parse(line[:n])
			assert.Falsef(t, ok, "%q", line[:n])
		}
	}
	_, ok := parse([]byte("$" + "GPGGA,1$GPGGA,2*" + fmt.Sprintf("%02X", checksum([]byte("GPGGA,1$GPGGA,2")))))
	assert.False(t, ok, "two sentences that ran into one")
}

func TestOldSentencesAreNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddSerial(device, script{time.Now(), []string{before, gga("000001.00", "1", "08"), rmc("000001.00", "A", "A")}})
		time.Sleep(time.Minute)
		s, err := open(host, Settings{drivers.Serial{Port: device}, 9600})
		require.NoError(t, err)
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.Empty(t, got)
	})
}

func FuzzSentences(f *testing.F) {
	for _, tt := range sentences {
		for line := range strings.Lines(tt.said) {
			f.Add([]byte(strings.TrimSpace(line)), true)
			f.Add([]byte(line[1:len(line)-5]), false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		if !whole {
			b = []byte(strings.TrimSuffix(frame(string(b)), "\r\n"))
		}
		s, ok := parse(b)
		if !ok {
			return
		}
		require.Equal(t, fmt.Sprintf("*%02X", checksum(b[1:len(b)-3])), string(b[len(b)-3:]), "never with another checksum")
		var x fix
		if !s.matters() || x.add(s) != nil || !x.placed {
			return
		}
		for _, r := range x.results(nil) {
			limits := map[string][2]float64{"latitude": {-90, 90}, "longitude": {-180, 180}, "altitude": {-500, 9000}, "hdop": {0, 99}, "satellites": {3, 1e9}}[r.Property.Name]
			assert.NoErrorf(t, drivers.Within(r.Value, limits[0], limits[1]), "%s: %q", r.Property.Name, b)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	line := []byte(strings.TrimSpace(frame("GNGGA,123519.00,4807.03800,N,01131.00000,E,1,08,0.90,545.4,M,46.9,M,,")))
	b.ReportAllocs()
	for b.Loop() {
		s, _ := parse(line)
		_ = new(fix).add(s)
	}
}

func TestSettings(t *testing.T) {
	assert.Error(t, Settings{Baud: 9600}.Validate(), "no port")
	assert.NoError(t, Settings{drivers.Serial{Port: device}, 38400}.Validate())
	assert.ErrorContains(t, Settings{drivers.Serial{Port: device}, 1200}.Validate(), "baud 1200: want one of [4800")
}
