package sparkplug

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Times that a city waits for what it does by itself.
const (
	rebirthTime = 30 * time.Second
	partingTime = time.Second
	askTime     = time.Second // for a broker to say again whether the primary host is online
)

// link is what a city needs of a mqttlink.Link.
type link interface {
	Send(ctx context.Context, topic string, payload []byte) error
	Confirm(ctx context.Context) error
	Lost() <-chan struct{}
	Close() error
}

// A city is a broker with Sparkplug hosts behind it. It implements agent.City.
type city struct {
	node   node
	thing  agent.Thing
	number uint8 // bdSeq: of this session
	host   *host // nil without a primary host
	link   link

	datatypes bool // data have datatypes, as births do; the specification (6.4.6) would leave them out

	turn      chan struct{} // of capacity 1: who has put something in may send, as messages are numbered
	confirm   sync.Mutex    // with a primary host: its STATEs tell not who asked
	reborn    atomic.Bool   // a host wants the births again
	leaving   atomic.Bool   // nothing more is sent
	wake      chan struct{} // has a value after reborn or a STATE changed
	closing   chan struct{}
	lost      chan struct{}
	closeOnce sync.Once
	attending sync.WaitGroup

	// What follows belongs to who has the turn.
	seq     uint8 // of the next message
	born    bool
	devices []*device
	byName  map[string]*device
	metrics map[uint32]*metric // by the id of the datastream
	notice  string             // the last that was sent
	buf     []byte             // for payloads
}

func newCity(n node, thing agent.Thing, number uint8) *city {
	return &city{
		node: n, thing: thing, number: number,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), closing: make(chan struct{}), lost: make(chan struct{}),
		byName: make(map[string]*device), metrics: make(map[uint32]*metric),
	}
}

// open begins to attend to what hosts say.
func (c *city) open(l link) {
	c.link = l
	c.attending.Go(c.attend)
}

// command is called with what a host wants of the node.
func (c *city) command(_ string, payload []byte) {
	if wants, err := wantsRebirth(payload); err == nil && wants {
		c.reborn.Store(true)
		c.poke()
	}
}

// state is called with what is said of the primary host. What is no STATE counts
// for nothing.
func (c *city) state(_ string, payload []byte) {
	if c.host.tell(payload) == nil {
		c.poke()
	}
}

func (c *city) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// attend does what hosts ask for, and notes when the connection is lost.
func (c *city) attend() {
	for !c.hostLeft() && c.bearAgain() == nil {
		select {
		case <-c.wake:
		case <-c.link.Lost():
			close(c.lost)
			return
		case <-c.closing:
			return
		}
	}
	c.leave()
	close(c.lost)
}

func (c *city) hostLeft() bool {
	if c.host == nil {
		return false
	}
	online, _, _ := c.host.look()
	return !online
}

// bearAgain sends the births again if a host has asked for them and no message
// under way has taken that over.
func (c *city) bearAgain() error {
	if !c.reborn.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), rebirthTime)
	defer cancel()
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	return c.deliverBirths(ctx)
}

// deliverBirths sends all births if a host has asked for them.
func (c *city) deliverBirths(ctx context.Context) error {
	if !c.reborn.Swap(false) || !c.born {
		return nil
	}
	return c.births(ctx)
}

// begin waits for the turn to send.
func (c *city) begin(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return &agent.RetryError{Err: ctx.Err()}
	}
	if c.leaving.Load() {
		c.end()
		return &agent.RetryError{Err: errors.New("the connection ends")}
	}
	return nil
}

func (c *city) end() { <-c.turn }

// send numbers a message and sends it. It has the rest of its payload in c.buf.
func (c *city) send(ctx context.Context, topic string) error {
	if c.leaving.Load() {
		return &agent.RetryError{Err: errors.New("the connection ends")}
	}
	payload := appendUint(c.buf, payloadSeq, uint64(c.seq))
	c.buf = payload[:0]
	err := c.link.Send(ctx, topic, payload)
	var unsent *agent.RetryError
	if !errors.As(err, &unsent) {
		c.seq++
	}
	if err != nil {
		c.buf = nil // it may still be read
	}
	return err
}

// startPayload begins a payload in c.buf.
func (c *city) startPayload() { c.buf = appendUint(c.buf[:0], payloadTimestamp, now()) }

func now() uint64 { return uint64(time.Now().UnixMilli()) }

// confirmed returns nil when what was sent is beyond the broker's reader and, if
// there is a primary host, the broker has said since that it is online.
func (c *city) confirmed(ctx context.Context) error {
	if c.host == nil {
		return c.link.Confirm(ctx)
	}
	c.confirm.Lock()
	defer c.confirm.Unlock()
	_, heard, _ := c.host.look()
	for {
		if err := c.link.Confirm(ctx); err != nil {
			return err
		}
		// A broker that refuses to be asked twice at a time is asked again.
		again, cancel := context.WithTimeout(ctx, askTime)
		err := c.host.hear(again, heard, c.link.Lost())
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
}

// Announce implements agent.City. The first sends the births; another one that
// brings nothing new sends nothing.
func (c *city) Announce(ctx context.Context, _ agent.Thing, streams []*agent.Datastream, latest []agent.Observation) error {
	if err := c.begin(ctx); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	err := c.announce(ctx, streams, latest)
	c.end()
	if err == nil {
		err = c.confirmed(ctx)
	}
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

func (c *city) announce(ctx context.Context, streams []*agent.Datastream, latest []agent.Observation) error {
	c.learn(streams)
	for i := range latest {
		if o := &latest[i]; !c.born || c.unborn(o.Datastream) {
			c.show(o) // what is in no birth is news to the hosts
		}
	}
	if !c.born || c.reborn.Load() {
		c.reborn.Store(false)
		return c.births(ctx)
	}
	for _, d := range c.devices {
		if !d.unborn {
			continue
		}
		if err := c.birth(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// Lost implements agent.City.
func (c *city) Lost() <-chan struct{} { return c.lost }

// Close implements agent.City. It says that the node is gone.
func (c *city) Close() error {
	c.closeOnce.Do(func() { close(c.closing) })
	c.leave()
	c.attending.Wait()
	return nil
}

// leave ends the connection after what is being sent, and nothing follows the
// NDEATH.
func (c *city) leave() {
	c.leaving.Store(true)
	wait := time.NewTimer(partingTime)
	defer wait.Stop()
	select {
	case c.turn <- struct{}{}:
		defer c.end()
	case <-wait.C: // the connection takes nothing any more
	}
	_ = c.link.Close() // it never fails: the broker has the same last word
}
