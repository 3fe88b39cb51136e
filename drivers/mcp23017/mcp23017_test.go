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

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("Plain", func(t *testing.T) {
		drivertest.Run(t, Driver, func(s *Settings) { s.Inputs, s.Pull, s.Active = "B7", "none", "high" })
	})
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

func TestObserve(t *testing.T) {
	for _, tt := range []struct {
		active string
		levels uint16
		want   []agent.Result
	}{
		{"low", 0xfffe, []agent.Result{{Property: agent.InputA0, Value: 1}, {Property: agent.InputA6}, {Property: agent.InputB3}}},
		{"low", 0xf7bf, []agent.Result{{Property: agent.InputA0}, {Property: agent.InputA6, Value: 1}, {Property: agent.InputB3, Value: 1}}},
		{"high", 0x0801, []agent.Result{{Property: agent.InputA0, Value: 1}, {Property: agent.InputA6}, {Property: agent.InputB3, Value: 1}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			settings := Settings{drivers.I2C{Address: 0x20}, "B3 A0 A6", "up", tt.active}
			host, part := new(sim.Host), newPart(func() uint16 { return tt.levels })
			host.AddI2C("1", 0x20, part)
			s, err := open(host, settings)
			require.NoError(t, err)

			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, []byte{0xff, 0xff}, part.R[0x0c:0x0e], "pulled up")
			assert.Equal(t, make([]byte, 2), part.R[0x14:0x16], "no output was touched")
		})
	}
}

// Each setting that is not as it was written is noticed, and written again.
func TestBrownOut(t *testing.T) {
	for reg := range settings {
		synctest.Test(t, func(t *testing.T) {
			host, part := new(sim.Host), newPart(func() uint16 { return 0xffff })
			host.AddI2C("1", 0x20, part)
			s, err := open(host, defaults)
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)
			part.R[reg] ^= 0x10

			got, err := s.Observe(t.Context(), nil)

			assert.ErrorIs(t, err, drivers.ErrBrownOut, "register %#02x", reg)
			assert.Empty(t, got)
			_, err = s.Observe(t.Context(), nil)
			assert.NoError(t, err, "initialised again")
		})
	}
}

// What a program wrote to a real part, which counted up at port A and down at
// port B, does with the simulated one what it did with that.
func TestRecorded(t *testing.T) {
	for name, last := range map[string][2]byte{"mcp23017_a_write": {0x5d, 0x00}, "mcp23017_ab_write": {0x5a, 0xa5}} {
		part, n := newPart(func() uint16 { return 0xffff }), 0
		for line := range strings.Lines(string(drivertest.Data(t, "i2c/captures/"+name+".jsonl"))) {
			var transfer struct{ Msgs []struct{ Op, Data string } }
			require.NoError(t, json.Unmarshal([]byte(line), &transfer))
			for _, m := range transfer.Msgs {
				b, err := hex.DecodeString(m.Data)
				require.NoError(t, err)
				if m.Op == "w" {
					require.NoError(t, part.Write(b))
					continue
				}
				got := make([]byte, len(b))
				require.NoError(t, part.Read(got))
				assert.Equal(t, b, got)
			}
			n++
		}
		var levels [2]byte
		require.NoError(t, part.Write([]byte{regLevels}))
		require.NoError(t, part.Read(levels[:]))
		assert.Equal(t, last, levels, "%s after %d transfers", name, n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0x05), byte(0xfa))
	f.Fuzz(func(t *testing.T, a, b byte) {
		levels := decode([2]byte{a, b})
		for bit := range 8 {
			assert.Equal(t, uint16(a>>bit&1), levels>>bit&1)
			assert.Equal(t, uint16(b>>bit&1), levels>>(8+bit)&1)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_ = decode([2]byte{0x05, 0xfa})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x1f: false, 0x20: true, 0x27: true, 0x28: false} {
		s := defaults
		s.Address = address
		err := s.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for want, change := range map[string]func(*Settings){
		`inputs: "C0"`:  func(s *Settings) { s.Inputs = "A0 C0" },
		`inputs: "A0"`:  func(s *Settings) { s.Inputs = "A0 A0" },
		"at least one":  func(s *Settings) { s.Inputs = "" },
		`pull "down"`:   func(s *Settings) { s.Pull = "down" },
		`active "open"`: func(s *Settings) { s.Active = "open" },
	} {
		s := defaults
		change(&s)
		assert.ErrorContains(t, s.Validate(), want)
	}
	assert.Len(t, defaults.Observes(), 14, "all but A7 and B7")
}
