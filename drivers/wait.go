package drivers

import (
	"context"
	"time"
)

// Wait sleeps for d, or until ctx is done and returns its error.
func Wait(ctx context.Context, d time.Duration) error { return new(Waiter).Wait(ctx, d) }

// A Waiter waits again and again and leaves no garbage, for sensors that wait
// more than once in a reading. It is for one goroutine. The zero value is ready.
type Waiter struct{ timer *time.Timer }

// Wait sleeps for d, or until ctx is done and returns its error.
func (w *Waiter) Wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	select {
	case <-w.timer.C:
		return nil
	case <-ctx.Done():
		w.timer.Stop()
		return ctx.Err()
	}
}
