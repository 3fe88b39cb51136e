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

func TestSEN66(t *testing.T) {
	drivertest.Run[SEN66Settings](t, SEN66)
	drivertest.FlippedBits[SEN66Settings](t, SEN66)
	drivertest.Stuck(t, SEN66, 0x00)
	drivertest.Stuck(t, SEN66, 0xff)
}

// sen66Example is a frame made with the scale factors of the datasheet, section
// 4.8.10.
const (
	sen66Climate = "11 d7 88 fb b4 f8 03 d4 6c 00 0a 5a"
	sen66Example = sen5xMasses + sen66Climate + "02 64 27"
)

func TestSEN66Observe(t *testing.T) {
	got, err := observe(t, SEN66, sen66Read, frame(t, sen66Example))
	require.NoError(t, err)
	same(t, map[agent.Property]float64{
		agent.PM1: 4.2, agent.PM25: 6.8, agent.PM4: 7.9, agent.PM10: 8.5, agent.RelativeHumidity: 45.67,
		agent.AirTemperature: -5.5, agent.VOCIndex: 98, agent.NOxIndex: 1, agent.CarbonDioxide: 612,
	}, got)
}

func TestSEN66Refuses(t *testing.T) {
	for name, tt := range map[string]struct {
		code  uint16
		frame string
		want  error
		left  int
	}{
		"no particles":         {sen66Read, "ff ff ac ff ff ac ff ff ac ff ff ac " + sen66Climate + "02 64 27", drivers.ErrNoReading, 5},
		"not all particles":    {sen66Read, "ff ff ac" + sen66Example[8:], drivers.ErrNoReading, 5},
		"nothing at all":       {sen66Read, "ff ff ac ff ff ac ff ff ac ff ff ac 7f ff 8f 7f ff 8f 7f ff 8f 7f ff 8f ff ff ac", drivers.ErrNoReading, 0},
		"too much CO2":         {sen66Read, sen5xMasses + sen66Climate + "9c 41 5a", drivers.ErrRange, 8},
		"no humidity":          {sen66Read, sen5xMasses + "7f ff 8f fb b4 f8 03 d4 6c 00 0a 5a 02 64 27", drivers.ErrNoReading, 8},
		"CO2 awaited":          {sen66Read, sen5xMasses + sen66Climate + "ff ff ac", nil, 8},
		"another of its kind":  {sen5xName, "53 45 83 4e 36 06 35 00 44", drivers.ErrIdentity, 0},
		"it never has a value": {particleReady, "00 00 81", drivers.ErrNotReady, 0},
	} {
		b := frame(t, tt.frame)
		for i := 0; i+3 <= len(b); i += 3 {
			b[i+2] = drivers.CRC8(b[i : i+2])
		}
		got, err := observe(t, SEN66, tt.code, b)
		assert.ErrorIs(t, err, tt.want, name)
		assert.Len(t, got, tt.left, name)
	}
	assert.Error(t, SEN66Settings{drivers.I2C{Address: 0x69}, 0}.Validate())
	assert.Error(t, SEN66Settings{drivers.I2C{Address: 0x6b}, 3001}.Validate())
}

// Each bit of the status degrades what it is about.
func TestSEN66Status(t *testing.T) {
	for bit, want := range map[int][]agent.Property{
		21: mass[:], 11: mass[:], 4: mass[:], 9: {agent.CarbonDioxide}, 7: {agent.VOCIndex, agent.NOxIndex}, 6: {agent.RelativeHumidity, agent.AirTemperature}, 0: nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &sen66{sen5x: sen5x{fields: 4, run: run{started: time.Now()}}}
			time.Sleep(6 * time.Hour)
			got, err := s.convert([]uint16{1, 2, 3, 4, 5000, 2000, 100, 10, 500}, 1<<bit)
			require.NoError(t, err)
			var degraded []agent.Property
			for _, r := range got {
				if r.Quality == agent.Degraded {
					degraded = append(degraded, r.Property)
				}
			}
			assert.Equal(t, want, degraded, "bit %d", bit)
		})
	}
}

// A fault that is over stays in the part's status until that is cleared. It is told
// once, and not for ever.
func TestSEN66FaultPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := SEN66Settings{drivers.I2C{Address: 0x6b}, 0}
		simulateSEN66(host, settings)
		fault, asked := byte(1<<4), byte(0)
		host.SetFault(func(op sim.Op) error {
			if len(op.W) == 2 && op.W[0] == 0xd2 {
				asked = op.W[1]
			} else if len(op.W) > 0 {
				asked = 0
			}
			if len(op.R) == 6 && asked != 0 {
				op.R[4], op.R[5] = fault, drivers.CRC8([]byte{0, fault})
				if asked == 0x10 {
					fault = 0
				}
			}
			return op.Err
		})
		s, err := openSEN66(host, settings)
		require.NoError(t, err)
		for _, want := range []agent.Quality{agent.Degraded, 0, 0} {
			time.Sleep(time.Minute)
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, want, got[0].Quality&agent.Degraded)
		}
	})
}

// The indices know the air of the place only after a while.
func TestSEN66Learns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sen66{sen5x: sen5x{fields: 4, run: run{started: time.Now()}}}
		start := time.Now()
		for at, want := range map[time.Duration][]agent.Property{
			time.Hour - time.Second: {agent.VOCIndex, agent.NOxIndex}, time.Hour: {agent.NOxIndex}, 6*time.Hour - time.Second: {agent.NOxIndex}, 6 * time.Hour: nil,
		} {
			s.started = start.Add(-at)
			got, err := s.convert([]uint16{1, 2, 3, 4, 5000, 2000, 100, 10, 500}, 0)
			require.NoError(t, err)
			var learning []agent.Property
			for _, r := range got {
				if r.Quality == agent.WarmUp {
					learning = append(learning, r.Property)
				}
			}
			assert.Equal(t, want, learning, "after %v", at)
		}
	})
}

// A part that measures is left alone; one that lost power is started.
func TestSEN66Starts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := SEN66Settings{drivers.I2C{Address: 0x6b}, 1950}
		simulateSEN66(host, settings)
		starts := 0
		host.SetFault(func(op sim.Op) error {
			if len(op.W) == 2 && op.W[0] == 0 && op.W[1] == sen5xStart {
				starts++
			}
			return op.Err
		})
		s, err := openSEN66(host, settings)
		require.NoError(t, err)
		got, err := s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Len(t, got, 9)
		assert.Zero(t, starts)

		host.PowerCycle()
		time.Sleep(time.Minute)
		pressure := written(host)
		_, err = s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		got, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Len(t, got, 7, "NOx and carbon dioxide are awaited")
		assert.Equal(t, agent.WarmUp, got[0].Quality)
		assert.Equal(t, map[uint16][]uint16{sen66Pressure: {800}}, pressure, "altitude 1950 m")
		time.Sleep(15 * time.Second)
		got, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Len(t, got, 9)

		answering(host, sen66Read, frame(t, sen5xMasses+sen66Climate+"ff ff ac"))
		time.Sleep(time.Minute)
		got, err = s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNoReading, "carbon dioxide does not come back")
		assert.Len(t, got, 8)
	})
	assert.EqualValues(t, 1013, pressureAt(0))
	assert.EqualValues(t, 701, pressureAt(3000))
}

func FuzzSEN66(f *testing.F) {
	f.Add(frame(f, sen66Example), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, status uint32) {
		words := make([]uint16, 9)
		if decode(b, words) != nil {
			return
		}
		s := &sen66{sen5x: sen5x{fields: 4, run: run{started: time.Now()}}}
		got, _ := s.convert(words, status)
		for _, r := range got {
			assert.False(t, r.Value < -40 || r.Value > 65535, r)
		}
	})
}

func BenchmarkSEN66Convert(b *testing.B) {
	s := &sen66{sen5x: sen5x{fields: 4, run: run{started: time.Now()}}}
	w := []uint16{42, 68, 79, 85, 4567, 4690, 980, 10, 612}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.convert(w, 0)
	}
}
