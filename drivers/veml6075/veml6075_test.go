package veml6075

import (
	"math"
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

var defaults = Driver.Defaults().(Settings)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Run(t, Driver, func(s *Settings) { s.UVAPerCount, s.UVBPerCount = 0.001111, 0.00125 })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Computed apart with the formula of the application note.
func TestDecode(t *testing.T) {
	later := Settings{UVAPerCount: 0.001111, UVBPerCount: 0.00125}
	for name, tt := range map[string]struct {
		settings Settings
		counts   counts
		want     float64
	}{
		"night":                       {defaults, counts{}, 0},
		"UVA alone":                   {defaults, counts{uva: 2000}, 1.461},
		"UVB alone":                   {defaults, counts{uvb: 2000}, 2.591},
		"a summer's day":              {defaults, counts{5000, 4500, 500, 200}, 6.1153855},
		"by the later note":           {later, counts{5000, 4500, 500, 200}, 3.686257},
		"lamplight":                   {defaults, counts{100, 100, 100, 100}, 0},
		"more light than UVA":         {defaults, counts{1000, 2000, 500, 0}, 0.6801375},
		"infrared takes away of both": {defaults, counts{2000, 2000, 0, 500}, 2.4391325},
	} {
		got, err := tt.settings.decode(tt.counts)
		require.NoError(t, err, name)
		assert.InDelta(t, tt.want, got, 1e-6, name)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]counts{
		"too much UVA":             {uva: math.MaxUint16},
		"too much UVB":             {uvb: math.MaxUint16},
		"too much light":           {visible: math.MaxUint16},
		"too much infrared":        {infrared: math.MaxUint16},
		"more than any sun":        {uva: 60000, uvb: 10000},
		"UVB of no sun":            {uvb: 38600},
		"of a wire that is broken": {math.MaxUint16, math.MaxUint16, math.MaxUint16, math.MaxUint16},
	} {
		_, err := defaults.decode(c)
		assert.ErrorIs(t, err, drivers.ErrRange, name)
	}
}

// The whole conversation on a summer's day.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x10, W: []byte{0x0c}, R: []byte{0x26, 0x00}},
			{Addr: 0x10, W: []byte{0x00, 0x13, 0x00}},
			{Addr: 0x10, W: []byte{0x00, 0x16, 0x00}},
			{Addr: 0x10, W: []byte{0x07}, R: []byte{0x88, 0x13}},
			{Addr: 0x10, W: []byte{0x09}, R: []byte{0x94, 0x11}},
			{Addr: 0x10, W: []byte{0x0a}, R: []byte{0xf4, 0x01}},
			{Addr: 0x10, W: []byte{0x0b}, R: []byte{0xc8, 0x00}},
			{Addr: 0x10, W: []byte{0x00}, R: []byte{0x12, 0x00}},
			{Addr: 0x10, W: []byte{0x00, 0x13, 0x00}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x10), settings: defaults}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, agent.UVIndex, got[0].Property)
		assert.InDelta(t, 6.1153855, got[0].Value, 1e-6)
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer string
		want   error
		text   string
	}{
		"a VEML7700":    {regID, "\x81\xc4", drivers.ErrIdentity, "0xc481"},
		"power lost":    {regConfig, "\x01\x00", drivers.ErrBrownOut, "0x0001"},
		"another time":  {regConfig, "\x02\x00", drivers.ErrBrownOut, "0x0002"},
		"shut down":     {regConfig, "\x13\x00", drivers.ErrBrownOut, "0x0013"},
		"measures on":   {regConfig, "\x10\x00", drivers.ErrBrownOut, "0x0010"},
		"too bright":    {regUVA, "\xff\xff", drivers.ErrRange, "too bright"},
		"UVA of no sun": {regUVA, "\xfe\xff", drivers.ErrRange, "measure"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)},
			func(s *Settings) { s.UVAPerCount = 0.002 })
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
	got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regConfig: []byte("\x16\x00")})
	assert.NoError(t, err, "a part that keeps the word")
	assert.Len(t, got, 1)
}

// What is read is this measurement's, not what was there before.
func TestObserveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		simulate(host, defaults)
		s, err := open(host, defaults)
		require.NoError(t, err)
		for range 3 {
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.InDelta(t, sim.Illuminance()/20000, got[0].Value, 0.005)
			time.Sleep(4 * time.Hour)
		}
	})
}

// After an error the part may be another one.
func TestObserveIdentifiesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		part := newPart(defaults)
		host.AddI2C("1", 0x10, part)
		s, err := open(host, defaults)
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		host.RemoveI2C("1", 0x10)
		_, err = s.Observe(t.Context(), nil)
		require.Error(t, err)
		part.R[regID] = 0xc481
		host.AddI2C("1", 0x10, part)

		_, err = s.Observe(t.Context(), nil)

		assert.ErrorIs(t, err, drivers.ErrIdentity)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(5000), uint16(4500), uint16(500), uint16(200))
	f.Fuzz(func(t *testing.T, uva, uvb, visible, infrared uint16) {
		if v, err := defaults.decode(counts{uva, uvb, visible, infrared}); err == nil {
			assert.True(t, 0 <= v && v <= highest, v)
			assert.Less(t, max(uva, uvb, visible, infrared), uint16(math.MaxUint16))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = defaults.decode(counts{5000, 4500, 500, 200})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x0f: false, 0x10: true, 0x11: false} {
		err := Settings{drivers.I2C{Address: address}, 0.001461, 0.002591}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for _, f := range []float64{0, -0.001, 0.03, math.NaN(), math.Inf(1)} {
		assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x10}, f, 0.001}.Validate(), "uva_per_count")
		assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x10}, 0.001, f}.Validate(), "uvb_per_count")
	}
}
