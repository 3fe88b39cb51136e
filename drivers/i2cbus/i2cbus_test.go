package i2cbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// wire is a bus that does what its function does.
type wire func(addr uint16, w, r []byte) error

func (wire) String() string                      { return "wire" }
func (wire) SetSpeed(physic.Frequency) error     { return nil }
func (f wire) Tx(addr uint16, w, r []byte) error { return f(addr, w, r) }
func failing(err error) wire                     { return func(uint16, []byte, []byte) error { return err } }

func write(t *testing.T, b *Bus) error                 { return b.Dev(0x44).Write(t.Context(), 0xfd) }
func periphError(prefix string, e syscall.Errno) error { return fmt.Errorf("%s: %v", prefix, e) }

func TestTx(t *testing.T) {
	b := New("1", wire(func(addr uint16, w, r []byte) error {
		if addr != 0x44 || len(w) != 1 || w[0] != 0x05 {
			return errors.New("another transaction")
		}
		copy(r, "abc")
		return nil
	}))
	var r [3]byte

	require.NoError(t, b.Dev(0x44).ReadReg(t.Context(), 0x05, r[:]))

	assert.Equal(t, "abc", string(r[:]))
	assert.Equal(t, "1", b.String())
}

// Nobody else's bytes: the buffers of a request are used again.
func TestTxKeepsBuffersApart(t *testing.T) {
	b := New("1", wire(func(_ uint16, w, r []byte) error {
		for i := range r {
			r[i] += w[0]
		}
		return nil
	}))
	for i := range 5 {
		r := make([]byte, 5-i)
		require.NoError(t, b.Dev(0x44).ReadReg(t.Context(), 7, r))
		for _, v := range r {
			assert.EqualValues(t, 7, v)
		}
	}
	var seen []int
	b = New("1", wire(func(_ uint16, w, r []byte) error { seen = append(seen, len(w), len(r)); return nil }))
	require.NoError(t, b.Dev(0x44).Write(t.Context(), 1, 2, 3))
	require.NoError(t, b.Dev(0x44).Read(t.Context(), make([]byte, 2)))
	assert.Equal(t, []int{3, 0, 0, 2}, seen)
}

func TestTxSerialises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool
		n := 0
		b := New("1", wire(func(uint16, []byte, []byte) error {
			assert.False(t, busy.Swap(true), "one transaction at a time")
			time.Sleep(10 * time.Millisecond)
			n++
			busy.Store(false)
			return nil
		}))
		var wg sync.WaitGroup
		for addr := range uint16(20) {
			wg.Go(func() {
				for range 5 {
					assert.NoError(t, b.Dev(addr).Write(t.Context(), 1))
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 100, n)
	})
}

func TestErrorClasses(t *testing.T) {
	tests := []struct {
		errno syscall.Errno
		class ErrorClass
		text  string
	}{
		{syscall.EREMOTEIO, NoAck, "nothing acknowledges"},
		{syscall.ENXIO, NoAck, "nothing acknowledges"},
		{syscall.EIO, Fault, "transfer cut short"},
		{syscall.ETIMEDOUT, Hung, "the bus hangs"},
		{syscall.EAGAIN, Arbitration, "lost to another master"},
		{syscall.EBUSY, Busy, "a kernel driver uses it"},
		{syscall.ENODEV, Gone, "the controller is gone"},
		{syscall.EINVAL, Usage, "not possible on this controller"},
		{syscall.EOPNOTSUPP, Usage, "not possible on this controller"},
		{syscall.EACCES, Permission, "add the user to group i2c"},
		{syscall.EPERM, Permission, "add the user to group i2c"},
	}
	for _, tt := range tests {
		t.Run(tt.errno.Error(), func(t *testing.T) {
			for name, cause := range map[string]error{
				"the errno":        tt.errno,
				"with text after":  fmt.Errorf("ioctl: %w; giving up", tt.errno),
				"wrapped":          &os.SyscallError{Syscall: "ioctl", Err: tt.errno},
				"in periph's text": periphError("sysfs-i2c", tt.errno),
				"in a longer text": periphError("sysfs-i2c: failed to set address: ioctl", tt.errno),
			} {
				err := write(t, New("1", failing(cause)))

				assert.Equal(t, tt.class, Class(err), name)
				assert.Equal(t, tt.class, Class(fmt.Errorf("measure: %w", err)), name)
				assert.ErrorIs(t, err, cause, "the cause stays in the chain")
				assert.ErrorContains(t, err, "i2c 1 address 0x44: ", name)
				if name != "with text after" { // then the text is told as it is
					assert.ErrorContains(t, err, tt.text, name)
				}
				assert.ErrorContains(t, err, tt.errno.Error(), name)
				assert.Equal(t, tt.class == NoAck, errors.Is(err, agent.ErrAbsent), name)
			}
		})
	}
}

func TestErrorUnknown(t *testing.T) {
	cause := errors.New("something new")
	err := write(t, New("1", failing(cause)))
	assert.Equal(t, Other, Class(err))
	assert.ErrorIs(t, err, cause)
	assert.EqualError(t, err, "i2c 1 address 0x44: something new")
	assert.Equal(t, Other, Class(nil))
	assert.NoError(t, write(t, New("1", failing(nil))), "a nil error stays nil")
}

func TestEmptyTxRefused(t *testing.T) {
	b := New("1", wire(func(uint16, []byte, []byte) error { t.Error("it reached the bus"); return nil }))
	err := b.Dev(0x44).Tx(t.Context(), nil, nil)
	assert.Equal(t, Usage, Class(err), "an empty write is a probe that some parts take as a command")
}

func TestArbitrationLost(t *testing.T) {
	for lost, ok := range map[int]bool{1: true, 2: true, 3: false, 10: false} {
		n := 0
		b := New("1", wire(func(uint16, []byte, []byte) error {
			if n++; n <= lost {
				return periphError("sysfs-i2c", syscall.EAGAIN)
			}
			return nil
		}))
		err := write(t, b)
		if ok {
			assert.NoErrorf(t, err, "lost %d times", lost)
		} else {
			assert.Equal(t, Arbitration, Class(err))
			assert.Equal(t, 3, n, "tries")
		}
	}
	n := 0
	b := New("1", wire(func(uint16, []byte, []byte) error { n++; return syscall.EIO }))
	assert.Error(t, write(t, b))
	assert.Equal(t, 1, n, "what took place is not repeated")
}

func TestContextEndsHungTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		b := New("1", wire(func(_ uint16, _, r []byte) error {
			<-hung
			copy(r, "late")
			return nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		r := []byte("----")

		err := b.Dev(0x44).Read(ctx, r)

		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		assert.Equal(t, Hung, Class(err))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		close(hung)
		synctest.Wait()
		assert.Equal(t, "----", string(r), "the caller's memory is its own again")
		require.NoError(t, b.Dev(0x44).Read(t.Context(), r), "the bus came back")
		assert.Equal(t, "late", string(r))
	})
}

func TestCanceledBefore(t *testing.T) {
	b := New("1", wire(func(uint16, []byte, []byte) error { t.Error("it reached the bus"); return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, b.Dev(0x44).Write(ctx, 1), context.Canceled)
}

func TestOthersWaitWithPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		b := New("1", wire(func(addr uint16, _, _ []byte) error {
			if addr == 0x10 {
				<-hung
			}
			return nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, b.Dev(0x10).Write(ctx, 1), "never comes back")

		start := time.Now()
		err := write(t, b)
		assert.Equal(t, Hung, Class(err))
		assert.Equal(t, patience, time.Since(start), "others are delayed by patience only")

		short, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer stop()
		start = time.Now()
		assert.ErrorIs(t, b.Dev(0x44).Write(short, 1), context.DeadlineExceeded)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))

		close(hung)
		synctest.Wait()
		assert.NoError(t, write(t, b), "the bus came back")
	})
}

func TestRestAfterHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := periphError("sysfs-i2c", syscall.ETIMEDOUT)
		n := 0
		b := New("1", wire(func(uint16, []byte, []byte) error { n++; return answer }))
		rest := []time.Duration{5, 10, 20, 40, 80, 160, 300, 300}
		for i, seconds := range rest {
			require.Equal(t, Hung, Class(write(t, b)))
			require.Equal(t, i+1, n, "it is tried once")
			time.Sleep(seconds*time.Second - time.Millisecond)
			err := write(t, b)
			require.Equal(t, Hung, Class(err))
			require.ErrorContains(t, err, "the bus hung; tried again in")
			require.Equal(t, i+1, n, "it is left alone for %v s", seconds)
			time.Sleep(time.Millisecond)
		}

		answer = nil
		require.NoError(t, write(t, b), "it works again")
		require.NoError(t, write(t, b), "at once")

		answer = periphError("sysfs-i2c", syscall.ETIMEDOUT)
		require.Error(t, write(t, b))
		time.Sleep(minRest)
		answer = periphError("sysfs-i2c", syscall.EREMOTEIO)
		require.Equal(t, NoAck, Class(write(t, b)), "from 5 s again")
		require.Equal(t, NoAck, Class(write(t, b)), "an absent part is no hung bus")
	})
}

func TestSteadyStateAllocates(t *testing.T) {
	b := New("1", failing(nil))
	d := b.Dev(0x44)
	var r [6]byte
	ctx := t.Context()
	assert.Zero(t, testing.AllocsPerRun(200, func() { _ = d.ReadReg(ctx, 1, r[:]) }))
}
