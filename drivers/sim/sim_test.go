package sim

import (
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func TestHostBuses(t *testing.T) {
	h := new(Host)
	h.AddI2C("", 0x20, &Registers{R: [256]byte{7: 42}})
	b, err := h.I2C("1")
	require.NoError(t, err)
	var r [1]byte

	require.NoError(t, b.Dev(0x20).ReadReg(t.Context(), 7, r[:]), "the default bus is 1")
	assert.EqualValues(t, 42, r[0])

	assert.ErrorIs(t, b.Dev(0x21).Write(t.Context(), 1), agent.ErrAbsent)
	h.RemoveI2C("1", 0x20)
	assert.ErrorIs(t, b.Dev(0x20).Write(t.Context(), 1), agent.ErrAbsent)
	other, err := h.I2C("2")
	require.NoError(t, err)
	assert.NotSame(t, b, other)
}

func TestRegisters(t *testing.T) {
	r := NewRegisters(&Registers{PowerOn: func(r *Registers) { r.R[1] = 9 }})
	require.NoError(t, r.Write([]byte{0x10, 1, 2, 3}))
	assert.Equal(t, []byte{1, 2, 3}, r.R[0x10:0x13], "the pointer counts up")
	require.NoError(t, r.Write([]byte{0x11}))
	b := make([]byte, 2)
	require.NoError(t, r.Read(b))
	assert.Equal(t, []byte{2, 3}, b)
	require.NoError(t, r.Read(b[:1]))
	assert.Zero(t, b[0], "and goes on")
	r.Reset()
	assert.Equal(t, [256]byte{1: 9}, r.R)

	pairs := &Registers{Pairs: true, Mask: 0x7f}
	require.NoError(t, pairs.Write([]byte{0x90, 1, 0x20, 2}))
	assert.EqualValues(t, 1, pairs.R[0x10])
	assert.EqualValues(t, 2, pairs.R[0x20])
}

func TestWords(t *testing.T) {
	w := NewWords(&Words{PowerOn: func(w *Words) { w.R[1] = 0x1234 }})
	b := make([]byte, 4)
	require.NoError(t, w.Write([]byte{1}))
	require.NoError(t, w.Read(b))
	assert.Equal(t, []byte{0x12, 0x34, 0xff, 0xff}, b, "the pointer stays")
	require.NoError(t, w.Write([]byte{2, 0xab, 0xcd}))
	require.NoError(t, w.Write([]byte{3, 0x01}))
	assert.EqualValues(t, 0xabcd, w.R[2])
	assert.EqualValues(t, 0x0100, w.R[3])
	w.Reset()
	assert.Equal(t, [256]uint16{1: 0x1234}, w.R)
	require.NoError(t, w.Read(b))
	assert.Zero(t, b[0], "so is the pointer")

	up := &Words{R: [256]uint16{1: 0x1234, 2: 0xabcd}, LittleEndian: true, CountsUp: true}
	require.NoError(t, up.Write([]byte{1}))
	require.NoError(t, up.Read(b))
	assert.Equal(t, []byte{0x34, 0x12, 0xcd, 0xab}, b)
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Commands{Answer: func(w []byte, _ []uint16) ([]uint16, time.Duration, bool) {
			return []uint16{0xbeef}, time.Millisecond, w[0] == 1
		}}
		r := make([]byte, 4)
		assert.Error(t, c.Read(r), "nothing was asked")
		assert.Error(t, c.Write([]byte{2}), "unknown")
		require.NoError(t, c.Write([]byte{1}))
		assert.Error(t, c.Read(r), "busy")
		assert.Error(t, c.Write([]byte{1}), "busy")
		time.Sleep(time.Millisecond)
		require.NoError(t, c.Read(r))
		assert.Equal(t, []byte{0xbe, 0xef, 0x92, 0xff}, r)
		assert.Error(t, c.Read(r), "an answer is given once")
		require.NoError(t, c.Write([]byte{1}))
		c.Reset()
		assert.Error(t, c.Read(r), "forgotten")
	})
}

func TestFault(t *testing.T) {
	h := new(Host)
	h.AddI2C("1", 0x20, &Registers{})
	h.AddFile("a/b", func() []byte { return []byte("text") })
	cut := errors.New("cut")
	var ops []Op
	h.SetFault(func(op Op) error { ops = append(ops, op); return cut })
	b, err := h.I2C("")
	require.NoError(t, err)

	assert.ErrorIs(t, b.Dev(0x20).Write(t.Context(), 1), cut)
	_, err = fs.ReadFile(h.FS(), "a/b")
	assert.ErrorIs(t, err, cut)
	_, err = h.SimLine("L").Watch(gpioline.Options{}, nil)
	assert.ErrorIs(t, err, cut)
	require.Len(t, ops, 3)
	assert.Equal(t, []string{"1", "a/b", "L"}, []string{ops[0].Bus, ops[1].Bus, ops[2].Bus})

	h.SetFault(nil)
	content, err := fs.ReadFile(h.FS(), "a/b")
	require.NoError(t, err)
	assert.Equal(t, "text", string(content))
	_, err = fs.ReadFile(h.FS(), "a/c")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestLine(t *testing.T) {
	l := new(Host).SimLine("L")
	var got []gpioline.Event
	w, err := l.Watch(gpioline.Options{Pull: gpio.PullUp, Edge: gpio.RisingEdge}, func(e gpioline.Event) { got = append(got, e) })
	require.NoError(t, err)
	_, err = l.Watch(gpioline.Options{}, nil)
	assert.Error(t, err, "one watch at a time")
	level, err := w.Level()
	require.NoError(t, err)
	assert.Equal(t, gpio.High, level, "pulled up")

	l.Pulse()
	l.Drop(1)
	l.Pulse()
	l.Set(gpio.High)
	l.Pulse()

	require.Len(t, got, 2, "no falling edge, no lost one, none without a change")
	assert.EqualValues(t, 1, got[0].Seq)
	assert.EqualValues(t, 3, got[1].Seq, "a lost edge is counted")
	require.NoError(t, w.Close())
	l.Pulse()
	assert.Len(t, got, 2)
	_, err = l.Watch(gpioline.Options{}, nil)
	assert.NoError(t, err)
}

// All names of a bus are one bus, as on a board.
func TestBusNames(t *testing.T) {
	host := new(Host)
	host.AddI2C("/dev/i2c-2", 0x44, &Commands{Answer: func([]byte, []uint16) ([]uint16, time.Duration, bool) { return nil, 0, true }})
	for _, name := range []string{"2", "i2c-2", "I2C2", "/dev/i2c-2"} {
		bus, err := host.I2C(name)
		require.NoError(t, err)
		assert.NoError(t, bus.Dev(0x44).Write(t.Context(), 1), name)
	}
}
