package ina226

import (
	"encoding/hex"
	"fmt"
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
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func TestObserve(t *testing.T) {
	tests := []struct {
		name                  string
		ohms                  float64
		bus, shunt            []byte
		volts, amperes, watts float64
	}{
		{"datasheet, section 8.2.2", 0.002, []byte{0x25, 0x70}, []byte{0x1f, 0x40}, 11.98, 10, 119.8},
		{"nothing", 0.1, []byte{0x00, 0x00}, []byte{0x00, 0x00}, 0, 0, 0},
		{"datasheet, shunt voltage register: -80 mV", 0.1, []byte{0x25, 0x70}, []byte{0x83, 0x00}, 11.98, -0.8, -9.584},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers(t, Driver, map[byte][]byte{regBus: tt.bus, regShunt: tt.shunt},
				func(s *Settings) { s.ShuntOhms = tt.ohms })

			require.NoError(t, err)
			require.Len(t, got, 3)
			for i, want := range []agent.Result{
				{Property: agent.Voltage, Value: tt.volts},
				{Property: agent.Current, Value: tt.amperes},
				{Property: agent.Power, Value: tt.watts},
			} {
				assert.Equal(t, want.Property, got[i].Property)
				assert.InDelta(t, want.Value, got[i].Value, 1e-9)
			}
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	tests := []struct {
		name   string
		reg    byte
		answer []byte
		want   error
	}{
		{"busy for ever", regFlags, []byte{0x00, 0x00}, drivers.ErrNotReady},
		{"overflow", regFlags, []byte{0x00, 0x0c}, drivers.ErrRange},
		{"bus too high", regBus, []byte{0x70, 0x81}, drivers.ErrRange},
		{"bus below ground", regBus, []byte{0xff, 0xff}, drivers.ErrRange},
		{"current too high", regShunt, []byte{0x7f, 0xff}, drivers.ErrRange},
		{"current too low", regShunt, []byte{0x80, 0x00}, drivers.ErrRange},
		{"power lost", regConfig, []byte{0x41, 0x27}, drivers.ErrBrownOut},
		{"another maker", regMaker, []byte{0x54, 0x48}, drivers.ErrIdentity},
		{"an INA260", regDevice, []byte{0x22, 0x70}, drivers.ErrIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got, "no made-up values")
		})
	}
}

// What a board's part held, and Linux's driver made of it. We compute the power;
// the part's own is rounded to 25 steps of current.
func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "ina.json") {
		if v.Chip != "INA226" {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			answers := make(map[byte][]byte)
			for _, reg := range []byte{regShunt, regBus, regMaker, regDevice} {
				b, err := hex.DecodeString(v.Regs[fmt.Sprintf("0x%02x", reg)])
				require.NoError(t, err)
				answers[reg] = b
			}

			got, err := drivertest.Answers(t, Driver, answers, func(s *Settings) {
				s.ShuntOhms = v.Conditions["shunt_mohm"].(float64) / 1000
			})

			require.NoError(t, err)
			for _, want := range v.Expect {
				switch want.Quantity {
				case "bus_voltage":
					assert.InDelta(t, want.Value, got[0].Value, want.Tol)
				case "current":
					assert.InDelta(t, want.Value, got[1].Value*1000, want.Tol)
				case "power":
					assert.InDelta(t, want.Value, got[2].Value*1000, 12.5)
				}
			}
		})
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x2570), uint16(0x1f40))
	f.Fuzz(func(t *testing.T, bus, shunt uint16) {
		if volts, drop, err := decode(bus, shunt); err == nil {
			assert.True(t, 0 <= volts && volts <= 36, volts)
			assert.Less(t, math.Abs(drop), 0.08192)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decode(0x2570, 0x1f40)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x4f: true, 0x50: false} {
		err := Settings{drivers.I2C{Address: address}, 0.1}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for _, ohms := range []float64{0, -0.1, math.NaN(), math.Inf(1)} {
		assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x40}, ohms}.Validate(), "shunt_ohms")
	}
	for ohms, want := range map[float64]int8{0.1: 5, 0.01: 4, 0.002: 3, 0.00075: 3, 100: 8} {
		got := Settings{ShuntOhms: ohms}.Observes()
		assert.Equalf(t, want, got[1].Resolution, "current, %g ohm", ohms)
		assert.Equalf(t, want-1, got[2].Resolution, "power, %g ohm", ohms)
	}
}
