package ina219

import (
	"math"
	"strconv"
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
		{"datasheet, section 8.2.2", 0.002, []byte{0x5d, 0x9a}, []byte{0x07, 0xd0}, 11.98, 10, 119.8},
		{"nothing", 0.1, []byte{0x00, 0x02}, []byte{0x00, 0x00}, 0, 0, 0},
		{"charging", 0.1, []byte{0x5d, 0x9a}, []byte{0xf8, 0x30}, 11.98, -0.2, -2.396},
		{"datasheet, figure 20: -160 mV", 0.1, []byte{0x5d, 0x9a}, []byte{0xc1, 0x80}, 11.98, -1.6, -19.168},
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
		{"busy for ever", regBus, []byte{0x5d, 0x98}, drivers.ErrNotReady},
		{"overflow", regBus, []byte{0x5d, 0x9b}, drivers.ErrRange},
		{"bus too high", regBus, []byte{0xfa, 0x0a}, drivers.ErrRange},
		{"current too high", regShunt, []byte{0x7d, 0x00}, drivers.ErrRange},
		{"current too low", regShunt, []byte{0x83, 0x00}, drivers.ErrRange},
		{"power lost", regConfig, []byte{0x39, 0x9f}, drivers.ErrBrownOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got, "no made-up values")
		})
	}
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "ina.json") {
		if v.Chip != "INA219" {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			word := func(reg string) uint16 {
				w, err := strconv.ParseUint("0"+v.Regs[reg], 16, 16)
				require.NoError(t, err)
				return uint16(w)
			}

			volts, drop, err := decode(word("0x02"), word("0x01"))

			if v.ExpectError != "" {
				assert.Error(t, err)
				return
			}
			require.NoError(t, err)
			switch want := v.Expect[0]; want.Quantity {
			case "bus_voltage":
				assert.InDelta(t, want.Value, volts, want.Tol)
			case "shunt_voltage":
				assert.InDelta(t, want.Value, drop*1000, want.Tol)
			case "conversion_ready":
				assert.NotZero(t, word("0x02")&ready)
			default:
				t.Errorf("nobody checks %s", want.Quantity)
			}
		})
	}
	assert.Positive(t, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x5d9a), uint16(0x07d0))
	f.Fuzz(func(t *testing.T, bus, shunt uint16) {
		if volts, drop, err := decode(bus, shunt); err == nil {
			assert.True(t, 0 <= volts && volts <= 32, volts)
			assert.Less(t, math.Abs(drop), 0.32)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decode(0x5d9a, 0x07d0)
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
	for ohms, want := range map[float64]int8{0.1: 4, 0.01: 3, 0.002: 3, 0.00075: 2, 100: 7} {
		got := Settings{ShuntOhms: ohms}.Observes()
		assert.Equalf(t, want, got[1].Resolution, "current, %g ohm", ohms)
		assert.Equalf(t, want-1, got[2].Resolution, "power, %g ohm", ohms)
	}
}
