package hts221

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

// example is the calibration of the datasheet's tables 20 and 21: 10 °C at 300
// and 20 °C at 500, 20 % at 4000 and 40 % at 6000.
const example = "\x28\x50\x50\xa0\x00\x00\xa0\x0f\x00\x00\x70\x17\x2c\x01\xf4\x01"

func TestConvert(t *testing.T) {
	for name, tt := range map[string]struct {
		calibration, data     string
		temperature, humidity float64
	}{
		"datasheet, tables 20 and 21": {example, "\x88\x13\x90\x01", 15, 30},
		"first points":                {example, "\xa0\x0f\x2c\x01", 10, 20},
		"second points":               {example, "\x70\x17\xf4\x01", 20, 40},
		"as dry as can be":            {example, "\xd0\x07\x90\x01", 15, 0},
		"noise below 0 %":             {example, "\xdc\x05\x90\x01", 15, 0},
		"noise above 100 %":           {example, "\x4c\x2f\x90\x01", 15, 100},
		"97 °C at 300, 98 °C at 500":  {"\x28\x50\x08\x10\x00\x0f\xa0\x0f\x00\x00\x70\x17\x2c\x01\xf4\x01", "\x88\x13\x90\x01", 97.5, 30},
		"below 0 °C":                  {example, "\x88\x13\x00\x00", -5, 30},
		// 19.875 and 33.75 °C, of which one has upper bits, and a humidity that counts down:
		// computed apart from the formula of section 8.
		"points with all bits": {string(image[:]), "\x18\xfc\x90\x01", 27.143733, 35.446955},
	} {
		c, err := parse([16]byte([]byte(tt.calibration)))
		require.NoError(t, err, name)

		temperature, humidity, err := c.convert([4]byte([]byte(tt.data)))

		require.NoError(t, err, name)
		assert.InDelta(t, tt.temperature, temperature, 1e-6, name)
		assert.InDelta(t, tt.humidity, humidity, 1e-6, name)
	}
}

func TestConvertRefuses(t *testing.T) {
	c, err := parse([16]byte([]byte(example)))
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		data string
		want error
		text string
	}{
		"humidity below the converter":    {"\x00\x80\x90\x01", drivers.ErrNoReading, "00 80"},
		"humidity above the converter":    {"\xff\x7f\x90\x01", drivers.ErrNoReading, "ff 7f"},
		"temperature below the converter": {"\x88\x13\x00\x80", drivers.ErrNoReading, "00 80"},
		"temperature above the converter": {"\x88\x13\xff\x7f", drivers.ErrNoReading, "ff 7f"},
		"too cold":                        {"\x88\x13\x43\xfd", drivers.ErrRange, "temperature"},
		"too hot":                         {"\x88\x13\xc5\x09", drivers.ErrRange, "temperature"},
		"far below 0 %":                   {"\xdb\x05\x90\x01", drivers.ErrRange, "humidity"},
		"far above 100 %":                 {"\xd5\x30\x90\x01", drivers.ErrRange, "humidity"},
	} {
		temperature, humidity, err := c.convert([4]byte([]byte(tt.data)))
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Zero(t, temperature, name)
		assert.Zero(t, humidity, name)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, b := range map[string]string{
		// A part that lost its calibration (ST's forum, "how to convert the value to
		// temperature").
		"points in one place": "\x40\x91\xbf\xbf\x00\x04\xfe\xff\x00\x00\x30\xd2\x00\x00\x00\x00",
		"no humidity":         "\x40\x91\x50\xa0\x00\x00\xfe\xff\x00\x00\xfe\xff\x2c\x01\xf4\x01",
		"no warmer":           "\x40\x91\xa0\xa0\x00\x00\xfe\xff\x00\x00\x30\xd2\x2c\x01\xf4\x01",
		"no damper":           "\x91\x40\x50\xa0\x00\x00\xfe\xff\x00\x00\x30\xd2\x2c\x01\xf4\x01",
	} {
		_, err := parse([16]byte([]byte(b)))
		assert.ErrorIs(t, err, drivers.ErrNoReading, name)
	}
}

// The whole conversation with a part that takes its time.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x5f, W: []byte{0x0f}, R: []byte{0xbc}},
			{Addr: 0x5f, W: []byte{0x21, 0x80}},
			{Addr: 0x5f, W: []byte{0x21}, R: []byte{0x80}},
			{Addr: 0x5f, W: []byte{0x21}, R: []byte{0x00}},
			{Addr: 0x5f, W: []byte{0x10, 0x24}},
			{Addr: 0x5f, W: []byte{0x20, 0x85}},
			{Addr: 0x5f, W: []byte{0xb0}, R: []byte(example)},
			{Addr: 0x5f, W: []byte{0x27}, R: []byte{0x00}},
			{Addr: 0x5f, W: []byte{0x27}, R: []byte{0x01}},
			{Addr: 0x5f, W: []byte{0x27}, R: []byte{0x02}},
			{Addr: 0x5f, W: []byte{0x27}, R: []byte{0x03}},
			{Addr: 0x5f, W: []byte{0xa8}, R: []byte{0x88, 0x13, 0x90, 0x01}},
			{Addr: 0x5f, W: []byte{0x20}, R: []byte{0x85}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x5f)}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		assert.Equal(t, []agent.Result{
			{Property: agent.AirTemperature, Value: 15},
			{Property: agent.RelativeHumidity, Value: 30},
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
		"a LPS22HB":               {regID, "\xb1", drivers.ErrIdentity, "0xb1"},
		"never loads":             {regControl2, "\x80", drivers.ErrNotReady, "load calibration"},
		"no calibration":          {regCalibration | onward, "\x00\x00", drivers.ErrNoReading, "calibration"},
		"never measures":          {regStatus, "\x00", drivers.ErrNotReady, "measure"},
		"measures no humidity":    {regStatus, "\x01", drivers.ErrNotReady, "measure"},
		"measures no temperature": {regStatus, "\x02", drivers.ErrNotReady, "measure"},
		"switched off":            {regControl, "\x00", drivers.ErrBrownOut, "0x00"},
		"no humidity":             {regData | onward, "\x00\x80", drivers.ErrNoReading, "measure"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(example + "\x88\x13\x90\x01"))
	f.Add(append(image[:], 0x18, 0xfc, 0x90, 0x01))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 20 {
			return
		}
		c, err := parse([16]byte(b))
		if err != nil {
			return
		}
		if temperature, humidity, err := c.convert([4]byte(b[16:])); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 120, temperature)
			assert.True(t, 0 <= humidity && humidity <= 100, humidity)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c, err := parse(image)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = c.convert([4]byte{0x18, 0xfc, 0x90, 0x01})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x5e: false, 0x5f: true, 0x60: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
