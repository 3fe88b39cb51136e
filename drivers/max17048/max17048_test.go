package max17048

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
	drivertest.Run(t, Driver, func(s *Settings) { s.Cells = 2 })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Steps of the datasheets: 78.125 µV, which are 1.25 mV of a MAX17043 whose lower
// four bits are zero, and 1/256 %.
func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		voltage, level uint16
		volts, percent float64
	}{
		"charged":             {0xd0c0, 0x3f80, 4.175, 63.5},
		"3.7 V of a MAX17043": {0xb900, 0x3280, 3.7, 50.5},
		"one step":            {0xd0c1, 0x3f81, 4.175078125, 63.50390625},
		"empty":               {0x6400, 0x0000, 2, 0},
		"full":                {0xd200, 0x6400, 4.2, 100},
		"a little more":       {0xd200, 0x7800, 4.2, 100},
		"as much as can be":   {0xfa00, 0x6400, 5, 100},
	} {
		volts, percent, err := decode(tt.voltage, tt.level)

		require.NoError(t, err, name)
		assert.InDelta(t, tt.volts, volts, 1e-9, name)
		assert.InDelta(t, tt.percent, percent, 1e-9, name)
	}
}

// The whole conversation with a part whose battery was just put in, and again when
// it has raised an alert.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x36, W: []byte{0x08}, R: []byte{0x00, 0x03}},
			{Addr: 0x36, W: []byte{0x0c}, R: []byte{0x97, 0x1c}},
			{Addr: 0x36, W: []byte{0x0c, 0x97, 0x1d}},
			{Addr: 0x36, W: []byte{0x02}, R: []byte{0xd0, 0xc0}},
			{Addr: 0x36, W: []byte{0x04}, R: []byte{0x3f, 0x80}},
			{Addr: 0x36, W: []byte{0x0c}, R: []byte{0x97, 0x1d}},
			{Addr: 0x36, W: []byte{0x02}, R: []byte{0x82, 0x00}},
			{Addr: 0x36, W: []byte{0x04}, R: []byte{0x02, 0x00}},
			{Addr: 0x36, W: []byte{0x0c}, R: []byte{0x97, 0x3d}},
		}}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x36), cells: 2}
		for _, want := range [][2]float64{{8.35, 63.5}, {5.2, 2}} {
			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			require.Len(t, got, 2)
			assert.Equal(t, agent.Voltage, got[0].Property)
			assert.InDelta(t, want[0], got[0].Value, 1e-9)
			assert.Equal(t, agent.BatteryLevel, got[1].Property)
			assert.InDelta(t, want[1], got[1].Value, 1e-9)
		}
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

// A part that is configured already is not waited for; one that sleeps is woken.
func TestInitialise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		part := newPart(0x0003)
		host.AddI2C("1", 0x36, part)
		for _, tt := range []struct {
			config uint16
			wait   time.Duration
		}{{0x971c, startTime}, {0x971d, 0}, {0x973d, 0}, {0x979d, startTime}} {
			time.Sleep(time.Minute)
			part.R[regConfig] = tt.config
			s, err := open(host, Settings{drivers.I2C{Address: 0x36}, 1})
			require.NoError(t, err)
			start := time.Now()

			_, err = s.Observe(t.Context(), nil)

			require.NoError(t, err)
			assert.Equalf(t, tt.wait, time.Since(start), "%#04x", tt.config)
			assert.Equal(t, uint16(config), part.R[regConfig]&^alert)
		}
	})
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer string
		want   error
		text   string
	}{
		"another part":          {regVersion, "\x40\x00", drivers.ErrIdentity, "0x4000"},
		"no part":               {regVersion, "\x00\x00", drivers.ErrIdentity, "0x0000"},
		"just above":            {regVersion, "\x00\x20", drivers.ErrIdentity, "0x0020"},
		"settings do not stay":  {regConfig, "\x97\x1c", drivers.ErrBrownOut, "0x971c"},
		"falls asleep":          {regConfig, "\x97\x9d", drivers.ErrBrownOut, "0x979d"},
		"voltage not measured":  {regVoltage, "\x00\x00", drivers.ErrRange, "voltage"},
		"voltage too low":       {regVoltage, "\x63\xff", drivers.ErrRange, "voltage"},
		"voltage too high":      {regVoltage, "\xfa\x01", drivers.ErrRange, "voltage"},
		"more than a full one":  {regLevel, "\x78\x01", drivers.ErrRange, "level"},
		"twice as much as full": {regLevel, "\xc8\x00", drivers.ErrRange, "level"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0xd0c0), uint16(0x3f80))
	f.Fuzz(func(t *testing.T, voltage, level uint16) {
		if volts, percent, err := decode(voltage, level); err == nil {
			assert.True(t, 2 <= volts && volts <= 5, volts)
			assert.True(t, 0 <= percent && percent <= 100, percent)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = decode(0xd0c0, 0x3f80)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x35: false, 0x36: true, 0x37: false} {
		err := Settings{drivers.I2C{Address: address}, 1}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for cells, ok := range map[int]bool{-1: false, 0: false, 1: true, 2: true, 3: false} {
		err := Settings{drivers.I2C{Address: 0x36}, cells}.Validate()
		assert.Equalf(t, ok, err == nil, "%d cells: %v", cells, err)
	}
}
