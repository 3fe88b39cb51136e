package gpioline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func TestUnknownLine(t *testing.T) {
	for name, text := range map[string]string{
		"NO_SUCH_LINE":           `no line "NO_SUCH_LINE" on any gpiochip`,
		"gpiochip0/x":            `line "gpiochip0/x": want a name or a chip and a number, as gpiochip0/17`,
		"gpiochip0/":             `line "gpiochip0/": want a name or a chip and a number, as gpiochip0/17`,
		"gpiochip_of_nobody/3":   `line gpiochip_of_nobody/3: `,
		"gpiochip_of_nobody/3/4": `want a name or a chip and a number`,
	} {
		l := New(name)

		w, err := l.Watch(Options{Edge: gpio.BothEdges}, func(Event) { t.Error("no edge") })
		assert.ErrorContains(t, err, text)
		assert.Nil(t, w)
		assert.ErrorContains(t, l.In(gpio.PullUp, gpio.RisingEdge), text)
		assert.ErrorContains(t, l.Out(gpio.High), text)
		assert.Empty(t, l.Function(), "it is not ours")
	}
}

// A line that was never used is nobody's, and asking about it changes nothing.
func TestUnusedLine(t *testing.T) {
	l := New("GPIO17")

	assert.Equal(t, "GPIO17", l.String())
	assert.Equal(t, "GPIO17", l.Name())
	assert.Equal(t, -1, l.Number())
	assert.Empty(t, l.Function())
	assert.Equal(t, gpio.Low, l.Read())
	assert.Equal(t, gpio.PullNoChange, l.DefaultPull())
	assert.False(t, l.WaitForEdge(time.Millisecond))
	assert.NoError(t, l.Halt())
	assert.Error(t, l.PWM(gpio.DutyHalf, physic.Hertz))
	_, err := (&watch{l}).Level()
	assert.EqualError(t, err, "line GPIO17: not requested")
}

func TestWaitForEdge(t *testing.T) {
	l := New("GPIO17")
	l.waiting <- struct{}{}
	assert.True(t, l.WaitForEdge(-1), "an edge since the last call")
	assert.False(t, l.WaitForEdge(0), "one edge, once")
	l.waiting <- struct{}{}
	assert.True(t, l.WaitForEdge(time.Minute))
}

func TestInputOptions(t *testing.T) {
	tests := []struct {
		pull gpio.Pull
		edge gpio.Edge
		want []gpiocdev.LineReqOption
	}{
		{gpio.PullUp, gpio.BothEdges, []gpiocdev.LineReqOption{gpiocdev.AsInput, gpiocdev.WithPullUp, gpiocdev.WithBothEdges}},
		{gpio.PullDown, gpio.RisingEdge, []gpiocdev.LineReqOption{gpiocdev.AsInput, gpiocdev.WithPullDown, gpiocdev.WithRisingEdge}},
		{gpio.Float, gpio.FallingEdge, []gpiocdev.LineReqOption{gpiocdev.AsInput, gpiocdev.WithBiasDisabled, gpiocdev.WithFallingEdge}},
		{gpio.PullNoChange, gpio.NoEdge, []gpiocdev.LineReqOption{gpiocdev.AsInput}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, input(tt.pull, tt.edge))
	}
}

// The kernel's stamps become times that a step of the wall clock does not move.
func TestWallTime(t *testing.T) {
	var ts unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	now := time.Duration(ts.Nano())

	at := wallTime(now - time.Hour)

	assert.InDelta(t, time.Hour, time.Since(at), float64(time.Second))
	assert.Contains(t, at.String(), "m=", "it keeps its monotonic reading")
	assert.InDelta(t, 5*time.Second, wallTime(now-5*time.Second).Sub(wallTime(now-10*time.Second)), float64(10*time.Millisecond))
}
