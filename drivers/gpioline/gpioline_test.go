package gpioline

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/warthog618/go-gpiocdev/uapi"
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

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		options Options
		want    uapi.LineFlagV2
	}{
		{Options{Pull: gpio.PullUp, Edge: gpio.BothEdges}, uapi.LineFlagV2Input | uapi.LineFlagV2BiasPullUp | uapi.LineFlagV2EdgeRising | uapi.LineFlagV2EdgeFalling},
		{Options{Pull: gpio.PullDown, Edge: gpio.RisingEdge}, uapi.LineFlagV2Input | uapi.LineFlagV2BiasPullDown | uapi.LineFlagV2EdgeRising},
		{Options{Pull: gpio.Float, Edge: gpio.FallingEdge}, uapi.LineFlagV2Input | uapi.LineFlagV2BiasDisabled | uapi.LineFlagV2EdgeFalling},
		{Options{Pull: gpio.PullNoChange, Edge: gpio.NoEdge}, uapi.LineFlagV2Input},
	} {
		assert.Equal(t, uapi.LineConfig{Flags: tt.want}, input(tt.options))
	}

	debounced := input(Options{Debounce: 20 * time.Millisecond})
	require.EqualValues(t, 1, debounced.NumAttrs)
	assert.Equal(t, uapi.LineAttributeIDDebounce, debounced.Attrs[0].Attr.ID)
	assert.EqualValues(t, 20_000, debounced.Attrs[0].Attr.Value32(), "microseconds")
	assert.EqualValues(t, 1, debounced.Attrs[0].Mask, "of the one line")

	for level, want := range map[gpio.Level]uint64{gpio.High: 1, gpio.Low: 0} {
		config := output(level)
		assert.Equal(t, uapi.LineFlagV2Output, config.Flags)
		require.EqualValues(t, 1, config.NumAttrs)
		assert.Equal(t, uapi.LineAttributeIDOutputValues, config.Attrs[0].Attr.ID, "the level from the start")
		assert.Equal(t, want, config.Attrs[0].Attr.Value64())
	}
}

// event is what the kernel tells of an edge (linux/gpio.h).
func event(stamp time.Duration, rising bool, seq uint32) []byte {
	b := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(b, uint64(stamp))
	binary.NativeEndian.PutUint32(b[8:], 2)
	if rising {
		binary.NativeEndian.PutUint32(b[8:], 1)
	}
	binary.NativeEndian.PutUint32(b[12:], 17)
	binary.NativeEndian.PutUint32(b[16:], 1000+seq)
	binary.NativeEndian.PutUint32(b[20:], seq)
	return b
}

// now is the kernel's clock for events.
func now(t *testing.T) time.Duration {
	t.Helper()
	var ts unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return time.Duration(ts.Nano())
}

// The kernel's stamps become times that a step of the wall clock does not move.
func TestRead(t *testing.T) {
	base := now(t) - time.Hour
	var stream bytes.Buffer
	const n = 3*readEvents + 7
	for i := range n {
		stream.Write(event(base+time.Duration(i)*time.Millisecond, i%2 == 0, uint32(i+1)))
	}
	var got []Event

	err := Read(&stream, func(e Event) { got = append(got, e) })

	require.ErrorIs(t, err, io.EOF)
	require.Len(t, got, n)
	for i, e := range got {
		assert.EqualValues(t, i+1, e.Seq, "that of the line, not of the request")
		assert.Equal(t, i%2 == 0, e.Rising)
		assert.InDelta(t, time.Hour-time.Duration(i)*time.Millisecond, time.Since(e.Time), float64(time.Second))
		assert.Contains(t, e.Time.String(), "m=", "it keeps its monotonic reading")
	}
}

func TestReadOfHalfAnEvent(t *testing.T) {
	err := Read(bytes.NewReader(event(0, true, 1)[:20]), func(Event) { t.Error("no edge") })
	assert.EqualError(t, err, "read events: 20 bytes, events have 48")
}

// taking returns what a line is while its events are read, and the end of the
// pipe that the kernel writes to.
func taking(t *testing.T, handle func(Event)) (*taken, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	got := &taken{file: r, ended: make(chan struct{})}
	go got.read(handle)
	return got, w
}

func TestEventsUntilClose(t *testing.T) {
	got := make(chan Event)
	line, kernel := taking(t, func(e Event) { got <- e })
	for i := range uint32(3) {
		_, err := kernel.Write(event(now(t), true, i+1))
		require.NoError(t, err)
		assert.Equal(t, i+1, (<-got).Seq)
	}

	require.NoError(t, line.close(), "a read that waits ends")

	_, err := kernel.Write(event(now(t), true, 4))
	assert.ErrorIs(t, err, syscall.EPIPE)
}

// A line whose edges are no longer seen must not look as if none came.
func TestChipGoes(t *testing.T) {
	line, kernel := taking(t, func(Event) { t.Error("no edge") })
	require.NoError(t, kernel.Close())
	<-line.ended

	_, err := line.level()
	assert.ErrorIs(t, err, io.EOF)
	assert.NoError(t, line.close())
}

func BenchmarkRead(b *testing.B) {
	all := bytes.Repeat(event(time.Hour, true, 1), 64*1024)
	b.ReportAllocs()
	for b.Loop() {
		_ = Read(bytes.NewReader(all), func(Event) {})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64/1024, "ns/edge")
}
