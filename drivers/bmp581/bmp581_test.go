package bmp581

import (
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Steps of the datasheet, section 7, TEMP_DATA and PRESS_DATA.
func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		data                  string
		temperature, pressure float64
	}{
		"standard atmosphere at 25 °C": {"\x00\x00\x19\x40\xf3\x62", 25, 1013.25},
		"one step below 0 °C":          {"\xff\xff\xff\x40\xf3\x62", -1.0 / 65536, 1013.25},
		"coldest and thinnest":         {"\x00\x00\xd8\x00\x4c\x1d", -40, 300},
		"hottest and thickest":         {"\x00\x00\x55\x00\x12\x7a", 85, 1250},
		"one step more":                {"\x01\x00\x19\x41\xf3\x62", 25 + 1.0/65536, 1013.25 + 1.0/6400},
	} {
		temperature, pressure, err := decode([6]byte([]byte(tt.data)))

		require.NoError(t, err, name)
		assert.InDelta(t, tt.temperature, temperature, 1e-9, name)
		assert.InDelta(t, tt.pressure, pressure, 1e-9, name)
	}
}

// The whole conversation with a BMP585 that takes its time.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x46, W: []byte{0x01}, R: []byte{0x51}},
			{Addr: 0x46, W: []byte{0x7e, 0xb6}},
			{Addr: 0x46, W: []byte{0x27}, R: []byte{0x10, 0x02}},
			{Addr: 0x46, W: []byte{0x37, 0xf0}},
			{Addr: 0x46, W: []byte{0x15, 0x01}},
			{Addr: 0x46, W: []byte{0x36, 0x60}},
			{Addr: 0x46, W: []byte{0x37, 0xf2}},
			{Addr: 0x46, W: []byte{0x27}, R: []byte{0x00}},
			{Addr: 0x46, W: []byte{0x27}, R: []byte{0x01}},
			{Addr: 0x46, W: []byte{0x1d}, R: []byte{0x00, 0x00, 0x19, 0x40, 0xf3, 0x62}},
			{Addr: 0x46, W: []byte{0x36}, R: []byte{0x60, 0xf0}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x46)}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		assert.Equal(t, []agent.Result{
			{Property: agent.AirTemperature, Value: 25},
			{Property: agent.AtmosphericPressure, Value: 1013.25},
		}, got)
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
		"a BMP390":                      {regID, "\x60", drivers.ErrIdentity, "0x60"},
		"was not reset":                 {regIntStatus, "\x00\x02", drivers.ErrNotReady, "reset: status 00 02"},
		"memory not read":               {regIntStatus, "\x10\x00", drivers.ErrNotReady, "reset: status 10 00"},
		"memory unreadable":             {regIntStatus, "\x10\x06", drivers.ErrNoReading, "no calibration"},
		"reset while it measured":       {regIntStatus, "\x11\x02", drivers.ErrBrownOut, "0x11"},
		"oversampling lost":             {regOSR, "\x00\xf0", drivers.ErrBrownOut, "00 f0"},
		"in deep standby":               {regOSR, "\x60\x70", drivers.ErrBrownOut, "60 70"},
		"still at it":                   {regOSR, "\x60\xf2", drivers.ErrBrownOut, "60 f2"},
		"temperature as after power-on": {regData, "\x7f\x7f\x7f", drivers.ErrNoReading, "7f 7f 7f"},
		"pressure as after power-on":    {regData, "\x00\x00\x19\x7f\x7f\x7f", drivers.ErrNoReading, "7f 7f 7f"},
		"too hot":                       {regData, "\x01\x00\x55", drivers.ErrRange, "temperature"},
		"too cold":                      {regData, "\xff\xff\xd7", drivers.ErrRange, "temperature"},
		"pressure too low":              {regData, "\x00\x00\x19\xff\x4b\x1d", drivers.ErrRange, "pressure"},
		"pressure too high":             {regData, "\x00\x00\x19\x01\x12\x7a", drivers.ErrRange, "pressure"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

// A part that never ends a measurement is given up.
func TestObserveNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := []i2ctest.IO{{Addr: 0x47, W: []byte{0x37, 0xf2}}}
		for range polls {
			ops = append(ops, i2ctest.IO{Addr: 0x47, W: []byte{0x27}, R: []byte{0x00}})
		}
		bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x47), ready: true}

		got, err := s.Observe(t.Context(), nil)

		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.Empty(t, got)
		assert.False(t, s.ready, "initialised again")
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00\x00\x19\x40\xf3\x62"))
	f.Add([]byte("\x7f\x7f\x7f\x7f\x7f\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 6 {
			return
		}
		if temperature, pressure, err := decode([6]byte(b)); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 85, temperature)
			assert.True(t, 300 <= pressure && pressure <= 1250, pressure)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = decode([6]byte{0x00, 0x00, 0x19, 0x40, 0xf3, 0x62})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x45: false, 0x46: true, 0x47: true, 0x48: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
