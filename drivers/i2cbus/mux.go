package i2cbus

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Channel is one of the up to eight of a multiplexer of the family of TI's
// TCA9548A and NXP's PCA9548A.
type Channel struct {
	Mux    uint16 // its 7-bit address, 0x70 to 0x77
	Number int    // 0 to 7
}

// String returns the channel as it stands in the path of a bus: "mux@70/3".
func (c Channel) String() string { return fmt.Sprintf("mux@%x/%d", c.Mux, c.Number) }

// muxMark is what follows the trunk in a path.
const muxMark = "/mux@"

// ParsePath splits the path of a bus, for example "1/mux@70/3/mux@71/0", into
// the trunk's name, "1", and the channels on the way, the outermost first. A
// name without channels is a path as well.
func ParsePath(path string) (trunk string, channels []Channel, err error) {
	trunk, rest, found := strings.Cut(path, muxMark)
	for found {
		var step string
		step, rest, found = strings.Cut(rest, muxMark)
		mux, number, _ := strings.Cut(step, "/")
		address, addressErr := strconv.ParseUint(mux, 16, 7)
		n, numberErr := strconv.ParseUint(number, 10, 3)
		c := Channel{uint16(address), int(n)}
		if addressErr != nil || numberErr != nil || address < 0x70 || address > 0x77 || muxMark+step != "/"+c.String() {
			return "", nil, fmt.Errorf("bus %q: want address 70 to 77 and channel 0 to 7 of a multiplexer, as \"1/mux@70/3\"", path)
		}
		for _, outer := range channels {
			if outer.Mux == c.Mux {
				return "", nil, fmt.Errorf("bus %q: two multiplexers at 0x%x on one way; give one another address", path, c.Mux)
			}
		}
		channels = append(channels, c)
	}
	return trunk, channels, nil
}

// ShortName makes the names of one bus one: "1" for "/dev/i2c-1", "i2c-1" and
// "I2C1".
func ShortName(name string) string {
	for _, prefix := range []string{"/dev/i2c-", "i2c-", "I2C"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

// Behind returns the branch of the bus behind the channels, the outermost first.
//
// For each transaction on it the channels are switched on, and off again after,
// while nobody else has the bus: so parts of two branches may have the same
// address, though not one of a branch and one that is nearer to the controller.
// A multiplexer that lost its channel in between, because of a reset, fails the
// transaction, whatever was read. What another program left on, or the agent when
// it was killed, is switched off before the first transaction.
func (b *Bus) Behind(channels ...Channel) *Bus {
	if len(channels) == 0 {
		return b
	}
	branch := &Bus{b.name, append([]Channel(nil), b.channels...), b.trunk}
	for _, c := range channels {
		b.trunk.meet(fmt.Sprintf("%s/mux@%x", branch.name, c.Mux), append(slices.Clone(branch.channels), c))
		branch.name += "/" + c.String()
		branch.channels = append(branch.channels, c)
	}
	return branch
}

// meet notes a multiplexer of which nobody knows what is on.
func (t *trunk) meet(mux string, way []Channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.muxes, mux) {
		t.muxes, t.fresh = append(t.muxes, mux), append(t.fresh, way)
	}
}

// next returns the way to a multiplexer that was met and not switched off, or nil.
func (t *trunk) next() (way []Channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.fresh) > 0 {
		way, t.fresh = t.fresh[0], t.fresh[1:]
	}
	return way
}

// through does f while the channels from depth on are switched on.
func (t *trunk) through(way []Channel, depth int, f job) error {
	if depth == len(way) {
		return f.do()
	}
	c, mask := way[depth], byte(1<<way[depth].Number)
	if err := t.set(way, depth, mask); err != nil {
		if Class(err) != NoAck {
			t.leave(way[:depth+1]) // it may have been heard
		}
		return fmt.Errorf("select channel %d: %w", c.Number, err)
	}
	err := t.through(way, depth+1, f)
	if Class(err) != Hung {
		err = t.confirm(way, depth, mask, err)
	}
	if off := t.set(way, depth, 0); off != nil {
		t.leave(way[:depth+1])
		if err == nil {
			err = fmt.Errorf("deselect channel %d: %w", c.Number, off)
		}
	}
	return err
}

// A job is what is done once the way is free.
type job interface{ do() error }

// switchOff is the job of switching off the last multiplexer of a way.
type switchOff struct {
	t   *trunk
	way []Channel
}

func (s switchOff) do() error { return s.t.set(s.way, len(s.way)-1, 0) }

// errReset says that a channel was not on all the time.
var errReset = errors.New("the multiplexer was reset")

// confirm makes sure that the channel is still on, and returns err if it is.
func (t *trunk) confirm(way []Channel, depth int, mask byte, err error) error {
	if failed := t.mux(way, depth, nil, t.mask[:]); failed != nil {
		if err != nil {
			return err // it says more
		}
		return fmt.Errorf("read back channel %d: %w", way[depth].Number, failed)
	}
	if now := t.mask[0]; now != mask {
		cause := fmt.Errorf("%w: its channels are %#02x, were %#02x", errReset, now, mask)
		return &Error{Fault, t.branch(way[:depth]), way[depth].Mux, cause}
	}
	return err
}

// set switches the channels of a mask on and the others off.
func (t *trunk) set(way []Channel, depth int, mask byte) error {
	t.mask[0] = mask
	return t.mux(way, depth, t.mask[:], nil)
}

// mux is a transaction with the multiplexer at the end of the way to depth.
func (t *trunk) mux(way []Channel, depth int, w, r []byte) error {
	err := t.tx("", way[depth].Mux, w, r)
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		e.Bus = t.branch(way[:depth])
	}
	return err
}

// branch returns the name of the branch behind the channels.
func (t *trunk) branch(way []Channel) string {
	name := t.name
	for _, c := range way {
		name += "/" + c.String()
	}
	return name
}

// leave notes that the last channel of the way may be on. The first one that is
// noted in a transaction is the innermost, and its way covers the others.
func (t *trunk) leave(way []Channel) {
	if t.left == nil {
		t.left = way
	}
}

// tidy switches off a channel that may be on. Until it is off, a part behind it
// could answer for another one.
func (t *trunk) tidy() error {
	for {
		if t.left == nil {
			t.left = t.next()
		}
		if t.left == nil {
			return nil
		}
		if err := t.tidyLeft(); err != nil {
			return err
		}
	}
}

func (t *trunk) tidyLeft() error {
	way := t.left
	t.left = nil
	last := len(way) - 1
	err := t.through(way[:last], 0, switchOff{t, way})
	if err != nil && Class(err) != NoAck { // without its multiplexer, a part is not there either
		t.left = way
		return fmt.Errorf("switch off channel %d, which may be on: %w", way[last].Number, err)
	}
	return nil
}
