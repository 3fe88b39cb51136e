package tsl2591

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
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Computed apart with the formula: 408/(ms·gain)·(all−ir)·(1−ir/all).
func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		scale         scale
		all, infrared uint16
		want          float64
	}{
		"a room":                   {middle, 1000, 200, 104.448},
		"the sun":                  {bright, 20000, 5000, 45900},
		"the brightest":            {bright, 0x8ffe, 0, 150396.96},
		"a street lamp":            {dark, 2500, 500, 5.0841121},
		"the brightest of dark":    {dark, 0xfffe, 0, 208.2388785},
		"starless night":           {dark, 0, 0, 0},
		"noise of night":           {dark, 3, 4, 0},
		"noise that is all":        {dark, 99, 99, 0},
		"an incandescent lamp":     {middle, 10000, 6000, 261.12},
		"hardly any visible light": {middle, 100, 99, 0.001632},
	} {
		got, err := tt.scale.decode(tt.all, tt.infrared)
		require.NoError(t, err, name)
		assert.Equal(t, agent.Illuminance, got.Property, name)
		assert.InDelta(t, tt.want, got.Value, 1e-6, name)
		assert.Zero(t, got.Quality, name)
	}
}

// In the sun the part says how bright it is at least.
func TestDecodeSaturated(t *testing.T) {
	for _, all := range []uint16{0x8fff, 0x9000, 0xffff} {
		got, err := bright.decode(all, 12000)
		require.NoError(t, err)
		assert.InDelta(t, 68418.97, got.Value, 0.01)
		assert.Equal(t, agent.Saturated, got.Quality)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		scale         scale
		all, infrared uint16
		want          error
	}{
		"too bright for the middle":  {middle, 0x8fff, 100, drivers.ErrRange},
		"too bright for the dark":    {dark, 0xffff, 100, drivers.ErrRange},
		"too much infrared":          {bright, 100, 0x8fff, drivers.ErrRange},
		"more infrared than light":   {middle, 100, 101, drivers.ErrNoReading},
		"as much of it, and nothing": {middle, 20000, 20000, drivers.ErrNoReading},
		"too much of both":           {bright, 0x8fff, 0x8fff, drivers.ErrRange},
	} {
		got, err := tt.scale.decode(tt.all, tt.infrared)
		assert.ErrorIs(t, err, tt.want, name)
		assert.Zero(t, got.Value, name)
	}
}

// The scale fits the light, from night to sun.
func TestObserveScales(t *testing.T) {
	for lux, want := range map[float64]scale{
		0: dark, 0.05: dark, 20: dark, 80: dark, 110: middle, 1000: middle, 2700: middle, 2800: bright, 84000: bright,
	} {
		synctest.Test(t, func(t *testing.T) {
			host := new(sim.Host)
			host.AddI2C("1", 0x29, newPart(func() float64 { return lux }))
			s, err := open(host, Settings{drivers.I2C{Address: 0x29}})
			require.NoError(t, err)
			var last byte
			host.SetFault(func(op sim.Op) error {
				if len(op.W) == 2 && op.W[0] == regScale {
					last = op.W[1]
				}
				return op.Err
			})

			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			require.Len(t, got, 1)
			assert.Equal(t, agent.Illuminance, got[0].Property)
			assert.InDelta(t, lux, got[0].Value, 0.005+lux*0.005)
			assert.Equalf(t, want.control, last, "%g lx", lux)
		})
	}
}

// The whole conversation in a room, with a part that takes its time.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x29, W: []byte{0xb2}, R: []byte{0x50}},
			{Addr: 0x29, W: []byte{0xa0, 0x00}},
			{Addr: 0x29, W: []byte{0xa1, 0x10}},
			{Addr: 0x29, W: []byte{0xa0, 0x03}},
			{Addr: 0x29, W: []byte{0xb3}, R: []byte{0x30}},
			{Addr: 0x29, W: []byte{0xb3}, R: []byte{0x31}},
			{Addr: 0x29, W: []byte{0xb4}, R: []byte{0xe8, 0x03, 0xc8, 0x00}},
			{Addr: 0x29, W: []byte{0xa0}, R: []byte{0x03, 0x10}},
			{Addr: 0x29, W: []byte{0xa0, 0x00}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x29)}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.InDelta(t, 104.448, got[0].Value, 1e-9)
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
		"a VL53L0X":           {regID, "\xee", drivers.ErrIdentity, "0xee"},
		"never measures":      {regStatus, "\x00", drivers.ErrNotReady, "wait"},
		"switched off":        {regEnable, "\x00\x10", drivers.ErrBrownOut, "00 10"},
		"another scale":       {regEnable, "\x03\x00", drivers.ErrBrownOut, "03 00"},
		"too bright":          {regData, "\xff\x8f\xff\x8f", drivers.ErrRange, "too bright"},
		"infrared alone":      {regData, "\x00\x10\x00\x20", drivers.ErrNoReading, "infrared"},
		"all ones on a scale": {regData, "\xff\xff\xff\xff", drivers.ErrRange, "too bright"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

// After an error the part may be another one.
func TestObserveIdentifiesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		part := newPart(sim.Illuminance)
		host.AddI2C("1", 0x29, part)
		s, err := open(host, Settings{drivers.I2C{Address: 0x29}})
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		host.RemoveI2C("1", 0x29)
		_, err = s.Observe(t.Context(), nil)
		require.Error(t, err)
		part.R[regID&0x1f] = 0xee
		host.AddI2C("1", 0x29, part)

		_, err = s.Observe(t.Context(), nil)

		assert.ErrorIs(t, err, drivers.ErrIdentity)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(1), uint16(1000), uint16(200))
	f.Add(byte(0), uint16(0x8fff), uint16(0))
	f.Fuzz(func(t *testing.T, which byte, all, infrared uint16) {
		c := []scale{bright, middle, dark}[which%3]
		if v, err := c.decode(all, infrared); err == nil {
			assert.True(t, 0 <= v.Value && v.Value <= 150_402, v)
			assert.Less(t, infrared, c.full)
			assert.Equal(t, all >= c.full, v.Quality == agent.Saturated)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = middle.decode(1000, 200)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x28: false, 0x29: true, 0x2a: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
