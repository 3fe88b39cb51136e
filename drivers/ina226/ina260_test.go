package ina226

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestINA260(t *testing.T) {
	drivertest.Run[SettingsINA260](t, INA260)
	drivertest.Stuck(t, INA260, 0x00)
	drivertest.Stuck(t, INA260, 0xff)
}

func TestObserveINA260(t *testing.T) {
	for name, tt := range map[string]struct {
		bus, current          []byte
		volts, amperes, watts float64
	}{
		// Steps of 1.25 mV and 1.25 mA, datasheet, section 8.6.
		"twelve volts":     {[]byte{0x25, 0x80}, []byte{0x0c, 0x80}, 12, 4, 48},
		"feeding back":     {[]byte{0x25, 0x80}, []byte{0xff, 0x38}, 12, -0.25, -3},
		"the last of 15 A": {[]byte{0x25, 0x80}, []byte{0x2e, 0xe0}, 12, 15, 180},
	} {
		got, err := drivertest.Answers[SettingsINA260](t, INA260, map[byte][]byte{regBus: tt.bus, regShunt: tt.current})

		require.NoError(t, err, name)
		require.Len(t, got, 3)
		assert.Equal(t, agent.Voltage, got[0].Property)
		assert.InDelta(t, tt.volts, got[0].Value, 1e-9, name)
		assert.Equal(t, agent.Current, got[1].Property)
		assert.InDelta(t, tt.amperes, got[1].Value, 1e-9, name)
		assert.Equal(t, agent.Power, got[2].Property)
		assert.InDelta(t, tt.watts, got[2].Value, 1e-9, name)
	}
}

func TestObserveINA260Refuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer []byte
		want   error
	}{
		"an INA226":  {regDevice, []byte{0x22, 0x60}, drivers.ErrIdentity},
		"power lost": {regConfig, []byte{0x61, 0x27}, drivers.ErrBrownOut},
		"overflow":   {regFlags, []byte{0x00, 0x0c}, drivers.ErrRange},
	} {
		got, err := drivertest.Answers[SettingsINA260](t, INA260, map[byte][]byte{tt.reg: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

// What a board's part held, and Linux's driver made of it.
func TestINA260Vectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "ina.json") {
		if v.Chip != "INA260" {
			continue
		}
		n++
		answers := make(map[byte][]byte)
		for _, reg := range []byte{regShunt, regBus} {
			b, err := hex.DecodeString(v.Regs[fmt.Sprintf("0x%02x", reg)])
			require.NoError(t, err)
			answers[reg] = b
		}
		got, err := drivertest.Answers[SettingsINA260](t, INA260, answers)

		require.NoError(t, err, v.ID)
		require.Equal(t, "current", v.Expect[0].Quantity)
		assert.InDelta(t, v.Expect[0].Value, got[1].Value*1000, v.Expect[0].Tol)
		require.Equal(t, "bus_voltage", v.Expect[1].Quantity)
		assert.InDelta(t, v.Expect[1].Value, got[0].Value, v.Expect[1].Tol)
		// Its power register is of another moment: we compute the power.
		assert.InDelta(t, 20.5489, got[2].Value, 0.0001)
	}
	assert.Equal(t, 1, n)
}

func TestSettingsINA260(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x4f: true, 0x50: false} {
		err := SettingsINA260{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
