package ina3221

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("OneChannel", func(t *testing.T) { drivertest.Run(t, Driver, onlyTwo) })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func onlyTwo(s *Settings) { s.ShuntOhms1, s.ShuntOhms2, s.ShuntOhms3 = 0, 0.01, 0 }

func TestObserve(t *testing.T) {
	got, err := drivertest.Answers(t, Driver, map[byte][]byte{
		0x02: {0x2e, 0xe0}, 0x01: {0x0f, 0xa0}, // 12 V, 20 mV
		0x04: {0x13, 0x88}, 0x03: {0xf0, 0x60}, // 5 V, -20 mV
		0x06: {0x00, 0x00}, 0x05: {0x00, 0x08}, // 0 V, 40 µV
	}, func(s *Settings) { s.ShuntOhms2, s.ShuntOhms3 = 0.01, 0.002 })

	require.NoError(t, err)
	require.Len(t, got, 9)
	for i, want := range []agent.Result{
		{Property: agent.Voltage1, Value: 12},
		{Property: agent.Current1, Value: 0.2},
		{Property: agent.Power1, Value: 2.4},
		{Property: agent.Voltage2, Value: 5},
		{Property: agent.Current2, Value: -2},
		{Property: agent.Power2, Value: -10},
		{Property: agent.Voltage3, Value: 0},
		{Property: agent.Current3, Value: 0.02},
		{Property: agent.Power3, Value: 0},
	} {
		assert.Equal(t, want.Property, got[i].Property)
		assert.InDelta(t, want.Value, got[i].Value, 1e-9, want.Property.Name)
	}
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer []byte
		want   error
		others int // results of the other channels
	}{
		"busy for ever":    {regFlags, []byte{0x00, 0x00}, drivers.ErrNotReady, 0},
		"power lost":       {regConfig, []byte{0x71, 0x27}, drivers.ErrBrownOut, 0},
		"another maker":    {regMaker, []byte{0x54, 0x48}, drivers.ErrIdentity, 0},
		"an INA226":        {regDevice, []byte{0x22, 0x60}, drivers.ErrIdentity, 0},
		"bus too high":     {regBus1, []byte{0x65, 0x98}, drivers.ErrRange, 6},
		"bus below ground": {regBus1, []byte{0xff, 0xf8}, drivers.ErrRange, 6},
		"too much current": {0x03, []byte{0x7f, 0xf8}, drivers.ErrRange, 6},
		"too much back":    {0x05, []byte{0x80, 0x00}, drivers.ErrRange, 6},
		"a bit too many":   {0x05, []byte{0x00, 0x01}, drivers.ErrNoReading, 6},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Len(t, got, tt.others, name)
	}
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "ina.json") {
		if v.Chip != "INA3221" {
			continue
		}
		n++
		answers := make(map[byte][]byte)
		for reg, text := range map[byte]string{regShunt1: v.Regs["0x01"], regBus1: v.Regs["0x02"]} {
			b, err := hex.DecodeString(text)
			require.NoError(t, err)
			answers[reg] = b
		}

		got, err := drivertest.Answers(t, Driver, answers, func(s *Settings) {
			s.ShuntOhms1 = v.Conditions["shunt_mohm"].(float64) / 1000
		})

		require.NoError(t, err)
		for _, want := range v.Expect {
			value := map[string]float64{
				"bus_voltage": got[0].Value, "current": got[1].Value * 1000, "shunt_voltage": got[1].Value * 100,
			}[want.Quantity]
			assert.InDelta(t, want.Value, value, want.Tol, want.Quantity)
		}
	}
	assert.Equal(t, 1, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x2ee0), uint16(0x0fa0))
	f.Fuzz(func(t *testing.T, bus, shunt uint16) {
		if volts, drop, err := decode(bus, shunt); err == nil {
			assert.True(t, 0 <= volts && volts <= 26, volts)
			assert.Less(t, math.Abs(drop), 0.16384)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decode(0x2ee0, 0x0fa0)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x43: true, 0x44: false} {
		s := defaults
		s.Address = address
		err := s.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for _, ohms := range []float64{-0.1, math.NaN(), math.Inf(1)} {
		s := defaults
		s.ShuntOhms2 = ohms
		assert.ErrorContains(t, s.Validate(), "shunt_ohms2")
	}
	s := defaults
	onlyTwo(&s)
	assert.NoError(t, s.Validate())
	assert.EqualValues(t, 0x2523, s.config(), "only channel 2")
	assert.Equal(t, []drivers.Observable{
		{Property: agent.Voltage2, Resolution: 3, Class: agent.Telemetry},
		{Property: agent.Current2, Resolution: 3, Class: agent.Telemetry},
		{Property: agent.Power2, Resolution: 2, Class: agent.Telemetry},
	}, s.Observes())
	s.ShuntOhms2 = 0
	assert.ErrorContains(t, s.Validate(), "left out")
}
