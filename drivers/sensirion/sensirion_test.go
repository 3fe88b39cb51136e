package sensirion

import (
	"encoding/binary"
	"encoding/hex"
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

// frame returns bytes written in hex, with spaces as one likes.
func frame(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

// answering makes the host answer a command with these bytes.
func answering(host *sim.Host, code uint16, b []byte) {
	var asked uint16
	host.SetFault(func(op sim.Op) error {
		if len(op.W) >= 2 {
			asked = binary.BigEndian.Uint16(op.W)
		}
		if asked == code && len(op.R) > 0 {
			copy(op.R, b)
		}
		return op.Err
	})
}

// observe reads a part that answers one command with these bytes.
func observe(t *testing.T, d drivers.Driver, code uint16, b []byte, settings ...func(any)) (results []agent.Result, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		answering(host, code, b)
		c, failed := d.Configure(func(into any) error {
			for _, set := range settings {
				set(into)
			}
			return nil
		})
		require.NoError(t, failed)
		s, failed := c.Open(host)
		require.NoError(t, failed)
		results, err = s.Observe(t.Context(), nil)
		require.NoError(t, s.Close())
	})
	return results, err
}

// same compares results with a table of values.
func same(t *testing.T, want map[agent.Property]float64, got []agent.Result) {
	t.Helper()
	require.Len(t, got, len(want))
	for _, r := range got {
		require.Contains(t, want, r.Property)
		assert.InDelta(t, want[r.Property], r.Value, 0.001, r.Property.Name)
	}
}

// vectors checks a driver with the recorded frames of a file.
func vectors(t *testing.T, d drivers.Driver, file, chip string, code uint16) {
	properties := map[string]agent.Property{
		"temperature": agent.AirTemperature, "humidity": agent.RelativeHumidity, "co2": agent.CarbonDioxide,
	}
	tried := 0
	for _, v := range drivertest.Vectors(t, file) {
		if !strings.HasPrefix(v.Chip, chip) || len(v.Calls) == 0 || v.Calls[0].W != hex.EncodeToString([]byte{byte(code >> 8), byte(code)}) {
			continue
		}
		tried++
		t.Run(v.ID, func(t *testing.T) {
			got, err := observe(t, d, code, frame(t, v.Calls[0].R))

			if v.ExpectError != "" {
				assert.Error(t, err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			for _, want := range v.Expect {
				for _, r := range got {
					if r.Property == properties[want.Quantity] {
						assert.InDelta(t, want.Value, r.Value, want.Tol, want.Quantity)
					}
				}
			}
		})
	}
	assert.NotZero(t, tried, "the file has frames of this part")
}

func TestDecode(t *testing.T) {
	words := make([]uint16, 2)
	require.NoError(t, decode(frame(t, "be ef 92 00 00 81"), words), "the datasheets' example")
	assert.Equal(t, []uint16{0xbeef, 0}, words)

	words = []uint16{1, 2}
	assert.ErrorIs(t, decode(frame(t, "be ef 92 00 00 82"), words), drivers.ErrChecksum)
	assert.ErrorIs(t, decode(frame(t, "be ef 92"), words), drivers.ErrNoReading)
	assert.Equal(t, []uint16{1, 2}, words, "all words or none")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xbe, 0xef, 0x92, 0, 0, 0x81})
	f.Add([]byte{0xbe, 0xef, 0x93})
	f.Fuzz(func(t *testing.T, b []byte) {
		words := make([]uint16, len(b)/3)
		right := len(b)%3 == 0
		for i := 0; i+3 <= len(b); i += 3 {
			right = right && drivers.CRC8(b[i:i+2]) == b[i+2]
		}

		err := decode(b, words)

		assert.Equal(t, right, err == nil)
		for i, w := range words {
			if right {
				assert.Equal(t, binary.BigEndian.Uint16(b[3*i:]), w)
			} else {
				assert.Zero(t, w, "no value from a frame that is wrong")
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	sen := frame(b, "002adc 004478 004f92 00550a 11d788 12522a 03d46c 000a5a")
	words := make([]uint16, 8)
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(sen, words); err != nil {
			b.Fatal(err)
		}
	}
}
