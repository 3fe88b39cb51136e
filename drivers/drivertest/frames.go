package drivertest

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FlippedBits checks that the driver notices every single wrong bit in what it
// reads. It is for drivers of parts that send checksums.
func FlippedBits[S any](t *testing.T, d drivers.Driver, settings ...func(*S)) {
	t.Run("FlippedBits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := bench{d, func(into any) error {
				for _, set := range settings {
					set(into.(*S))
				}
				return nil
			}}
			for _, first := range []bool{true, false} {
				s, host := b.open(t)
				if !first {
					_, err := read(t, s)
					require.NoError(t, err)
				}
				flipEach(t, s, host)
			}
		})
	})
}

func flipEach(t *testing.T, s agent.Sensor, host *sim.Host) {
	for bit := 0; ; bit++ {
		at, flipped := 0, false
		host.SetFault(func(op sim.Op) error {
			if i := bit/8 - at; 0 <= i && i < len(op.R) && !flipped {
				op.R[i] ^= 1 << (bit % 8)
				flipped = true
			}
			at += len(op.R)
			return op.Err
		})
		results, err := read(t, s)
		host.SetFault(nil)
		if !flipped {
			require.Greater(t, bit, 0, "the driver read nothing")
			return
		}
		require.Errorf(t, err, "bit %d of what was read was wrong", bit)
		require.Empty(t, results, "no value from a frame that is wrong")
	}
}

// Stuck checks that the driver gives no value while every byte it reads is b:
// 0x00 or 0xff, what a broken wire says.
func Stuck(t *testing.T, d drivers.Driver, b byte) {
	t.Run(fmt.Sprintf("Stuck%02x", b), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, host := bench{d, func(any) error { return nil }}.open(t)
			for range 2 {
				host.SetFault(func(op sim.Op) error {
					for i := range op.R {
						op.R[i] = b
					}
					return op.Err
				})
				results, err := read(t, s)
				assert.Error(t, err)
				assert.Empty(t, results, "no made-up values")
				host.SetFault(nil)
				_, err = read(t, s)
				require.NoError(t, err)
			}
		})
	})
}

// Answers observes once, on simulated hardware whose answers are replaced: what
// is read after a register or command was written, by its first byte.
func Answers[S any](t *testing.T, d drivers.Driver, answers map[byte][]byte, settings ...func(*S)) (results []agent.Result, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := bench{d, func(into any) error {
			for _, set := range settings {
				set(into.(*S))
			}
			return nil
		}}
		s, host := b.open(t)
		var last byte
		host.SetFault(func(op sim.Op) error {
			if len(op.W) > 0 {
				last = op.W[0]
			}
			copy(op.R, answers[last])
			return op.Err
		})
		results, err = read(t, s)
	})
	return results, err
}
