package tmp421

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("NoProbe", func(t *testing.T) {
		drivertest.Run(t, Driver, func(s *Settings) { s.Probe = false })
	})
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// observe reads a part whose registers are memory, as in QEMU's model: ready for
// ever, no one-shot.
func observe(t *testing.T, probe bool, registers map[byte]byte) (results []agent.Result, err error) {
	synctest.Test(t, func(t *testing.T) {
		part := &sim.Registers{}
		part.R[regMaker], part.R[regDevice] = 0x55, 0x21
		part.R[regConfig2], part.R[0x0b] = 0x1c, 0x07
		for reg, v := range registers {
			part.R[reg] = v
		}
		host := new(sim.Host)
		host.AddI2C("1", 0x4c, part)
		s, openErr := open(host, Settings{drivers.I2C{Address: 0x4c}, probe})
		require.NoError(t, openErr)
		results, err = s.Observe(t.Context(), nil)
		require.NoError(t, s.Close())
	})
	return results, err
}

// Datasheet, temperature data format of the standard range.
func TestObserve(t *testing.T) {
	tests := []struct {
		high, low   byte
		temperature float64
	}{
		{0xd8, 0x00, -40},
		{0xe7, 0x00, -25},
		{0xff, 0xf0, -0.0625},
		{0x00, 0x00, 0},
		{0x00, 0x80, 0.5},
		{0x01, 0x00, 1},
		{0x05, 0x00, 5},
		{0x19, 0x00, 25},
		{0x19, 0x40, 25.25},
		{0x64, 0x00, 100},
		{0x7f, 0x00, 127},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.temperature), func(t *testing.T) {
			got, err := observe(t, true, map[byte]byte{0x00: tt.high, 0x10: tt.low, 0x01: 0x17, 0x11: 0xc0})

			require.NoError(t, err)
			assert.Equal(t, []agent.Result{
				{Property: agent.PartTemperature, Value: tt.temperature},
				{Property: agent.ProbeTemperature, Value: 23.75},
			}, got)

			got, err = observe(t, true, map[byte]byte{0x00: 0x17, 0x10: 0xc0, 0x01: tt.high, 0x11: tt.low})

			require.NoError(t, err)
			assert.Equal(t, []agent.Result{
				{Property: agent.PartTemperature, Value: 23.75},
				{Property: agent.ProbeTemperature, Value: tt.temperature},
			}, got)
		})
	}
}

func TestObserveWithoutDiode(t *testing.T) {
	registers := map[byte]byte{0x00: 0x19, 0x10: 0x00, 0x01: 0x00, 0x11: 0x01}

	got, err := observe(t, true, registers)
	assert.ErrorIs(t, err, errOpen, "a probe is expected")
	assert.Equal(t, []agent.Result{{Property: agent.PartTemperature, Value: 25}}, got, "what could be read")

	got, err = observe(t, false, registers)
	assert.NoError(t, err, "no probe is expected")
	assert.Equal(t, []agent.Result{{Property: agent.PartTemperature, Value: 25}}, got)
}

func TestObserveRefuses(t *testing.T) {
	tests := []struct {
		name      string
		registers map[byte]byte
		want      error
	}{
		{"another maker", map[byte]byte{regMaker: 0x54, 0x00: 0x19}, drivers.ErrIdentity},
		{"TMP441", map[byte]byte{regDevice: 0x41, 0x00: 0x19}, drivers.ErrIdentity},
		{"an older part", map[byte]byte{regDevice: 0x20, 0x00: 0x19}, drivers.ErrIdentity},
		{"a newer part", map[byte]byte{regDevice: 0x24, 0x00: 0x19}, drivers.ErrIdentity},
		{"busy for ever", map[byte]byte{regStatus: 0x80, 0x00: 0x19}, drivers.ErrNotReady},
		{"supply too low", map[byte]byte{0x00: 0x19, 0x10: 0x02}, errPowerLow},
		{"supply too low for the probe", map[byte]byte{0x00: 0x19, 0x11: 0x03}, errPowerLow},
		{"too cold", map[byte]byte{0x00: 0xd7, 0x10: 0xf0}, drivers.ErrRange},
		{"no diode and too cold", map[byte]byte{0x00: 0x80, 0x11: 0x01}, drivers.ErrRange},
		{"probe too cold", map[byte]byte{0x01: 0x80}, drivers.ErrRange},
		{"probe too hot", map[byte]byte{0x01: 0x7f, 0x11: 0xf0}, drivers.ErrRange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, true, tt.registers)

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
	for _, device := range []byte{0x22, 0x23} {
		got, err := observe(t, true, map[byte]byte{regDevice: device})
		assert.NoError(t, err)
		assert.Len(t, got, 2)
	}
}

// The part is asked for a conversion of now.
func TestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := Settings{drivers.I2C{Address: 0x4c}, true}
		simulate(host, settings)
		s, err := open(host, settings)
		require.NoError(t, err)
		for range 4 {
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.InDelta(t, sim.AirTemperature()+9, got[0].Value, 0.1)
			assert.InDelta(t, sim.AirTemperature(), got[1].Value, 0.1)
			time.Sleep(5 * time.Hour)
		}
	})
}

func TestPowerLost(t *testing.T) {
	for _, probe := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			host := new(sim.Host)
			settings := Settings{drivers.I2C{Address: 0x4c}, probe}
			simulate(host, settings)
			s, err := open(host, settings)
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)

			host.PowerCycle()
			got, err := s.Observe(t.Context(), nil)

			assert.Error(t, err)
			assert.Empty(t, got, "0 °C is not the temperature")
			_, err = s.Observe(t.Context(), nil)
			assert.NoError(t, err, "initialised again")
		})
	}
}

func TestBrownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for reg, lost := range map[byte]byte{regConfig1: 0x00, regConfig2: 0x3c} {
			host := new(sim.Host)
			part := newPart(true)
			host.AddI2C("1", 0x4c, part)
			s, err := open(host, Settings{drivers.I2C{Address: 0x4c}, true})
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)

			part.R[reg] = lost
			got, err := s.Observe(t.Context(), nil)

			assert.Error(t, err)
			assert.Empty(t, got, "no value from a part that lost its settings")
		}
	})
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{
		0x1b: false, 0x1c: true, 0x1f: true, 0x20: false, 0x2a: true, 0x4b: false, 0x4c: true, 0x4f: true, 0x50: false,
	} {
		err := Settings{drivers.I2C{Address: address}, true}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0x19), byte(0x80))
	f.Add(byte(0x80), byte(0x03))
	f.Fuzz(func(t *testing.T, high, low byte) {
		v, err := decode(high, low)
		if low&(powerLow|open1) != 0 {
			assert.Error(t, err, "the part says that it is none")
		}
		if err == nil {
			assert.True(t, -40 <= v && v <= 127, v)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = decode(0x19, 0x80)
	}
}
