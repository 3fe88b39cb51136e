package i2cbus

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Wires are the two wires of a bus, past its controller. Both are pulled high by
// resistors; whoever drives one can only pull it low.
type Wires interface {
	// Levels reads both, whoever has them.
	Levels() (scl, sda gpio.Level)
	// Take takes both from the controller and lets them float.
	Take() error
	// Drive pulls a wire low where its level is Low, else lets it float.
	Drive(scl, sda gpio.Level)
	// Give gives both back to the controller.
	Give()
}

// RecoverBy makes the bus free its wires when it hangs because a part holds SDA
// low, as one does that was left in the middle of a read: the part gets clocks
// until it lets go, at most nine, and then a stop. It is called before the bus is
// used.
func (b *Bus) RecoverBy(w Wires) { b.trunk.wires = w }

// The pace of 100 kHz, and how long a part may stretch a clock.
const (
	halfClock  = 5 * time.Microsecond
	stretch    = 4 * time.Millisecond
	nineClocks = 9
)

// release looks at the wires of a bus that hung with err, and gives it clocks if
// that can help. What it found is added to the error.
func (t *trunk) release(err error) error {
	if t.wires == nil {
		return err
	}
	scl, sda := t.wires.Levels()
	switch {
	case scl == gpio.Low:
		return fmt.Errorf("%w; SCL is held low, which no clock can cure: look for a short, or take the power from the parts", err)
	case sda == gpio.High:
		return fmt.Errorf("%w; both wires are high: nothing holds them", err)
	}
	if failed := t.wires.Take(); failed != nil {
		return fmt.Errorf("%w; a part holds SDA low; %w", err, failed)
	}
	defer t.wires.Give()
	for n := range nineClocks {
		if !pulse(t.wires) {
			return fmt.Errorf("%w; SCL stayed low after %d clocks: take the power from the parts", err, n)
		}
		if _, sda := t.wires.Levels(); sda == gpio.High {
			stop(t.wires)
			return fmt.Errorf("%w; a part held SDA low; %d of nine clocks freed it", err, n+1)
		}
	}
	return fmt.Errorf("%w; a part holds SDA low in spite of %d clocks: take the power from the parts", err, nineClocks)
}

// pulse is one clock. It tells whether SCL came back.
func pulse(w Wires) bool {
	w.Drive(gpio.Low, gpio.High)
	time.Sleep(halfClock)
	w.Drive(gpio.High, gpio.High)
	for wait := halfClock; wait <= stretch; wait *= 2 {
		time.Sleep(wait)
		if scl, _ := w.Levels(); scl == gpio.High {
			return true
		}
	}
	return false
}

// stop ends whatever the parts took part in: SDA rises while SCL is high.
func stop(w Wires) {
	w.Drive(gpio.Low, gpio.Low)
	time.Sleep(halfClock)
	w.Drive(gpio.High, gpio.Low)
	time.Sleep(halfClock)
	w.Drive(gpio.High, gpio.High)
	time.Sleep(halfClock)
}
