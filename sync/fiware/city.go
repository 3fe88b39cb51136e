package fiware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A city is an IoT Agent. It implements agent.City, agent.Pacer and, as far as
// its way can answer, agent.Reconciler.
type city struct {
	settings Settings
	target   uplink.Target
	key      string
	way      way
	north    *north // or nil

	mu      sync.Mutex
	devices map[string]*device
	thing   agent.Thing
	streams []*agent.Datastream
	alarm   string // what was told last
}

// A way is how measures get to the agent.
type way interface {
	// ready prepares to send to a device, once.
	ready(ctx context.Context, d *device) error

	// deliver sends what is for one device, and is the only one that does.
	deliver(ctx context.Context, d *device, epoch agent.Epoch, obs []agent.Observation) error

	// tell sends a notice to the gateway's own device.
	tell(ctx context.Context, d *device, n agent.Notice, text string) error

	// stored returns which of what is for a device the platform has, as far as
	// it can be asked.
	stored(ctx context.Context, d *device, epoch agent.Epoch, obs []agent.Observation) ([]agent.Observation, error)

	Lost() <-chan struct{}
	Close() error
}

// A device is one entity at the platform. It is used by who holds its turn.
type device struct {
	id      string
	turn    chan struct{} // of capacity 1
	isReady bool
	shown   shown
	answers chan mark // of capacity 1: the newest
}

// take waits for the device's turn, and makes it ready.
func (c *city) take(ctx context.Context, id string) (*device, error) {
	c.mu.Lock()
	d, ok := c.devices[id]
	if !ok {
		d = &device{id: id, turn: make(chan struct{}, 1), answers: make(chan mark, 1)}
		c.devices[id] = d
	}
	c.mu.Unlock()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, &agent.RetryError{Err: ctx.Err()}
	}
	if !d.isReady {
		if err := c.way.ready(ctx, d); err != nil {
			d.release()
			return nil, &agent.RetryError{Err: err}
		}
		d.isReady = true
	}
	return d, nil
}

func (d *device) release() { <-d.turn }

// Announce implements agent.City.
func (c *city) Announce(ctx context.Context, thing agent.Thing, streams []*agent.Datastream, _ []agent.Observation) error {
	c.mu.Lock()
	c.thing, c.streams = thing, streams
	c.mu.Unlock()
	return c.provision(ctx)
}

// provision makes sure that the platform knows the devices, if the gateway is
// to see to that.
func (c *city) provision(ctx context.Context) error {
	if c.north == nil {
		return nil
	}
	c.mu.Lock()
	thing, streams := c.thing, c.streams
	c.mu.Unlock()
	refused, err := c.north.provision(ctx, thing, streams)
	if refused != nil && err == nil {
		c.raise(strings.ReplaceAll(refused.Error(), "\n", "; "))
	}
	return err
}

// Pace implements agent.Pacer: a late value takes the place of the current one
// (trap F5).
func (c *city) Pace() agent.Pace { return agent.Pace{Limit: limit, InOrder: true} }

// Publish implements agent.City. Devices are sent to beside each other.
func (c *city) Publish(ctx context.Context, batch agent.Batch) error {
	parts, refused := split(batch.Observations, c.target.Thing.ID)
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() {
			d, err := c.take(ctx, p.device)
			if err != nil {
				errs[i] = err
				return
			}
			defer d.release()
			errs[i] = c.way.deliver(ctx, d, batch.Epoch, p.obs)
		})
	}
	wg.Wait()
	return outcome(parts, errs, refused)
}

// outcome is that of a whole batch: surely not taken only if no part was. Parts that
// were not, while others were, wait by themselves: one device may be missing.
func outcome(parts []*part, errs []error, refused map[uint64]string) error {
	var failed error
	taken := false
	left := make(map[uint64]bool)
	for i, err := range errs {
		var (
			some  *agent.RefusedError
			retry *agent.RetryError
		)
		switch {
		case err == nil:
			taken = true
		case errors.As(err, &some):
			taken = true // or will never be
			for seq, why := range some.Refused {
				refused[seq] = why
			}
		case errors.As(err, &retry):
			if failed == nil {
				failed = err
			}
			for _, o := range parts[i].obs {
				left[o.Seq] = true
			}
		default:
			return err
		}
	}
	switch {
	case failed != nil && taken:
		return &uplink.LeftOut{Seqs: left, Refused: refused, Err: failed}
	case failed != nil:
		return failed
	case len(refused) > 0:
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// partly is an error after a part was taken: it is no *agent.RetryError any
// more.
func partly(err error) error { return errors.New("a part of the batch was sent: " + err.Error()) }

// Notify implements agent.City. The next notice is sent when the one before is
// acknowledged.
func (c *city) Notify(ctx context.Context, told []agent.Notice) error {
	if len(told) == 0 {
		return nil
	}
	d, err := c.take(ctx, c.target.Thing.ID)
	if err != nil {
		return err
	}
	defer d.release()
	for _, n := range told {
		text, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
		if err := c.way.tell(ctx, d, n, escape(text)); err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
	}
	return nil
}

// noticeMark is what the gateway's entity shows when it has a notice.
func noticeMark(n agent.Notice, text string) mark {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text)) // it never fails
	return mark{n.Epoch.String(), n.ID, fmt.Sprintf("n-%016x", sum.Sum64())}
}

// Reconcile implements agent.Reconciler.
func (c *city) Reconcile(ctx context.Context, batch agent.Batch) (have []uint64, err error) {
	parts, _ := split(batch.Observations, c.target.Thing.ID)
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for _, p := range parts {
		wg.Go(func() {
			obs, failed := c.storedOf(ctx, p, batch.Epoch)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, failed)
			for _, o := range obs {
				have = append(have, o.Seq)
			}
		})
	}
	wg.Wait()
	return have, err
}

func (c *city) storedOf(ctx context.Context, p *part, epoch agent.Epoch) ([]agent.Observation, error) {
	d, err := c.take(ctx, p.device)
	if err != nil {
		return nil, err
	}
	defer d.release()
	return c.way.stored(ctx, d, epoch, p.obs)
}

// raise logs what a person should look after and no outcome tells, when it is
// news.
func (c *city) raise(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alarm != what && c.target.Log != nil {
		c.target.Log.Error("the platform does not take what is sent", "err", what)
	}
	c.alarm = what
}

// Lost implements agent.City.
func (c *city) Lost() <-chan struct{} { return c.way.Lost() }

// Close implements agent.City.
func (c *city) Close() error {
	err := c.way.Close()
	if c.north != nil {
		err = errors.Join(err, c.north.link.Close())
	}
	return err
}
