package tfluna

import (
	"encoding/binary"
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
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// observe reads a part that holds this when it is read for the second and third
// time.
func observe(t *testing.T, first, second frame, mode byte) (results []agent.Result, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddI2C("1", 0x10, newPart(func() (uint16, uint16) { return 100, 1000 }))
		n := 0
		host.SetFault(func(op sim.Op) error {
			if len(op.R) == 1 {
				op.R[0] = mode
			}
			if len(op.R) == len(frame{}) {
				n++
				copy(op.R, [][]byte{op.R, first[:], second[:]}[n-1])
			}
			return op.Err
		})
		s, openErr := open(host, Settings{drivers.I2C{Address: 0x10}})
		require.NoError(t, openErr)
		results, err = s.Observe(t.Context(), nil)
	})
	return results, err
}

// The frame of the manual's section on the serial port says 123 cm, amplitude
// 1000; on I2C the temperature is in hundredths of a degree (appendix III).
func TestObserve(t *testing.T) {
	tests := []struct {
		name                  string
		frame                 frame
		distance, temperature float64
	}{
		{"the manual's", frame{0x7b, 0x00, 0xe8, 0x03, 0xa8, 0x16, 1, 0}, 1.23, 58},
		{"frost", frame{0x90, 0x01, 0xd0, 0x07, 0x9c, 0xff, 1, 0}, 4, -1},
		{"as near as it goes, weak", frame{20, 0, 100, 0, 0, 0, 1, 0}, 0.2, 0},
		{"as far as it goes, strong", frame{0x20, 0x03, 0xff, 0x7f, 0, 0, 1, 0}, 8, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.frame, tt.frame, triggered)
			require.NoError(t, err)
			assert.Equal(t, []agent.Result{
				{Property: agent.Distance, Value: tt.distance}, {Property: agent.PartTemperature, Value: tt.temperature},
			}, got)
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	good := frame{0x7b, 0x00, 0xe8, 0x03, 0xa8, 0x16, 1, 0}
	tests := []struct {
		name          string
		first, second frame
		mode          byte
		want          error
	}{
		{"nothing there", frame{0, 0, 0, 0, 0xa8, 0x16, 1, 0}, frame{0, 0, 0, 0, 0xa8, 0x16, 1, 0}, triggered, errWeak},
		{"weak", frame{0x7b, 0, 99, 0, 0xa8, 0x16, 1, 0}, frame{0x7b, 0, 99, 0, 0xa8, 0x16, 1, 0}, triggered, errWeak},
		{"the sun", frame{0x7b, 0, 0x00, 0x80, 0xa8, 0x16, 1, 0}, frame{0x7b, 0, 0x00, 0x80, 0xa8, 0x16, 1, 0}, triggered, errLight},
		{"a mirror", frame{0x7b, 0, 0xff, 0xff, 0xa8, 0x16, 1, 0}, frame{0x7b, 0, 0xff, 0xff, 0xa8, 0x16, 1, 0}, triggered, errLight},
		{"too near", frame{19, 0, 0xe8, 3, 0, 0, 1, 0}, frame{19, 0, 0xe8, 3, 0, 0, 1, 0}, triggered, drivers.ErrRange},
		{"too far", frame{0x21, 3, 0xe8, 3, 0, 0, 1, 0}, frame{0x21, 3, 0xe8, 3, 0, 0, 1, 0}, triggered, drivers.ErrRange},
		{"too hot", frame{100, 0, 0xe8, 3, 0xff, 0x7f, 1, 0}, frame{100, 0, 0xe8, 3, 0xff, 0x7f, 1, 0}, triggered, drivers.ErrRange},
		{"torn", good, frame{0x7c, 0x00, 0xe8, 0x03, 0xa8, 0x16, 1, 0}, triggered, errTorn},
		{"power lost", good, good, 0, drivers.ErrBrownOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.first, tt.second, tt.mode)
			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

// A part that does nothing when told to has old values.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, part := new(sim.Host), newPart(func() (uint16, uint16) { return 100, 1000 })
		host.AddI2C("1", 0x10, part)
		s, err := open(host, Settings{drivers.I2C{Address: 0x10}})
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		part.OnWrite = nil
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.Empty(t, got)
	})
}

// What is too weak now is no reason to begin again, and is a value when it is
// strong.
func TestComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, amplitude, modes := new(sim.Host), uint16(50), 0
		host.AddI2C("1", 0x10, newPart(func() (uint16, uint16) { return 250, amplitude }))
		host.SetFault(func(op sim.Op) error {
			if len(op.W) == 2 && op.W[0] == regMode {
				modes++
			}
			return op.Err
		})
		s, err := open(host, Settings{drivers.I2C{Address: 0x10}})
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, errWeak)
		amplitude = 500
		got, err := s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, 2.5, got[0].Value)
		assert.Equal(t, 1, modes, "initialised once")
	})
}

func TestAnotherPart(t *testing.T) {
	got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regSignature: []byte("LUNB")})
	assert.ErrorIs(t, err, drivers.ErrIdentity)
	assert.Empty(t, got)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x7b, 0x00, 0xe8, 0x03, 0xa8, 0x16, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var x frame
		copy(x[:], b)
		distance, temperature, err := x.decode()
		if err != nil {
			return
		}
		assert.True(t, nearest <= distance && distance <= farthest && -40 <= temperature && temperature <= 125)
		amplitude := binary.LittleEndian.Uint16(x[2:])
		assert.True(t, weak <= amplitude && amplitude < tooLight)
	})
}

func BenchmarkDecode(b *testing.B) {
	f := frame{0x7b, 0x00, 0xe8, 0x03, 0xa8, 0x16, 1, 0}
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = f.decode()
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x07: false, 0x08: true, 0x10: true, 0x77: true, 0x78: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
