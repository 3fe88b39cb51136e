package bme680

import (
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

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("NoGas", func(t *testing.T) { drivertest.Run(t, Driver, func(s *Settings) { s.Gas = false }) })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// field is what a part measured (an issue of Pimoroni's driver, whose maker's
// floating-point code gives these values), with gas of a BME680 and of a BME688.
const (
	field    = "\x80\x00\x56\x4c\xd0\x7a\x5f\x80\x4a\x4b\x00\x00\x00\xaf\x34\x00\x00"
	field688 = "\x80\x00\x56\x4c\xd0\x7a\x5f\x80\x4a\x4b\x00\x00\x00\x00\x00\x80\x35"
)

// The whole conversation, with either part.
func TestObserve(t *testing.T) {
	for _, tt := range []struct {
		variant, run byte
		field        string
		ohms         float64
	}{
		{0, 0x10, field, 438044},
		{1, 0x20, field688, 2000000},
	} {
		synctest.Test(t, func(t *testing.T) {
			bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
				{Addr: 0x76, W: []byte{0xd0}, R: []byte{0x61}},
				{Addr: 0x76, W: []byte{0xf0}, R: []byte{tt.variant}},
				{Addr: 0x76, W: []byte{0xe0, 0xb6}},
				{Addr: 0x76, W: []byte{0x72, 0x01, 0x75, 0x00}},
				{Addr: 0x76, W: []byte{0x89}, R: stored.first[:]},
				{Addr: 0x76, W: []byte{0xe1}, R: stored.more[:]},
				{Addr: 0x76, W: []byte{0x00}, R: stored.heater[:]},
				{Addr: 0x76, W: []byte{0x5a, 0x6a, 0x64, 0x65, 0x71, tt.run, 0x74, 0x4d}},
				{Addr: 0x76, W: []byte{0x1d}, R: []byte("\x60\x00" + tt.field[2:])},
				{Addr: 0x76, W: []byte{0x1d}, R: []byte(tt.field)},
				{Addr: 0x76, W: []byte{0x71}, R: []byte{tt.run, 0x01, 0, 0x4c, 0}},
			}}
			s := &sensor{dev: i2cbus.New("1", bus).Dev(0x76), gas: true, ambient: 25}

			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			require.Len(t, got, 4)
			assert.Equal(t, agent.AirTemperature, got[0].Property)
			assert.InDelta(t, 26.69312, got[0].Value, 0.0001)
			assert.Equal(t, agent.RelativeHumidity, got[1].Property)
			assert.InDelta(t, 42.40972, got[1].Value, 0.0001)
			assert.Equal(t, agent.AtmosphericPressure, got[2].Property)
			assert.InDelta(t, 987.16926, got[2].Value, 0.0001)
			assert.Equal(t, agent.GasResistance, got[3].Property)
			assert.InDelta(t, tt.ohms, got[3].Value, 1)
			assert.Equal(t, agent.WarmUp, got[3].Quality)
			assert.Zero(t, got[0].Quality, "the others need no heating")
			assert.NoError(t, bus.Close(), "every expected transaction took place")
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer string
		want   error
		text   string
	}{
		"a BME280":                      {regID, "\x60", drivers.ErrIdentity, "0x60"},
		"a variant to come":             {regVariant, "\x02", drivers.ErrIdentity, "variant"},
		"no calibration":                {regCalibration, "\x00\x00\x00", drivers.ErrNoReading, "calibration"},
		"no calibration of humidity":    {regMore, "\x00\x00", drivers.ErrNoReading, "calibration"},
		"never ready":                   {regField, "\x20" + field[1:], drivers.ErrNotReady, "measure"},
		"gas switched off":              {regCtrlGas, "\x00", drivers.ErrBrownOut, "00 01"},
		"humidity switched off":         {regCtrlGas, "\x10\x00", drivers.ErrBrownOut, "10 00"},
		"oversampling lost":             {regCtrlGas, "\x10\x01\x00\x00", drivers.ErrBrownOut, "10 01"},
		"a filter":                      {regCtrlGas, "\x10\x01\x00\x4c\x04", drivers.ErrBrownOut, "4c 04"},
		"pressure as after power-on":    {regField, "\x80\x00\x80\x00\x00", drivers.ErrNoReading, "80 00 00"},
		"temperature as after power-on": {regField, field[:5] + "\x80\x00\x00", drivers.ErrNoReading, "80 00 00"},
		"humidity as after power-on":    {regField, field[:8] + "\x80\x00", drivers.ErrNoReading, "80 00"},
		"humidity 0000":                 {regField, field[:8] + "\x00\x00", drivers.ErrNoReading, "humidity"},
		"humidity ffff":                 {regField, field[:8] + "\xff\xff", drivers.ErrNoReading, "humidity"},
		"too hot":                       {regField, field[:5] + "\xf0\x00\x00", drivers.ErrRange, "temperature"},
		"pressure too low":              {regField, "\x80\x00\xff\xf0\x00" + field[5:], drivers.ErrRange, "pressure"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

// Air is measured even when the heater fails, which is told.
func TestHeaterFails(t *testing.T) {
	for _, low := range []string{"\x14", "\x24", "\x04"} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regField: []byte(field[:14] + low)})
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.ErrorContains(t, err, "gas: the heater")
		require.Len(t, got, 3)
		assert.InDelta(t, 26.69312, got[0].Value, 0.0001)
	}
}

func TestWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddI2C("1", 0x76, newPart(1))
		s, err := open(host, defaults)
		require.NoError(t, err)
		for _, want := range []agent.Quality{agent.WarmUp, agent.WarmUp, agent.WarmUp, 0, 0} {
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 4)
			assert.Equal(t, want, got[3].Quality)
			time.Sleep(10*time.Minute + time.Second)
		}
	})
}

func TestResistance(t *testing.T) {
	c, err := parse(stored)
	require.NoError(t, err)
	for _, tt := range []struct {
		code         uint16
		scale        byte
		ohms, bme688 float64
	}{
		// Computed apart with the maker's integer formulas.
		{700, 4, 438044, 0},
		{512, 5, 248262, 2000000},
		{300, 7, 74959, 0},
		{0, 0, 12946860, 102400000},
	} {
		assert.InEpsilon(t, tt.ohms, c.resistance(tt.code, tt.scale), 1e-5)
		if tt.bme688 != 0 {
			assert.InEpsilon(t, tt.bme688, resistance688(tt.code, tt.scale), 1e-9)
		}
	}
}

func TestHeater(t *testing.T) {
	c, err := parse(stored)
	require.NoError(t, err)
	assert.EqualValues(t, 0x6a, c.heater(320, 25))
	assert.InDelta(t, 0x65, c.heater(300, 25), 1, "as the integer formula has it, but for rounding")
	assert.EqualValues(t, 0xff, c.heater(1000, 25), "no wrapping round to cold")
}

func TestParse(t *testing.T) {
	c, err := parse(stored)
	require.NoError(t, err)
	assert.Equal(t, calibration{
		t1: 26041, t2: 26469, t3: 3,
		p1: 36673, p2: -10515, p3: 88, p4: 7310, p5: -129, p6: 30, p7: 46, p8: -3177, p9: -2379, p10: 30,
		h1: 676, h2: 1029, h3: 0, h4: 45, h5: 20, h6: 120, h7: -100,
		gh1: -30, gh2: -24754, gh3: 18, heatRange: 1, heatValue: 48,
	}, c, "as the vector has them")
	signs := stored
	signs.heater = [5]byte{0xff, 0, 0x30, 0, 0xf0}
	c, err = parse(signs)
	require.NoError(t, err)
	assert.Equal(t, [3]float64{-1, 3, -1}, [3]float64{c.heatValue, c.heatRange, c.switchError})
}

func TestVectors(t *testing.T) {
	c, err := parse(stored)
	require.NoError(t, err)
	for _, v := range drivertest.Vectors(t, "bme680.json") {
		adc := func(name string) uint32 { return uint32(v.Conditions["adc_"+name].(float64)) }
		fine := c.fine(adc("temperature"))
		got := map[string]float64{
			"temperature": fine / 5120,
			"pressure":    c.pressure(adc("pressure"), fine),
			"humidity":    c.humidity(uint16(adc("humidity")), fine/5120),
		}
		for _, want := range v.Expect {
			assert.InDelta(t, want.Value, got[want.Quantity], want.Tol, v.ID+" "+want.Quantity)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append(append(append(stored.first[:], stored.more[:]...), stored.heater[:]...), field...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 44+17 {
			return
		}
		c, err := parse(image{[25]byte(b), [14]byte(b[25:]), [5]byte(b[39:])})
		if err != nil {
			return
		}
		if v, err := c.convert([8]byte(b[46:])); err == nil {
			assert.True(t, -40 <= v.temperature && v.temperature <= 85, v.temperature)
			assert.True(t, 300 <= v.pressure && v.pressure <= 1100, v.pressure)
			assert.True(t, 0 <= v.humidity && v.humidity <= 100, v.humidity)
		}
		for _, s := range []sensor{{calibration: c}, {calibration: c, bme688: true}} {
			if ohms, err := s.resistance([17]byte(b[44:])); err == nil {
				assert.True(t, 0 < ohms && ohms < 1e9, ohms)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c, err := parse(stored)
	require.NoError(b, err)
	for b.Loop() {
		_, _ = c.convert([8]byte([]byte(field[2:10])))
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x75: false, 0x76: true, 0x77: true, 0x78: false} {
		err := Settings{drivers.I2C{Address: address}, true}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
