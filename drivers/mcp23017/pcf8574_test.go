package mcp23017

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPCF8574(t *testing.T) {
	drivertest.Run[PCF8574Settings](t, PCF8574)
	t.Run("A", func(t *testing.T) {
		drivertest.Run(t, PCF8574, func(s *PCF8574Settings) { s.Address, s.Inputs, s.Active = 0x3f, "P7", "high" })
	})
}

// pcf8574At opens a sensor of a part that sees these levels.
func pcf8574At(t *testing.T, settings PCF8574Settings, levels func() byte) (agent.Sensor, *port) {
	t.Helper()
	host, part := new(sim.Host), newPCF8574(levels)
	host.AddI2C("1", settings.Address, part)
	s, err := openPCF8574(host, settings)
	require.NoError(t, err)
	return s, part
}

func TestPCF8574Observe(t *testing.T) {
	for _, tt := range []struct {
		active string
		levels byte
		want   []agent.Result
	}{
		{"low", 0xfe, []agent.Result{{Property: agent.InputP0, Value: 1}, {Property: agent.InputP3}, {Property: agent.InputP7}}},
		{"low", 0x77, []agent.Result{{Property: agent.InputP0}, {Property: agent.InputP3, Value: 1}, {Property: agent.InputP7, Value: 1}}},
		{"low", 0xff, []agent.Result{{Property: agent.InputP0}, {Property: agent.InputP3}, {Property: agent.InputP7}}},
		{"high", 0x89, []agent.Result{{Property: agent.InputP0, Value: 1}, {Property: agent.InputP3, Value: 1}, {Property: agent.InputP7, Value: 1}}},
		{"high", 0x00, []agent.Result{{Property: agent.InputP0}, {Property: agent.InputP3}, {Property: agent.InputP7}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := pcf8574At(t, PCF8574Settings{drivers.I2C{Address: 0x20}, "P7 P0 P3", tt.active}, func() byte { return tt.levels })
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// What a program wrote to a part of the same kind before, as one did to a PCA9571,
// is no level: all pins are inputs first, and no value is read while they rise.
func TestPCF8574Recorded(t *testing.T) {
	n := 0
	for line := range strings.Lines(string(drivertest.Data(t, "i2c/captures/pca9571_sequence.jsonl"))) {
		var transfer struct{ Msgs []struct{ Op, Data string } }
		require.NoError(t, json.Unmarshal([]byte(line), &transfer))
		synctest.Test(t, func(t *testing.T) {
			s, part := pcf8574At(t, pcf8574Defaults, func() byte { return 0x7f })
			b, err := hex.DecodeString(transfer.Msgs[0].Data)
			require.NoError(t, err)
			require.NoError(t, part.Write(b))
			assert.Equal(t, b[0], part.latch)
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 8)
			for bit, r := range got {
				assert.Equal(t, bit == 7, r.Value == 1, "after % x: %s", b, r.Property.Name)
			}
		})
		n++
	}
	assert.Equal(t, 64, n)
}

// The part is written to once, and again after an error.
func TestPCF8574WritesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, writes, fail := new(sim.Host), 0, false
		host.AddI2C("1", 0x20, newPCF8574(func() byte { return 0xff }))
		host.SetFault(func(op sim.Op) error {
			if len(op.W) > 0 {
				writes++
				assert.Equal(t, []byte{0xff}, op.W)
			} else if fail {
				return sim.NoAck
			}
			return op.Err
		})
		s, err := openPCF8574(host, pcf8574Defaults)
		require.NoError(t, err)
		for range 3 {
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)
		}
		assert.Equal(t, 1, writes)
		fail = true
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, agent.ErrAbsent)
		assert.Empty(t, got)
		fail = false
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, 2, writes)
	})
}

func FuzzPCF8574(f *testing.F) {
	f.Add(byte(0xfe), true)
	f.Add(byte(0x00), false)
	f.Fuzz(func(t *testing.T, levels byte, low bool) {
		synctest.Test(t, func(t *testing.T) {
			settings := pcf8574Defaults
			if !low {
				settings.Active = "high"
			}
			s, _ := pcf8574At(t, settings, func() byte { return levels })
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			for bit, r := range got {
				assert.Equal(t, levels>>bit&1 == 1, (r.Value == 1) != low)
			}
		})
	})
}

func TestPCF8574Settings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x1f: false, 0x20: true, 0x27: true, 0x28: false, 0x37: false, 0x38: true, 0x3f: true, 0x40: false} {
		s := pcf8574Defaults
		s.Address = address
		err := s.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for want, change := range map[string]func(*PCF8574Settings){
		`inputs: "P8": want pins from P0 to P7`: func(s *PCF8574Settings) { s.Inputs = "P0 P8" },
		`inputs: "P1"`:                          func(s *PCF8574Settings) { s.Inputs = "P1 P1" },
		`at least one pin, as "P0"`:             func(s *PCF8574Settings) { s.Inputs = "" },
		`active "open"`:                         func(s *PCF8574Settings) { s.Active = "open" },
	} {
		s := pcf8574Defaults
		change(&s)
		assert.ErrorContains(t, s.Validate(), want)
	}
}
