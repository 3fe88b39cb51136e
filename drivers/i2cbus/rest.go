package i2cbus

import (
	"fmt"
	"time"
)

// How long what hung is left alone: doubling, between these.
const (
	minRest = 5 * time.Second
	maxRest = 5 * time.Minute
)

// A part is an address of a branch.
type part struct {
	branch string
	addr   uint16
}

// rests says what is left alone: a part at which the bus hung and, where it hung
// at a second one with nothing that worked in between, the whole bus. So a part
// that is dead delays the others by the transaction that found out.
type rests struct {
	parts map[part]rest // nil until something hangs
	whole rest
	last  part // at which the bus hung; none after something worked
}

// rest is the time that something is left alone; zero while it works.
type rest struct {
	length time.Duration
	until  time.Time
}

// longer returns the rest that follows one more hang.
func (r rest) longer() rest {
	length := min(max(2*r.length, minRest), maxRest)
	return rest{length, time.Now().Add(length)}
}

// resting says why a part is left alone at the moment, or nil.
func (t *trunk) resting(p part) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := t.rests.whole.until
	if r := t.rests.parts[p]; r.until.After(until) {
		until = r.until
	}
	if left := time.Until(until); left > 0 {
		return fmt.Errorf("the bus hung; tried again in %v", left.Round(time.Second))
	}
	return nil
}

// judge notes how a transaction with a part ended.
func (t *trunk) judge(p part, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.rests
	if Class(err) != Hung {
		delete(r.parts, p)
		if r.whole.length > 0 {
			*r = rests{} // it was the bus, not the parts
		}
		r.last = part{}
		return
	}
	if r.parts == nil {
		r.parts = make(map[part]rest)
	}
	r.parts[p] = r.parts[p].longer()
	if r.whole.length > 0 || r.last != (part{}) && r.last != p {
		r.whole = r.whole.longer()
	}
	r.last = p
}
