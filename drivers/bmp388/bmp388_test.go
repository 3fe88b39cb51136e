package bmp388

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

// gobot is the calibration of a real part (the tests of the driver by gobot).
const gobot = "\x24\x6b\x9c\x49\xf6\x68\xff\xbd\xf5\x23\x00\x97\x65\xb8\x7a\xf3\xf6\xd3\x40\x0e\xc4"

func TestConvert(t *testing.T) {
	for name, tt := range map[string]struct {
		calibration, data     string
		temperature, pressure float64
	}{
		"computed apart with the datasheet's formulas": {string(image[:]), "\x00\x90\x66\x00\x0c\x80", 23.2406, 1008.92348},
		"a part by gobot": {gobot, "\x00\x42\x71\x00\x1c\x7f", 22.90614, 988.74855},
	} {
		c, err := parse([21]byte([]byte(tt.calibration)))
		require.NoError(t, err, name)

		temperature, pressure, err := c.convert([6]byte([]byte(tt.data)))

		require.NoError(t, err, name)
		assert.InDelta(t, tt.temperature, temperature, 0.0001, name)
		assert.InDelta(t, tt.pressure, pressure, 0.0001, name)
	}
}

// The whole conversation with a BMP390 that takes its time.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := []byte{0, 0x70, 0x00, 0x42, 0x71, 0x00, 0x1c, 0x7f}
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x76, W: []byte{0x00}, R: []byte{0x60}},
			{Addr: 0x76, W: []byte{0x7e, 0xb6}},
			{Addr: 0x76, W: []byte{0x03}, R: []byte{0x00}},
			{Addr: 0x76, W: []byte{0x03}, R: []byte{0x10}},
			{Addr: 0x76, W: []byte{0x1c, 0x03}},
			{Addr: 0x76, W: []byte{0x31}, R: []byte(gobot)},
			{Addr: 0x76, W: []byte{0x1b, 0x13}},
			{Addr: 0x76, W: []byte{0x02}, R: []byte{0, 0x50, 1, 2, 3, 4, 5, 6}},
			{Addr: 0x76, W: []byte{0x02}, R: data},
			{Addr: 0x76, W: []byte{0x1b}, R: []byte{0x03, 0x03}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x76)}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.Equal(t, agent.AirTemperature, got[0].Property)
		assert.InDelta(t, 22.90614, got[0].Value, 0.0001)
		assert.Equal(t, agent.AtmosphericPressure, got[1].Property)
		assert.InDelta(t, 988.74855, got[1].Value, 0.0001)
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
		"a BMP280":                      {regID, "\x58", drivers.ErrIdentity, "0x58"},
		"never takes commands":          {regStatus, "\x00", drivers.ErrNotReady, "reset"},
		"no calibration":                {regCalibration, "\x00\x00", drivers.ErrNoReading, "calibration"},
		"an error of the part":          {regError, "\x04\x70", drivers.ErrNoReading, "0x04"},
		"pressure not ready":            {regError, "\x00\x50", drivers.ErrNotReady, "measure"},
		"temperature not ready":         {regError, "\x00\x30", drivers.ErrNotReady, "measure"},
		"oversampling lost":             {regPower, "\x03\x02", drivers.ErrBrownOut, "03 02"},
		"switched off":                  {regPower, "\x00\x03", drivers.ErrBrownOut, "00 03"},
		"pressure as after power-on":    {regError, "\x00\x70\x00\x00\x80", drivers.ErrNoReading, "00 00 80"},
		"temperature as after power-on": {regError, "\x00\x70\x00\x90\x66\x00\x00\x80", drivers.ErrNoReading, "00 00 80"},
		"too hot":                       {regError, "\x00\x70\x00\x90\x66\x00\x00\xe0", drivers.ErrRange, "temperature"},
		"too cold":                      {regError, "\x00\x70\x00\x90\x66\x00\x00\x20", drivers.ErrRange, "temperature"},
		"pressure too high":             {regError, "\x00\x70\x00\x00\x10", drivers.ErrRange, "pressure"},
		"pressure too low":              {regError, "\x00\x70\x00\x00\xf0", drivers.ErrRange, "pressure"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func TestVectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "bmp388.json") {
		var r [256]byte
		v.Fill(t, &r)
		c, err := parse([21]byte(r[regCalibration:]))
		require.NoError(t, err, v.ID)
		temperature, pressure, err := c.convert([6]byte(r[regData:]))
		require.NoError(t, err, v.ID)
		for _, want := range v.Expect {
			value := map[string]float64{"temperature": temperature, "pressure": pressure * 100}[want.Quantity]
			assert.InDelta(t, want.Value, value, want.Tol, v.ID+" "+want.Quantity)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append(image[:], 0x00, 0x90, 0x66, 0x00, 0x0c, 0x80))
	f.Add([]byte(gobot + "\x00\x42\x71\x00\x1c\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 27 {
			return
		}
		c, err := parse([21]byte(b))
		if err != nil {
			return
		}
		if temperature, pressure, err := c.convert([6]byte(b[21:])); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 85, temperature)
			assert.True(t, 300 <= pressure && pressure <= 1250, pressure)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c, err := parse(image)
	require.NoError(b, err)
	for b.Loop() {
		_, _, _ = c.convert([6]byte{0x00, 0x90, 0x66, 0x00, 0x0c, 0x80})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x75: false, 0x76: true, 0x77: true, 0x78: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
