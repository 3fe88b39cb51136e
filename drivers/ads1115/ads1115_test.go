package ads1115

import (
	"encoding/binary"
	"math"
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("OneInput", func(t *testing.T) { drivertest.Run(t, Driver, only(2, 2.048)) })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// only leaves out all inputs but one.
func only(input int, full float64) func(*Settings) {
	return func(s *Settings) {
		s.Range0, s.Range1, s.Range2, s.Range3 = 0, 0, 0, 0
		*[]*float64{&s.Range0, &s.Range1, &s.Range2, &s.Range3}[input] = full
	}
}

// Each input and each range has its own configuration, and its own result.
func TestObserve(t *testing.T) {
	for _, tt := range []struct {
		input  int
		full   float64
		config uint16
		volts  float64
	}{
		{0, 6.144, 0xc103, 3.072},
		{0, 4.096, 0xc303, 2.048},
		{1, 2.048, 0xd503, 1.024},
		{2, 1.024, 0xe703, 0.512},
		{3, 0.512, 0xf903, 0.256},
		{3, 0.256, 0xfb03, 0.128},
	} {
		got, err := drivertest.Answers(t, Driver, map[byte][]byte{
			regConversion: {0x40, 0x00}, regConfig: binary.BigEndian.AppendUint16(nil, tt.config),
		}, only(tt.input, tt.full))

		require.NoError(t, err, "%#04x", tt.config)
		require.Len(t, got, 1)
		assert.Equal(t, properties[tt.input], got[0].Property)
		assert.InDelta(t, tt.volts, got[0].Value, 1e-9)
		assert.Zero(t, got[0].Quality)
	}
	assert.Equal(t, [4]string{"voltage0", "voltage1", "voltage2", "voltage3"},
		[4]string{properties[0].Name, properties[1].Name, properties[2].Name, properties[3].Name}, "as printed beside the pins")
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer []byte
		want   error
	}{
		"never ready":      {regConfig, []byte{0x43, 0x03}, drivers.ErrNotReady},
		"power lost":       {regConfig, []byte{0x85, 0x83}, drivers.ErrBrownOut},
		"another's input":  {regConfig, []byte{0xd3, 0x03}, drivers.ErrBrownOut},
		"all below ground": {regConversion, []byte{0xf0, 0x00}, drivers.ErrRange},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: tt.answer})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, "input A0", name)
		assert.Empty(t, got, name)
	}
}

// The smallest range ends before the input conducts.
func TestLowerEnd(t *testing.T) {
	for code, want := range map[uint16]agent.Quality{0x8000: agent.Saturated, 0x8001: 0, 0xffff: 0, 0x7fff: agent.Saturated} {
		volts, q, err := decode(code, 0.256)
		require.NoError(t, err)
		assert.InDelta(t, float64(int16(code))*0.256/32768, volts, 1e-9)
		assert.Equal(t, want, q, "%#04x", code)
	}
}

// An input whose wire is wrong keeps nobody from reading the others.
func TestOneInputBelowGround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		simulate(host, defaults)
		s, err := open(host, defaults)
		require.NoError(t, err)
		n := 0
		host.SetFault(func(op sim.Op) error {
			if len(op.R) > 0 && op.W[0] == regConversion {
				if n++; n == 2 {
					copy(op.R, []byte{0xf0, 0x00})
				}
			}
			return op.Err
		})
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrRange)
		assert.ErrorContains(t, err, "input A1")
		require.Len(t, got, 3)
		assert.Equal(t, agent.Voltage2, got[1].Property)
	})
}

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "ads1115.json") {
		if v.Chip != "ADS1115" {
			continue
		}
		n++
		var r [256]byte
		v.Fill(t, &r)
		volts, q, err := decode(binary.BigEndian.Uint16(r[:]), 4.096)
		want := v.Expect[1]
		require.Equal(t, "voltage@4.096V", want.Quantity)
		if want.Value < lowest {
			assert.ErrorIs(t, err, drivers.ErrRange, "its inputs are not against ground")
			continue
		}
		require.NoError(t, err, v.ID)
		assert.InDelta(t, want.Value, volts, want.Tol, v.ID)
		assert.Equal(t, want.Value > 4.09, q == agent.Saturated, v.ID)
	}
	assert.Equal(t, 4, n)
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x7fff))
	f.Add(uint16(0x8000))
	f.Fuzz(func(t *testing.T, code uint16) {
		for i, full := range ranges {
			volts, q, err := decode(code, full)
			if err != nil {
				assert.Greater(t, code, uint16(0x7fff))
				continue
			}
			assert.True(t, lowest <= volts && volts < full, volts)
			assert.Equal(t, volts > full*0.9995 || volts == -full, q == agent.Saturated, volts)
			step := full / 32768
			assert.LessOrEqual(t, math.Pow10(-int(decimals[i])), step, "no step is rounded away")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decode(0x4000, 4.096)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x47: false, 0x48: true, 0x4b: true, 0x4c: false} {
		s := defaults
		s.Address = address
		err := s.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	s := defaults
	s.Range2 = 5
	assert.ErrorContains(t, s.Validate(), "range2 = 5: want one of [6.144 4.096 2.048 1.024 0.512 0.256]")
	s.Range2 = math.NaN()
	assert.ErrorContains(t, s.Validate(), "range2")
	only(0, 0)(&s)
	assert.ErrorContains(t, s.Validate(), "left out")
	only(3, 0.256)(&s)
	assert.NoError(t, s.Validate())
	assert.Equal(t, []drivers.Observable{{Property: agent.Voltage3, Resolution: 6, Class: agent.Telemetry}}, s.Observes())
}
