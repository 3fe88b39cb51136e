// Package i2cbus makes a bus of periph fit for many sensors that do not know of
// each other: one transaction at a time, none longer than its context, errors
// that say what is wrong, and no waiting for a bus that hangs.
package i2cbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// How long a transaction may hold the bus before others stop waiting for it,
// and how long the bus is left alone after it hung: doubling, between these.
const (
	patience = 2 * time.Second
	minRest  = 5 * time.Second
	maxRest  = 5 * time.Minute
)

// arbitrationTries is how often a transaction that lost the bus to another
// master is tried: it did not take place.
const arbitrationTries = 3

// Bus is one I2C bus, shared by sensors in several goroutines.
type Bus struct {
	name string
	bus  i2c.Bus
	lock chan struct{} // full while a transaction is under way

	mu    sync.Mutex
	rest  time.Duration // 0 while the bus works
	until time.Time     // no transaction before
	free  *request      // to be used again, or nil
}

// New returns a bus that hands transactions to bus. name is what people call it.
func New(name string, bus i2c.Bus) *Bus {
	return &Bus{name: name, bus: bus, lock: make(chan struct{}, 1)}
}

// String returns the bus's name.
func (b *Bus) String() string { return b.name }

// Dev returns the part at a 7-bit address.
func (b *Bus) Dev(addr uint16) Dev { return Dev{b, addr} }

// Tx writes w and then, after a repeated start, reads r; either may be empty but
// not both. A kernel that does not come back keeps the bus, not the caller: Tx
// returns when ctx is done. All errors are an [*Error] or wrap ctx's.
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
	if err := b.resting(); err != nil {
		<-b.lock
		return &Error{Hung, b.name, addr, err}
	}
	q := b.take()
	q.addr = addr
	q.w, q.r = append(q.w[:0], w...), append(q.r[:0], r...)
	go q.run()
	select {
	case err := <-q.done:
		copy(r, q.r)
		b.give(q)
		return err
	case <-ctx.Done():
		return &Error{Hung, b.name, addr, fmt.Errorf("no answer from the controller: %w", ctx.Err())}
	}
}

// acquire waits for the bus to be free, with patience.
func (b *Bus) acquire(ctx context.Context, addr uint16) error {
	select {
	case b.lock <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case b.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return &Error{Hung, b.name, addr, errors.New("a transaction does not end")}
	}
}

// resting says why the bus is left alone at the moment, or nil.
func (b *Bus) resting() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := time.Until(b.until); left > 0 {
		return fmt.Errorf("the bus hung; tried again in %v", left.Round(time.Second))
	}
	return nil
}

// judge closes the bus for a time after it hung, and opens it when it answers.
func (b *Bus) judge(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var e *Error
	if errors.As(err, &e) && e.Class == Hung {
		b.rest = min(max(2*b.rest, minRest), maxRest)
		b.until = time.Now().Add(b.rest)
		return
	}
	b.rest = 0
}

// A request is one transaction, with buffers of its own: the caller may be gone
// before the kernel is done with them.
type request struct {
	bus  *Bus
	addr uint16
	w, r []byte
	done chan error
}

// take returns a request that nobody uses. One is enough for a bus that works.
func (b *Bus) take() *request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.free; q != nil {
		b.free = nil
		return q
	}
	return &request{bus: b, done: make(chan error, 1)}
}

func (b *Bus) give(q *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = q
}

func (q *request) run() {
	var err error
	for range arbitrationTries {
		if err = classify(q.bus.name, q.addr, q.bus.bus.Tx(q.addr, q.w, q.r)); Class(err) != Arbitration {
			break
		}
	}
	q.bus.judge(err)
	lock := q.bus.lock
	q.done <- err
	<-lock
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
