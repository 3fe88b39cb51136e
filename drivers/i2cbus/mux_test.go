package i2cbus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sht4x"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A driver behind two multiplexers keeps all it promises.
func TestDriverBehindMultiplexers(t *testing.T) {
	behind := func(s *sht4x.Settings) { s.Bus = "1/mux@70/3/mux@71/0" }
	drivertest.Run(t, sht4x.Driver, behind)
	drivertest.FlippedBits(t, sht4x.Driver, behind)
}

// labelled is a part whose register 0 tells which one it is.
func labelled(n byte) *sim.Registers {
	return sim.NewRegisters(&sim.Registers{PowerOn: func(r *sim.Registers) { r.R[0] = n }})
}

// bench is a bus with parts of one address on several branches.
type bench struct {
	*sim.Host
	mux *sim.Mux // at 0x70
	ops []string
}

var branches = []string{"1/mux@70/0", "1/mux@70/5", "1/mux@72/5", "1/mux@70/3/mux@71/0", "1/mux@70/3/mux@71/1"}

func newBench() *bench {
	b := &bench{Host: new(sim.Host), mux: new(sim.Mux)}
	b.AddI2C("1", 0x70, b.mux)
	for i, branch := range branches {
		b.AddI2C(branch, 0x44, labelled(byte(i)))
	}
	b.AddI2C("1", 0x20, labelled(0x99))
	b.first(branches...)
	b.record(nil)
	return b
}

// first opens branches and does a first transaction on the trunk, which switches off
// what may be on.
func (b *bench) first(branches ...string) {
	for _, branch := range branches {
		_, _ = b.I2C(branch)
	}
	bus, _ := b.I2C("1")
	_ = bus.Dev(0x20).Write(context.Background(), 0)
}

// record notes what is on the wire, and fails what fail says.
func (b *bench) record(fail func(sim.Op) error) {
	b.ops = nil
	b.SetFault(func(op sim.Op) error {
		b.ops = append(b.ops, fmt.Sprintf("%x:%x:%d", op.Addr, op.W, len(op.R)))
		if fail != nil {
			if err := fail(op); err != nil {
				return err
			}
		}
		return op.Err
	})
}

func (b *bench) read(t *testing.T, branch string, addr uint16) (byte, error) {
	t.Helper()
	bus, err := b.I2C(branch)
	require.NoError(t, err)
	var r [1]byte
	err = bus.Dev(addr).ReadReg(t.Context(), 0, r[:])
	return r[0], err
}

func TestBranchesAreApart(t *testing.T) {
	b := newBench()
	var wg sync.WaitGroup
	b.SetFault(nil)
	for i, branch := range branches {
		wg.Go(func() {
			for range 20 {
				got, err := b.read(t, branch, 0x44)
				assert.NoError(t, err, branch)
				assert.EqualValues(t, i, got, branch)
			}
		})
	}
	wg.Wait()
	assert.Zero(t, b.mux.On(), "deselected after use")
	_, err := b.read(t, "1", 0x44)
	assert.ErrorIs(t, err, agent.ErrAbsent, "and so not on the trunk")
	got, err := b.read(t, "1/mux@70/0", 0x20)
	assert.NoError(t, err)
	assert.EqualValues(t, 0x99, got, "what is on the trunk is on every branch")
}

func TestBranchTransactions(t *testing.T) {
	b := newBench()
	_, err := b.read(t, "1/mux@70/3/mux@71/1", 0x44)
	require.NoError(t, err)
	assert.Equal(t, []string{"70:08:0", "71:02:0", "44:00:1", "71::1", "71:00:0", "70::1", "70:00:0"}, b.ops)
}

// A part that is not there costs its own transaction, and leaves nothing on.
func TestPartAbsentBehind(t *testing.T) {
	b := newBench()
	_, err := b.read(t, "1/mux@70/5", 0x45)
	assert.ErrorIs(t, err, agent.ErrAbsent)
	assert.ErrorContains(t, err, "i2c 1/mux@70/5 address 0x45: nothing acknowledges")
	assert.Zero(t, b.mux.On())

	bus, err := b.I2C("1/mux@70/5")
	require.NoError(t, err)
	b.RemoveI2C("1", 0x70)
	b.record(nil)
	err = bus.Dev(0x44).Write(t.Context(), 1)
	assert.ErrorIs(t, err, agent.ErrAbsent, "without its multiplexer")
	assert.ErrorContains(t, err, "select channel 5: i2c 1 address 0x70: nothing acknowledges")
	assert.Len(t, b.ops, 1)
	_, err = b.read(t, "1/mux@72/5", 0x44)
	assert.NoError(t, err, "another one is there")
}

// A value that was read while the channel may have been off is none.
func TestResetIsNoticed(t *testing.T) {
	for _, at := range []string{"44:00:1", "70:20:0"} {
		b := newBench()
		b.record(func(op sim.Op) error {
			if b.ops[len(b.ops)-1] == at {
				b.mux.Reset()
			}
			return nil
		})
		_, err := b.read(t, "1/mux@70/5", 0x44)
		assert.ErrorContains(t, err, "the multiplexer was reset: its channels are 0x00, were 0x20", at)
		assert.Equal(t, i2cbus.Fault, i2cbus.Class(err))
		assert.NotErrorIs(t, err, agent.ErrAbsent, "the part may well be there")
		b.record(nil)
		got, err := b.read(t, "1/mux@70/5", 0x44)
		require.NoError(t, err, "the next one finds it as it should be")
		assert.EqualValues(t, 1, got)
	}
}

// A channel that could not be switched off is, before anything else is heard.
func TestChannelLeftOn(t *testing.T) {
	for _, heard := range []bool{false, true} {
		b := newBench()
		fail := func(op sim.Op) error {
			if op.Addr == 0x71 && len(op.W) == 1 && op.W[0] == 0 {
				return syscall.EIO
			}
			return nil
		}
		b.record(fail)
		_, err := b.read(t, "1/mux@70/3/mux@71/0", 0x44)
		assert.ErrorContains(t, err, "deselect channel 0: i2c 1/mux@70/3 address 0x71: transfer cut short")

		b.record(fail)
		_, err = b.read(t, "1", 0x20)
		assert.ErrorContains(t, err, "switch off channel 0, which may be on")
		assert.NotContains(t, b.ops, "20:00:1")

		b.record(nil)
		if heard {
			b.RemoveI2C("1/mux@70/3", 0x71) // and its channels with it
		}
		got, err := b.read(t, "1", 0x20)
		require.NoError(t, err)
		assert.EqualValues(t, 0x99, got)
		assert.Equal(t, []string{"70:08:0", "71:00:0", "70::1", "70:00:0", "20:00:1"}, b.ops)
		b.record(nil)
		_, err = b.read(t, "1", 0x20)
		require.NoError(t, err)
		assert.Equal(t, []string{"20:00:1"}, b.ops, "once")
	}
}

// Where two could not be switched off, both are.
func TestTwoChannelsLeftOn(t *testing.T) {
	b := newBench()
	b.record(func(op sim.Op) error {
		if len(op.W) == 1 && op.W[0] == 0 && op.Addr >= 0x70 {
			return syscall.EIO
		}
		return nil
	})
	b.RemoveI2C("1/mux@70/3/mux@71/0", 0x44)
	_, err := b.read(t, "1/mux@70/3/mux@71/0", 0x44)
	assert.ErrorIs(t, err, agent.ErrAbsent)
	b.record(nil)
	_, err = b.read(t, "1", 0x20)
	require.NoError(t, err)
	assert.Equal(t, []string{"70:08:0", "71:00:0", "70::1", "70:00:0", "20:00:1"}, b.ops)
}

// Selecting that was cut short may have been heard all the same.
func TestSelectCutShort(t *testing.T) {
	b := newBench()
	b.record(func(op sim.Op) error {
		if op.Addr == 0x70 && len(op.W) == 1 && op.W[0] != 0 {
			return syscall.EIO
		}
		return nil
	})
	_, err := b.read(t, "1/mux@70/0", 0x44)
	assert.ErrorContains(t, err, "select channel 0")
	b.record(nil)
	_, err = b.read(t, "1", 0x44)
	assert.ErrorIs(t, err, agent.ErrAbsent, "nothing behind answers for what is not there")
	assert.Zero(t, b.mux.On())
}

// One dead part delays another by its own transaction, behind a multiplexer and
// without one; a bus on which two hang is left alone.
func TestDeadPartDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		dead := map[uint16]bool{0x44: true}
		b.record(func(op sim.Op) error {
			if dead[op.Addr] {
				time.Sleep(time.Second)
				return syscall.ETIMEDOUT
			}
			return nil
		})
		start := time.Now()
		_, err := b.read(t, "1/mux@70/0", 0x44)
		assert.Equal(t, i2cbus.Hung, i2cbus.Class(err))
		got, err := b.read(t, "1", 0x20)
		require.NoError(t, err, "the others go on")
		assert.EqualValues(t, 0x99, got)
		assert.LessOrEqual(t, time.Since(start), time.Second)
		assert.NotContains(t, b.ops, "70::1", "a bus that hangs is not asked what is on")
		start = time.Now()
		_, err = b.read(t, "1/mux@70/0", 0x44)
		assert.ErrorContains(t, err, "the bus hung; tried again in", "it is left alone")
		assert.Zero(t, time.Since(start))
		time.Sleep(5 * time.Second)
		for _, branch := range branches[:2] { // the first one for 10 s now
			_, err = b.read(t, branch, 0x44)
			assert.Equal(t, i2cbus.Hung, i2cbus.Class(err))
			_, err = b.read(t, "1", 0x20)
			require.NoError(t, err, "two that are dead, and others go on")
		}

		dead[0x20] = true
		_, err = b.read(t, branches[2], 0x44)
		assert.Equal(t, i2cbus.Hung, i2cbus.Class(err))
		_, err = b.read(t, "1", 0x20)
		assert.Equal(t, i2cbus.Hung, i2cbus.Class(err))
		start = time.Now()
		_, err = b.read(t, branches[3], 0x44)
		assert.ErrorContains(t, err, "the bus hung", "two in a row: it is the bus")
		assert.Zero(t, time.Since(start))

		clear(dead)
		time.Sleep(5 * time.Second)
		_, err = b.read(t, "1", 0x20)
		require.NoError(t, err)
		for _, branch := range branches {
			_, err = b.read(t, branch, 0x44)
			assert.NoError(t, err, "it was the bus: nobody is left alone any longer")
		}
	})
}

func TestUnknownErrorsStay(t *testing.T) {
	cause := errors.New("something new")
	b := newBench()
	b.record(func(op sim.Op) error {
		if op.Addr == 0x44 {
			return cause
		}
		return nil
	})
	_, err := b.read(t, "1/mux@70/0", 0x44)
	assert.ErrorIs(t, err, cause)
	assert.Zero(t, b.mux.On(), "deselected all the same")
}
