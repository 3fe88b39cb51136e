package bmp180

import (
	"encoding/hex"
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
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// The worked example of the datasheet, section 3.5.
func TestConvert(t *testing.T) {
	c, err := parse(image)
	require.NoError(t, err)
	assert.Equal(t, calibration{408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868}, c)

	degrees, hectopascals, err := c.convert(27898, 23843, 0)

	require.NoError(t, err)
	assert.InDelta(t, 15.0, degrees, 1e-9)
	assert.InDelta(t, 699.64, hectopascals, 1e-9)
}

// senlib is the calibration of a real part (the tests of the driver by senlib).
const senlib = "\x1b\x67\xfb\x97\xc7\x34\x7f\x90\x61\xa4\x41\xee\x19\x73\x00\x2a\x80\x00\xd1\xf6\x0b\x06"

// The whole conversation, with the results of that part.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x77, W: []byte{0xd0}, R: []byte{0x55}},
			{Addr: 0x77, W: []byte{0xaa}, R: []byte(senlib)},
			{Addr: 0x77, W: []byte{0xf4, 0x2e}},
			{Addr: 0x77, W: []byte{0xf4}, R: []byte{0x2e, 0, 0x12, 0x34, 0}},
			{Addr: 0x77, W: []byte{0xf4}, R: []byte{0x0e, 0, 0x64, 0x0b, 0}},
			{Addr: 0x77, W: []byte{0xf4, 0xf4}},
			{Addr: 0x77, W: []byte{0xf4}, R: []byte{0xd4, 0, 0x91, 0x9d, 0x80}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x77)}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.Equal(t, agent.AirTemperature, got[0].Property)
		assert.InDelta(t, 25.7, got[0].Value, 1e-9)
		assert.Equal(t, agent.AtmosphericPressure, got[1].Property)
		assert.InDelta(t, 928.29, got[1].Value, 1e-9)
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

// Another part at the same address has another calibration, and nothing else that
// tells it from the first: what it measures must not be made with that of the first.
func TestOtherPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, settings := new(sim.Host), Settings{drivers.I2C{Address: 0x77}}
		simulate(host, settings)
		s, err := open(host, settings)
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)

		other := newPart()
		powerOn := other.PowerOn
		other.PowerOn = func(r *sim.Registers) { powerOn(r); copy(r.R[regCalibration:], senlib) }
		other.OnRead = func(r *sim.Registers, _ byte, _ int) { // the results that were recorded with it
			command := r.R[regMeasure]
			r.R[regMeasure] &^= converting
			copy(r.R[regResult:], "\x64\x0b\x00")
			if command&0x3f != temperature&0x3f {
				copy(r.R[regResult:], "\x91\x9d\x80")
			}
		}
		other.Reset()
		settings.Simulate(host, other)
		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.InDelta(t, 25.7, got[0].Value, 1e-9)
		assert.InDelta(t, 928.29, got[1].Value, 1e-9)
	})
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer string
		want   error
		text   string
	}{
		"a BMP280":             {regID, "\x58", drivers.ErrIdentity, "0x58"},
		"a word of 0":          {regCalibration, "\x1b\x67\x00\x00\xc7\x34", drivers.ErrNoReading, "calibration"},
		"a word of ffff":       {regCalibration, "\x1b\x67\xff\xff\xc7\x34", drivers.ErrNoReading, "calibration"},
		"busy for ever":        {regMeasure, "\x2e\x00\x6c\xfa\x00", drivers.ErrNotReady, "temperature"},
		"as after power-on":    {regMeasure, "\x00\x00\x80\x00\x00", drivers.ErrNoReading, "0x8000"},
		"temperature too high": {regMeasure, "\x00\x00\xff\x00\x00", drivers.ErrRange, "temperature"},
		"temperature too low":  {regMeasure, "\x00\x00\x20\x00\x00", drivers.ErrRange, "temperature"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func TestConvertRefuses(t *testing.T) {
	c, err := parse(image)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		ut, up int64
		want   error
	}{
		"pressure as after power-on": {27898, noPressure, drivers.ErrNoReading},
		"pressure too high":          {27898, 0x7ffff, drivers.ErrRange},
		"pressure too low":           {27898, 23843, drivers.ErrRange},
		"no answer":                  {23153 - 2868, 23843 << 3, drivers.ErrRange},
	} {
		degrees, hectopascals, err := c.convert(tt.ut, tt.up, oversampling)
		assert.ErrorIs(t, err, tt.want, name)
		assert.Zero(t, degrees, name)
		assert.Zero(t, hectopascals, name)
	}
}

func TestVectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "bmp180.json") {
		var r [256]byte
		v.Fill(t, &r)
		c, err := parse([22]byte(r[regCalibration:]))
		require.NoError(t, err, v.ID)
		oss := uint(v.Conditions["oversampling"].(float64))
		answer := func(i int) []byte {
			b, err := hex.DecodeString(v.Calls[i].R)
			require.NoError(t, err)
			return b
		}
		ut, up := answer(1), answer(3)

		degrees, hectopascals, err := c.convert(int64(ut[0])<<8|int64(ut[1]),
			(int64(up[0])<<16|int64(up[1])<<8|int64(up[2]))>>(8-oss), oss)

		require.NoError(t, err, v.ID)
		assert.InDelta(t, v.Expect[0].Value, degrees, v.Expect[0].Tol, v.ID)
		assert.InDelta(t, v.Expect[1].Value, hectopascals*100, v.Expect[1].Tol, v.ID)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(image[:], uint16(27898), uint32(23843<<3))
	f.Add([]byte(senlib), uint16(0x640b), uint32(0x919d80>>5))
	f.Fuzz(func(t *testing.T, b []byte, ut uint16, up uint32) {
		if len(b) != 22 {
			return
		}
		c, err := parse([22]byte(b))
		if err != nil {
			return
		}
		degrees, hectopascals, err := c.convert(int64(ut), int64(up&(1<<19-1)), oversampling)
		if err == nil {
			assert.True(t, -40 <= degrees && degrees <= 85, degrees)
			assert.True(t, 300 <= hectopascals && hectopascals <= 1100, hectopascals)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c, err := parse(image)
	require.NoError(b, err)
	for b.Loop() {
		_, _, _ = c.convert(27898, 23843<<3, oversampling)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x76: false, 0x77: true, 0x78: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
