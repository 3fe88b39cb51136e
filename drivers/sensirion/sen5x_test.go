package sensirion

import (
	"encoding/binary"
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

func model(name string) func(any) { return func(s any) { s.(*SEN5xSettings).Model = name } }

func TestSEN5x(t *testing.T) {
	drivertest.Run[SEN5xSettings](t, SEN5x)
	t.Run("sen50", func(t *testing.T) {
		drivertest.Run(t, SEN5x, func(s *SEN5xSettings) { s.Model = "sen50" })
	})
	drivertest.FlippedBits(t, SEN5x, func(s *SEN5xSettings) { s.Model = "sen55" })
	drivertest.Stuck(t, SEN5x, 0x00)
	drivertest.Stuck(t, SEN5x, 0xff)
}

// Frames made with the scale factors of the datasheet, section 6.1.5.
const (
	sen5xMasses  = "00 2a dc 00 44 78 00 4f 92 00 55 0a"
	sen5xExample = sen5xMasses + "11 d7 88 12 52 2a 03 d4 6c 00 0a 5a"
	sen5xWarming = sen5xMasses + "11 d7 88 12 52 2a 03 d4 6c 7f ff 8f"
)

func TestSEN5xObserve(t *testing.T) {
	masses := map[agent.Property]float64{agent.PM1: 4.2, agent.PM25: 6.8, agent.PM4: 7.9, agent.PM10: 8.5}
	with := func(more map[agent.Property]float64) map[agent.Property]float64 {
		for p, v := range masses {
			more[p] = v
		}
		return more
	}
	climate := func() map[agent.Property]float64 {
		return with(map[agent.Property]float64{agent.RelativeHumidity: 45.67, agent.AirTemperature: 23.45, agent.VOCIndex: 98})
	}
	sen55 := climate()
	sen55[agent.NOxIndex] = 1
	frosty := climate()
	frosty[agent.AirTemperature] = -5.5
	tests := []struct {
		name, model, frame string
		want               map[agent.Property]float64
	}{
		{"all values", "sen55", sen5xExample, sen55},
		{"NOx warms up", "sen55", sen5xWarming, climate()},
		{"no NOx sensor", "sen54", sen5xWarming, climate()},
		{"frost", "sen54", sen5xMasses + "11 d7 88 fb b4 f8 03 d4 6c 7f ff 8f", frosty},
		{"only particles", "sen50", sen5xMasses + "7f ff 8f 7f ff 8f 7f ff 8f 7f ff 8f", masses},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, SEN5x, sen5xRead, frame(t, tt.frame), model(tt.model))

			require.NoError(t, err)
			same(t, tt.want, got)
		})
	}
}

func TestSEN5xRefuses(t *testing.T) {
	tests := []struct {
		name  string
		code  uint16
		frame string
		want  error
		left  int // results
	}{
		{"not measuring", sen5xRead, "ff ff ac ff ff ac ff ff ac ff ff ac 7f ff 8f 7f ff 8f 7f ff 8f 7f ff 8f", drivers.ErrNoReading, 0},
		{"no PM10", sen5xRead, sen5xExample[:27] + "ff ff ac" + sen5xExample[35:], drivers.ErrNoReading, 0},
		{"no humidity", sen5xRead, sen5xMasses + "7f ff 8f 12 52 2a 03 d4 6c 00 0a 5a", drivers.ErrNoReading, 6},
		{"no VOC", sen5xRead, sen5xMasses + "11 d7 88 12 52 2a 7f ff 8f 00 0a 5a", drivers.ErrNoReading, 6},
		{"VOC index of 0", sen5xRead, sen5xMasses + "11 d7 88 12 52 2a 00 00 81 00 0a 5a", drivers.ErrRange, 6},
		{"a SEN55", sen5xName, "53 45 83 4e 35 55 35 00 44", drivers.ErrIdentity, 0},
		{"never ready", particleReady, "00 00 81", drivers.ErrNotReady, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, SEN5x, tt.code, frame(t, tt.frame))

			assert.ErrorIs(t, err, tt.want)
			assert.Len(t, got, tt.left)
		})
	}
}

// Each bit of the status degrades what it is about.
func TestSEN5xStatus(t *testing.T) {
	for bit, want := range map[int][]agent.Property{
		21: mass[:], 5: mass[:], 4: mass[:], 7: {agent.VOCIndex}, 6: {agent.RelativeHumidity, agent.AirTemperature}, 19: nil, 0: nil,
	} {
		words := make([]byte, 6)
		binary.BigEndian.PutUint16(words, uint16(uint32(1)<<bit>>16))
		binary.BigEndian.PutUint16(words[3:], uint16(uint32(1)<<bit))
		words[2], words[5] = drivers.CRC8(words[:2]), drivers.CRC8(words[3:5])

		got, err := observe(t, SEN5x, particleStatus, words)

		require.NoError(t, err)
		var degraded []agent.Property
		for _, r := range got {
			if r.Quality&agent.Degraded != 0 {
				degraded = append(degraded, r.Property)
			}
		}
		assert.Equal(t, want, degraded, "bit %d", bit)
	}
}

// TestSEN5xNOx checks that NOx is awaited for some seconds, then missed, and
// that the part is not started again for it.
func TestSEN5xNOx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := SEN5x.Configure(func(s any) error { model("sen55")(s); return nil })
		require.NoError(t, err)
		host := new(sim.Host)
		s, err := c.Open(host)
		require.NoError(t, err)
		read := func() (int, error) {
			got, err := s.Observe(t.Context(), nil)
			return len(got), err
		}

		n, err := read()
		require.NoError(t, err)
		assert.Equal(t, 7, n, "NOx warms up")
		time.Sleep(12 * time.Second)
		n, err = read()
		require.NoError(t, err)
		assert.Equal(t, 8, n)

		answering(host, sen5xRead, frame(t, sen5xWarming))
		time.Sleep(time.Minute)
		n, err = read()
		assert.ErrorIs(t, err, drivers.ErrNoReading)
		assert.Equal(t, 7, n, "what there is")
		host.SetFault(nil)
		time.Sleep(time.Second)
		n, err = read()
		require.NoError(t, err)
		assert.Equal(t, 8, n, "it was not started again")
	})
}

func TestSEN5xValidate(t *testing.T) {
	at := drivers.I2C{Address: 0x69}
	assert.NoError(t, SEN5xSettings{at, "sen55"}.Validate())
	assert.Error(t, SEN5xSettings{at, "sps30"}.Validate())
	assert.Error(t, SEN5xSettings{drivers.I2C{Address: 0x68}, "sen55"}.Validate())
}
