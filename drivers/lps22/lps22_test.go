package lps22

import (
	"testing"
	"testing/synctest"

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
	for name, c := range map[string]chip{"LPS22HB": lps22hb, "LPS22HH": lps22hh, "LPS22DF": lps22df} {
		t.Run(name, func(t *testing.T) {
			d := drivers.New(Driver.Info, Driver.Defaults().(Settings), open, func(host *sim.Host, s Settings) { s.Simulate(host, newPart(c)) })
			drivertest.Run[Settings](t, d)
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
}

// Steps of the datasheets, table "Pressure and temperature sensor characteristics".
func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		data                  string
		temperature, pressure float64
	}{
		"standard atmosphere at 25 °C": {"\x00\x54\x3f\xc4\x09", 25, 1013.25},
		"all three bytes":              {"\x8d\xf5\x3f\xc4\x09", 25, 4191629.0 / 4096},
		"below 0 °C":                   {"\x00\x54\x3f\xff\xff", -0.01, 1013.25},
		"coldest and thinnest":         {"\x00\x40\x10\x60\xf0", -40, 260},
		"hottest and thickest":         {"\x00\xc0\x4e\x34\x21", 85, 1260},
	} {
		temperature, pressure, err := decode([5]byte([]byte(tt.data)))

		require.NoError(t, err, name)
		assert.InDelta(t, tt.temperature, temperature, 1e-9, name)
		assert.InDelta(t, tt.pressure, pressure, 1e-9, name)
	}
}

// The whole conversation with each part, which takes its time.
func TestObserve(t *testing.T) {
	for name, tt := range map[string]struct {
		id, control, control2 byte
	}{
		"LPS22HB": {0xb1, 0x12, 0x10},
		"LPS22HH": {0xb3, 0x12, 0x12},
		"LPS22DF": {0xb4, 0x0c, 0x08},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
					{Addr: 0x5c, W: []byte{0x0f}, R: []byte{tt.id}},
					{Addr: 0x5c, W: []byte{0x11, tt.control2 | 0x04}},
					{Addr: 0x5c, W: []byte{0x11}, R: []byte{0x14}},
					{Addr: 0x5c, W: []byte{0x11}, R: []byte{0x10}},
					{Addr: 0x5c, W: []byte{0x11, tt.control2}},
					{Addr: 0x5c, W: []byte{0x10, tt.control}},
					{Addr: 0x5c, W: []byte{0x27}, R: []byte{0x00}},
					{Addr: 0x5c, W: []byte{0x27}, R: []byte{0x01}},
					{Addr: 0x5c, W: []byte{0x27}, R: []byte{0x02}},
					{Addr: 0x5c, W: []byte{0x27}, R: []byte{0x33}},
					{Addr: 0x5c, W: []byte{0x2b}, R: []byte{0xc4, 0x09}},
					{Addr: 0x5c, W: []byte{0x28}, R: []byte{0x00, 0x54, 0x3f}},
					{Addr: 0x5c, W: []byte{0x10}, R: []byte{tt.control, tt.control2}},
				}}
				s := &sensor{dev: i2cbus.New("1", bus).Dev(0x5c)}

				got, err := s.Observe(t.Context(), nil)

				require.NoError(t, err)
				assert.Equal(t, []agent.Result{
					{Property: agent.AirTemperature, Value: 25},
					{Property: agent.AtmosphericPressure, Value: 1013.25},
				}, got)
				assert.NoError(t, bus.Close(), "every expected transaction took place")
			})
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
		"a LPS25HB":                {regID, "\xbd", drivers.ErrIdentity, "0xbd"},
		"never ends its reset":     {regControl2, "\x14", drivers.ErrNotReady, "reset"},
		"never measures":           {regStatus, "\x00", drivers.ErrNotReady, "measure"},
		"measures no temperature":  {regStatus, "\x01", drivers.ErrNotReady, "measure"},
		"measures no pressure":     {regStatus, "\x02", drivers.ErrNotReady, "measure"},
		"rate lost":                {regControl, "\x00\x10", drivers.ErrBrownOut, "00 10"},
		"other settings lost":      {regControl, "\x12\x00", drivers.ErrBrownOut, "12 00"},
		"too hot":                  {regTemperature, "\x35\x21", drivers.ErrRange, "temperature"},
		"too cold":                 {regTemperature, "\x5f\xf0", drivers.ErrRange, "temperature"},
		"pressure too low":         {regPressure, "\xff\x3f\x10", drivers.ErrRange, "pressure"},
		"pressure too high":        {regPressure, "\x01\xc0\x4e", drivers.ErrRange, "pressure"},
		"pressure below a vacuum":  {regPressure, "\x00\x54\xbf", drivers.ErrRange, "pressure"},
		"pressure of a dead part":  {regPressure, "\x00\x00\x00", drivers.ErrRange, "pressure"},
		"pressure of an open wire": {regPressure, "\xff\xff\xff", drivers.ErrRange, "pressure"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00\x54\x3f\xc4\x09"))
	f.Add([]byte("\x66\x66\x2f\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 5 {
			return
		}
		if temperature, pressure, err := decode([5]byte(b)); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 85, temperature)
			assert.True(t, 260 <= pressure && pressure <= 1260, pressure)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = decode([5]byte{0x00, 0x54, 0x3f, 0xc4, 0x09})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x5b: false, 0x5c: true, 0x5d: true, 0x5e: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
