package i2cbus

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// held is a bus on which a part was left in the middle of a read: it holds SDA
// low until it got its clocks, and knows that the read is over only from a stop.
type held struct {
	clocks  int        // until it lets go of SDA
	stuck   gpio.Level // of SCL: Low if something holds it
	taken   bool
	refused error
	drive   [2]gpio.Level // scl, sda
	edges   int
	stopped bool
}

func (h *held) Levels() (scl, sda gpio.Level) {
	return h.drive[0] && h.stuck, h.drive[1] && h.clocks <= 0
}

func (h *held) Take() error {
	h.taken = h.refused == nil
	return h.refused
}

func (h *held) Give() { h.taken, h.drive = false, [2]gpio.Level{gpio.High, gpio.High} }

func (h *held) Drive(scl, sda gpio.Level) {
	if !h.taken {
		panic("driven while they are the controller's")
	}
	was := h.drive
	h.drive = [2]gpio.Level{scl, sda}
	if was[0] == gpio.Low && scl == gpio.High {
		h.edges++
		h.clocks--
	}
	if h.clocks <= 0 && was[0] == gpio.High && scl == gpio.High && was[1] == gpio.Low && sda == gpio.High {
		h.stopped = true
	}
}

// newHeld returns a bus whose part holds SDA for so many clocks.
func newHeld(clocks int) (*Bus, *held) {
	h := &held{clocks: clocks, stuck: gpio.High, drive: [2]gpio.Level{gpio.High, gpio.High}}
	b := New("1", wire(func(uint16, []byte, []byte) error {
		if h.clocks > 0 || h.stuck == gpio.Low || !h.stopped && h.edges > 0 {
			return periphError("sysfs-i2c", syscall.ETIMEDOUT)
		}
		return nil
	}))
	b.RecoverBy(h)
	return b, h
}

func TestNineClocksFreeTheBus(t *testing.T) {
	for clocks, text := range map[int]string{
		1: "a part held SDA low; 1 of nine",
		5: "a part held SDA low; 5 of nine",
		9: "a part held SDA low; 9 of nine",
	} {
		synctest.Test(t, func(t *testing.T) {
			b, h := newHeld(clocks)

			err := write(t, b)

			require.ErrorContains(t, err, text)
			assert.Equal(t, Hung, Class(err), "what was asked for did not take place")
			assert.False(t, h.taken, "the controller has its wires back")
			assert.True(t, h.stopped)
			assert.NoError(t, b.Dev(0x45).Write(t.Context(), 1), "another part is not delayed")
			time.Sleep(minRest)
			assert.NoError(t, write(t, b))
		})
	}
}

func TestClocksThatDoNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := newHeld(100)
		require.ErrorContains(t, write(t, b), "in spite of 9 clocks: take the power")
		assert.Equal(t, 9, h.edges)
		assert.False(t, h.taken)
		require.ErrorContains(t, write(t, b), "tried again in")
		assert.Equal(t, 9, h.edges, "while the bus is left alone, so are its wires")
	})
}

func TestWiresThatAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := newHeld(1)
		h.stuck = gpio.Low
		require.ErrorContains(t, write(t, b), "SCL is held low")
		assert.Zero(t, h.edges)
	})
	synctest.Test(t, func(t *testing.T) {
		b, h := newHeld(0)
		h.edges = 1 // the controller hangs, not the wires
		require.ErrorContains(t, write(t, b), "both wires are high")
		assert.Equal(t, 1, h.edges)
	})
	synctest.Test(t, func(t *testing.T) {
		b, h := newHeld(3)
		h.refused = errors.New("GPIO3 is a lamp")
		err := write(t, b)
		require.ErrorIs(t, err, h.refused)
		assert.Zero(t, h.edges)
	})
	synctest.Test(t, func(t *testing.T) {
		b, h := newHeld(3)
		b.trunk.bus = failing(periphError("sysfs-i2c", syscall.EREMOTEIO))
		require.Equal(t, NoAck, Class(write(t, b)))
		assert.Zero(t, h.edges, "an absent part is no hung bus")
	})
}

// A part that stretches the clock for ever does not keep the bus.
func TestClockStaysLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := newHeld(3)
		b.RecoverBy(&stretching{held: h})
		start := time.Now()
		require.ErrorContains(t, write(t, b), "SCL stayed low after 2 clocks")
		assert.Less(t, time.Since(start), 20*time.Millisecond)
		assert.False(t, h.taken)
	})
}

// stretching is held SCL after its second clock.
type stretching struct{ *held }

func (s *stretching) Drive(scl, sda gpio.Level) {
	s.held.Drive(scl, sda)
	if s.edges == 2 && !scl {
		s.stuck = gpio.Low
	}
}
