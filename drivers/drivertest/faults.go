package drivertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errUnplugged = errors.New("drivertest: unplugged")

func (b bench) unplugged(t *testing.T) {
	s, host := b.open(t)
	for _, again := range []string{"before", "after"} {
		host.SetFault(func(sim.Op) error { return errUnplugged })
		results, err := read(t, s)
		assert.ErrorIsf(t, err, errUnplugged, "%s the first reading: the cause stays in the chain", again)
		assert.Empty(t, results, "no made-up values")

		host.SetFault(nil)
		_, err = read(t, s)
		assert.NoError(t, err, "recovers once the sensor is back")
	}
}

// openAt returns a sensor that was observed once, or one that never was.
func (b bench) openAt(t *testing.T, initialised bool) (agent.Sensor, *sim.Host) {
	t.Helper()
	s, host := b.open(t)
	if initialised {
		_, err := read(t, s)
		require.NoError(t, err)
	}
	return s, host
}

// eachTransaction fails the first, then the second, ... transaction alone, of a
// sensor that is being initialised and of one that was.
func (b bench) eachTransaction(t *testing.T) {
	for _, initialised := range []bool{false, true} {
		for nth := 1; ; nth++ {
			s, host := b.openAt(t, initialised)
			n := 0
			host.SetFault(func(op sim.Op) error {
				if n++; n == nth {
					return errUnplugged
				}
				return op.Err
			})
			_, err := read(t, s)
			host.SetFault(nil)
			if n < nth {
				require.Greater(t, nth, 1, "the driver touched nothing")
				break // each has failed once
			}
			require.ErrorIsf(t, err, errUnplugged, "transaction %d failed", nth)
			require.Lessf(t, n, 200, "transaction %d: does not try for ever", nth)
			_, err = read(t, s)
			require.NoErrorf(t, err, "after transaction %d failed", nth)
		}
	}
}

// powerCycles takes the power away after each transaction in turn, of a sensor
// that is being initialised and of one that was.
func (b bench) powerCycles(t *testing.T) {
	for _, initialised := range []bool{false, true} {
		for nth := 0; ; nth++ {
			reference, _ := b.open(t)
			want, err := read(t, reference)
			require.NoError(t, err)
			s, host := b.openAt(t, initialised)
			n := 0
			host.SetFault(func(op sim.Op) error {
				if n++; n == nth {
					host.PowerCycle()
				}
				return op.Err
			})
			if nth == 0 {
				host.PowerCycle()
			}
			got, err := read(t, s)
			host.SetFault(nil)
			if n < nth {
				break
			}
			plausible(t, want, got, fmt.Sprintf("power lost after transaction %d", nth))
			noticed := err != nil
			if got, err = read(t, s); err != nil && !noticed {
				got, err = read(t, s)
			}
			require.NoErrorf(t, err, "initialises again after power was lost at transaction %d", nth)
			plausible(t, want, got, "and reads right")
		}
	}
}

// powerCyclesWaiting takes the power away after each millisecond of a reading, or
// nearly each of a long one: a part that starts again has other values then than
// one that starts right after it was told something.
func (b bench) powerCyclesWaiting(t *testing.T) {
	for _, initialised := range []bool{false, true} {
		for at := time.Duration(0); ; at += time.Millisecond + at/100 {
			s, host := b.openAt(t, initialised)
			off := time.AfterFunc(time.Second+at, host.PowerCycle) // read waits a second
			got, err := read(t, s)
			if off.Stop() {
				break // the reading was over before
			}
			when := fmt.Sprintf("power lost %v after the reading began", at)
			b.asNew(t, got, when)
			noticed := err != nil
			if got, err = read(t, s); err != nil && !noticed {
				got, err = read(t, s)
			}
			require.NoErrorf(t, err, "initialises again: %s", when)
			b.asNew(t, got, when)
		}
	}
}

// plausible checks that measurements did not jump: the simulated day is calm.
func plausible(t *testing.T, want, got []agent.Result, when string) {
	t.Helper()
	for _, g := range got {
		for _, w := range want {
			if g.Property == w.Property && g.Property.Kind == agent.Measurement {
				require.InDeltaf(t, w.Value, g.Value, 2+0.05*math.Abs(w.Value), "%s: %s", when, g.Property.Name)
			}
		}
	}
}

func (b bench) canceled(t *testing.T) {
	s, _ := b.open(t)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		results, err := s.Observe(ctx, nil)
		if err != nil {
			assert.ErrorIs(t, err, context.Canceled)
			assert.Empty(t, results, "no made-up values")
		}
		assert.Zero(t, time.Since(start), "does not wait once canceled")
		_, err = read(t, s)
		require.NoError(t, err)
	}
}

// canceledWaiting cancels after each millisecond of a reading, or nearly each of a
// long one, of a sensor that is being initialised and of one that was. What the part was told stays with it: the
// next reading finds it in the middle of something, and must not be misled.
func (b bench) canceledWaiting(t *testing.T) {
	for _, initialised := range []bool{false, true} {
		for at := time.Millisecond; ; at += time.Millisecond + at/200 {
			s, _ := b.openAt(t, initialised)
			ctx, cancel := context.WithTimeout(t.Context(), at)
			start := time.Now()
			_, err := s.Observe(ctx, nil)
			cancel()
			if err == nil {
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, at, time.Since(start), "ends its wait with its context")
			require.Less(t, at, budget)
			got, err := read(t, s)
			require.NoErrorf(t, err, "after a reading was given up after %v", at)
			b.asNew(t, got, fmt.Sprintf("after a reading was given up after %v", at))
		}
	}
}

// asNew checks that measurements are those of a part that was only plugged in.
func (b bench) asNew(t *testing.T, got []agent.Result, when string) {
	t.Helper()
	reference, _ := b.open(t)
	want, err := read(t, reference)
	require.NoError(t, err)
	plausible(t, want, got, when)
}

// fresh checks that a reading after a long time is of now. A sum is of all the
// time, of course.
func (b bench) fresh(t *testing.T) {
	s, _ := b.openAt(t, true)
	for range 4 {
		time.Sleep(5 * time.Hour)
		got, err := read(t, s)
		require.NoError(t, err)
		got = slices.DeleteFunc(got, func(r agent.Result) bool { return r.Property == agent.Charge })
		b.asNew(t, got, "hours later")
	}
}

// absent checks that a part that acknowledges nothing is told from one that fails.
func (b bench) absent(t *testing.T) {
	s, host := b.open(t)
	onBus := false
	for range 2 {
		host.SetFault(func(op sim.Op) error {
			if op.Addr == 0 {
				return op.Err
			}
			onBus = true
			return sim.NoAck
		})
		_, err := read(t, s)
		if !onBus {
			return
		}
		require.ErrorIs(t, err, agent.ErrAbsent)
		host.SetFault(nil)
		_, err = read(t, s)
		require.NoError(t, err)
	}
}

func (b bench) randomBytes(t *testing.T) {
	s, host := b.open(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 0
		host.SetFault(func(op sim.Op) error {
			n++
			for i := range op.R {
				op.R[i] = byte(random.Uint32())
			}
			return op.Err
		})
		_, _ = read(t, s) // values that look right are not the driver's fault
		require.Less(t, n, 200, "does not try for ever")
	}
	host.SetFault(nil)
	host.PowerCycle()
	_, err := read(t, s)
	if err != nil {
		_, err = read(t, s)
	}
	assert.NoError(t, err, "recovers from nonsense")
}
