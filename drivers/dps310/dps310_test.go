package dps310

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
	t.Run("AnyProduct", func(t *testing.T) { drivertest.Run(t, Driver, func(s *Settings) { s.AnyProduct = true }) })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func TestConvert(t *testing.T) {
	tests := []struct {
		name                  string
		coefficients          string
		data                  string
		temperature, pressure float64
	}{
		{
			"computed apart with the datasheet's formulas",
			"\x0c\xce\xfb\x13\xca\xaf\x2a\x66\xf4\xbb\x04\xfa\xd9\x24\x00\x8e\xfa\x2b",
			"\xcd\xc2\x12\x02\x5c\x32", 25.0005, 1013.24998,
		},
		{
			"the part that QEMU's model was made from",
			"\x0e\x1e\xdd\x13\xca\x5f\x21\x52\xf9\xc6\x04\xd1\xdb\x47\x00\x5b\xfb\x3a",
			"\xfe\x2f\xee\x02\x69\xa6", 24.73843, 814.33678,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse([18]byte([]byte(tt.coefficients)))
			require.NoError(t, err)

			temperature, pressure, err := c.convert([6]byte([]byte(tt.data)))

			require.NoError(t, err)
			assert.InDelta(t, tt.temperature, temperature, 0.0001)
			assert.InDelta(t, tt.pressure, pressure, 0.0001)
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	c, err := parse(image)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		data string
		want error
		text string
	}{
		"pressure as after power-on":    {"\x80\x00\x00\x02\x5c\x32", drivers.ErrNoReading, "80 00 00"},
		"temperature as after power-on": {"\xcd\xc2\x12\x80\x00\x00", drivers.ErrNoReading, "80 00 00"},
		"too hot":                       {"\xcd\xc2\x12\x00\x00\x00", drivers.ErrRange, "temperature"},
		"too cold":                      {"\xcd\xc2\x12\x05\x00\x00", drivers.ErrRange, "temperature"},
		"pressure too high":             {"\x88\x00\x00\x02\x5c\x32", drivers.ErrRange, "pressure"},
		"pressure too low":              {"\x70\x00\x00\x02\x5c\x32", drivers.ErrRange, "pressure"},
	} {
		temperature, pressure, err := c.convert([6]byte([]byte(tt.data)))
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Zero(t, temperature, name)
		assert.Zero(t, pressure, name)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, b := range []byte{0x00, 0xff} {
		var c [18]byte
		for i := range c {
			c[i] = b
		}
		_, err := parse(c)
		assert.ErrorIs(t, err, drivers.ErrNoReading)
	}
}

// The whole conversation, with a part whose coefficients are for the other
// thermometer and that needs no correction.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x76, W: []byte{0x0d}, R: []byte{0x10}},
			{Addr: 0x76, W: []byte{0x0c, 0x09}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0x40}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0x80}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0xc0}},
			{Addr: 0x76, W: []byte{0x32}, R: []byte{0x02}},
			{Addr: 0x76, W: []byte{0x06, 0x03}},
			{Addr: 0x76, W: []byte{0x28}, R: []byte{0x7f}},
			{Addr: 0x76, W: []byte{0x07, 0x00}},
			{Addr: 0x76, W: []byte{0x10}, R: image[:]},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0xc0}},
			{Addr: 0x76, W: []byte{0x08, 0xc2}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0xd0}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0xe0}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0xe0}},
			{Addr: 0x76, W: []byte{0x08, 0xe1}},
			{Addr: 0x76, W: []byte{0x08}, R: []byte{0xf0}},
			{Addr: 0x76, W: []byte{0x00}, R: []byte{0xcd, 0xc2, 0x12, 0x02, 0x5c, 0x32, 0x03, 0x00, 0xc0, 0x00}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x76)}

		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.Equal(t, agent.AirTemperature, got[0].Property)
		assert.InDelta(t, 25.0005, got[0].Value, 0.0001)
		assert.Equal(t, agent.AtmosphericPressure, got[1].Property)
		assert.InDelta(t, 1013.24998, got[1].Value, 0.0001)
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

// A model as QEMU has it: ready for ever, MEAS_CFG is memory, fixed results, and
// no product number.
func TestObserveQEMU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		powerOn := func(r *sim.Registers) {
			copy(r.R[0x00:], "\xfe\x2f\xee\x02\x69\xa6\x00\x80\xf0\x00\xff\xff\xff\xff")
			copy(r.R[0x10:], "\x0e\x1e\xdd\x13\xca\x5f\x21\x52\xf9\xc6\x04\xd1\xdb\x47\x00\x5b\xfb\x3a")
			r.R[0x28], r.R[0x32] = 0x90, 0x02
		}
		host := new(sim.Host)
		host.AddI2C("1", 0x77, sim.NewRegisters(&sim.Registers{
			PowerOn: powerOn,
			OnWrite: func(r *sim.Registers, reg, value byte) {
				switch {
				case reg == 0x0c && value == 0x09:
					r.Reset()
				case reg != 0x06 && reg != 0x07 && reg != 0x08 && reg != 0x09:
					t.Errorf("register %#02x written", reg)
				}
			},
		}))
		strict, err := open(host, Settings{I2C: drivers.I2C{Address: 0x77}})
		require.NoError(t, err)
		_, err = strict.Observe(t.Context(), nil)
		require.ErrorIs(t, err, drivers.ErrIdentity, "unless it is told otherwise")
		s, err := open(host, Settings{I2C: drivers.I2C{Address: 0x77}, AnyProduct: true})
		require.NoError(t, err)
		for range 3 {
			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			require.Len(t, got, 2)
			assert.InDelta(t, 24.73843, got[0].Value, 0.0001)
			assert.InDelta(t, 814.33678, got[1].Value, 0.0001)
		}
	})
}

// A broken wire is no part, whatever it may be.
func TestAnyProductIsNotNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, b := range []byte{0x00, 0xff} {
			host := new(sim.Host)
			host.AddI2C("1", 0x77, newPart())
			host.SetFault(func(op sim.Op) error {
				for i := range op.R {
					op.R[i] = b
				}
				return op.Err
			})
			s, err := open(host, Settings{I2C: drivers.I2C{Address: 0x77}, AnyProduct: true})
			require.NoError(t, err)
			got, err := s.Observe(t.Context(), nil)
			assert.Error(t, err)
			assert.Empty(t, got)
		}
	})
}

func TestBrownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, at := range []int{6, 7, 9} {
			host := new(sim.Host)
			host.AddI2C("1", 0x77, newPart())
			s, err := open(host, Settings{I2C: drivers.I2C{Address: 0x77}})
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)

			host.SetFault(func(op sim.Op) error {
				if len(op.R) == 10 {
					op.R[at] ^= 0x84
				}
				return op.Err
			})
			got, err := s.Observe(t.Context(), nil)
			host.SetFault(nil)

			assert.ErrorIsf(t, err, drivers.ErrBrownOut, "setting %d lost", at)
			assert.Empty(t, got, "no value from a part that lost its settings")
			_, err = s.Observe(t.Context(), nil)
			assert.NoError(t, err, "initialised again")
		}
	})
}

// The part lost power so short a time ago that it has no coefficients yet.
func TestObserveNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, state := range []byte{0x00, 0x40, 0x80} {
			bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x77, W: []byte{0x08}, R: []byte{state}}}}
			s := &sensor{dev: i2cbus.New("1", bus).Dev(0x77), ready: true}

			got, err := s.Observe(t.Context(), nil)

			assert.ErrorIs(t, err, drivers.ErrNotReady)
			assert.Empty(t, got)
			assert.False(t, s.ready, "initialised again")
		}
	})
}

func TestAnotherPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		part := newPart()
		part.R[regID] = 0x11
		host.AddI2C("1", 0x77, part)
		s, err := open(host, Settings{I2C: drivers.I2C{Address: 0x77}})
		require.NoError(t, err)
		time.Sleep(time.Second)

		_, err = s.Observe(t.Context(), nil)

		assert.ErrorIs(t, err, drivers.ErrIdentity)
	})
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x75: false, 0x76: true, 0x77: true, 0x78: false} {
		err := Settings{I2C: drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add(image[:], []byte("\xfe\x2f\xee\x02\x69\xa6"))
	f.Fuzz(func(t *testing.T, image, data []byte) {
		if len(image) != 18 || len(data) != 6 {
			return
		}
		c, err := parse([18]byte(image))
		if err != nil {
			return
		}
		if temperature, pressure, err := c.convert([6]byte(data)); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 85, temperature)
			assert.True(t, 300 <= pressure && pressure <= 1200, pressure)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	c, err := parse(image)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = c.convert([6]byte([]byte("\xfe\x2f\xee\x02\x69\xa6")))
	}
}
