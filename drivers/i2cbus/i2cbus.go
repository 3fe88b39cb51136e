// Package i2cbus makes a bus of periph fit for many sensors that do not know of
// each other: one transaction at a time, none longer than its context, errors
// that say what is wrong, and no waiting for a bus that hangs.
package i2cbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// patience is how long a transaction may hold the bus before others stop waiting
// for it.
const patience = 2 * time.Second

// arbitrationTries is how often a transaction that lost the bus to another
// master is tried: it did not take place.
const arbitrationTries = 3

// Bus is one I2C bus, or a branch of one behind multiplexers, shared by sensors
// in several goroutines.
type Bus struct {
	name     string
	channels []Channel // on the way to it, the outermost first
	trunk    *trunk
}

// trunk is the bus that the controller drives, with all its branches.
type trunk struct {
	name  string
	bus   i2c.Bus
	wires Wires         // nil if the bus cannot be freed
	lock  chan struct{} // full while a transaction is under way
	left  []Channel     // the way to a channel that may still be on; of whoever has the lock
	mask  [1]byte       // for a multiplexer; of whoever has the lock, too

	mu    sync.Mutex
	rests rests
	free  *request    // to be used again, or nil
	muxes []string    // that were named: the ways to them
	fresh [][]Channel // the ways to those that were not switched off yet
}

// New returns a bus that hands transactions to bus. name is what people call it.
func New(name string, bus i2c.Bus) *Bus {
	return &Bus{name: name, trunk: &trunk{name: name, bus: bus, lock: make(chan struct{}, 1)}}
}

// String returns the bus's name.
func (b *Bus) String() string { return b.name }

// Dev returns the part at a 7-bit address.
func (b *Bus) Dev(addr uint16) Dev { return Dev{b, addr} }

// Tx writes w and then, after a repeated start, reads r; either may be empty but
// not both. A kernel that does not come back keeps the bus, not the caller: Tx
// returns when ctx is done. All errors wrap an [*Error] or ctx's.
func (b *Bus) Tx(ctx context.Context, addr uint16, w, r []byte) error {
	if len(w)+len(r) == 0 {
		return &Error{Usage, b.name, addr, errors.New("empty transaction")}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.acquire(ctx, addr); err != nil {
		return err
	}
	if err := b.trunk.resting(part{b.name, addr}); err != nil {
		<-b.trunk.lock
		return &Error{Hung, b.name, addr, err}
	}
	q := b.trunk.take()
	q.bus, q.addr = b, addr
	q.w, q.r = append(q.w[:0], w...), append(q.r[:0], r...)
	go q.run()
	select {
	case err := <-q.done:
		copy(r, q.r)
		b.trunk.give(q)
		return err
	case <-ctx.Done():
		return &Error{Hung, b.name, addr, fmt.Errorf("no answer from the controller: %w", ctx.Err())}
	}
}

// acquire waits for the bus to be free, with patience.
func (b *Bus) acquire(ctx context.Context, addr uint16) error {
	select {
	case b.trunk.lock <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case b.trunk.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return &Error{Hung, b.name, addr, errors.New("a transaction does not end")}
	}
}

// A request is one transaction, with buffers of its own: the caller may be gone
// before the kernel is done with them.
type request struct {
	bus  *Bus
	addr uint16
	w, r []byte
	done chan error
	run  func() // carry, as a value: a new one for each go is garbage
}

// take returns a request that nobody uses. One is enough for a bus that works.
func (t *trunk) take() *request {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := t.free; q != nil {
		t.free = nil
		return q
	}
	q := &request{done: make(chan error, 1)}
	q.run = q.carry
	return q
}

func (t *trunk) give(q *request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free = q
}

func (q *request) carry() {
	b, t := q.bus, q.bus.trunk
	err := t.tidy()
	if err == nil {
		err = t.through(b.channels, 0, q)
	}
	t.judge(part{b.name, q.addr}, err)
	if Class(err) == Hung {
		err = t.release(err)
	}
	q.done <- err // q is the caller's from here on
	<-t.lock
}

// do implements job.
func (q *request) do() error { return q.bus.trunk.tx(q.bus.name, q.addr, q.w, q.r) }

// tx is one transaction on the wire. name is that of the branch it is for.
func (t *trunk) tx(name string, addr uint16, w, r []byte) (err error) {
	for range arbitrationTries {
		if err = classify(name, addr, t.bus.Tx(addr, w, r)); Class(err) != Arbitration {
			break
		}
	}
	return err
}

// Dev is a part on a bus.
type Dev struct {
	Bus  *Bus
	Addr uint16
}

// Tx is [Bus.Tx] with the part's address.
func (d Dev) Tx(ctx context.Context, w, r []byte) error { return d.Bus.Tx(ctx, d.Addr, w, r) }

// Write writes the bytes, for example a register and its value.
func (d Dev) Write(ctx context.Context, w ...byte) error { return d.Bus.Tx(ctx, d.Addr, w, nil) }

// Read reads len(r) bytes without writing any.
func (d Dev) Read(ctx context.Context, r []byte) error { return d.Bus.Tx(ctx, d.Addr, nil, r) }

// ReadReg reads len(r) bytes from a register on, with a repeated start.
func (d Dev) ReadReg(ctx context.Context, reg byte, r []byte) error {
	w := [1]byte{reg}
	return d.Bus.Tx(ctx, d.Addr, w[:], r)
}

// Byte reads a register of one byte.
func (d Dev) Byte(ctx context.Context, reg byte) (byte, error) {
	var b [1]byte
	err := d.ReadReg(ctx, reg, b[:])
	return b[0], err
}

// Word reads a register of two bytes, the high one first.
func (d Dev) Word(ctx context.Context, reg byte) (uint16, error) {
	var b [2]byte
	err := d.ReadReg(ctx, reg, b[:])
	return binary.BigEndian.Uint16(b[:]), err
}
