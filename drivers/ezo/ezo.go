// Package ezo drives the EZO circuits of Atlas Scientific, mostly for water.
//
// They take commands in ASCII and answer with a code and a text after a while.
// What they keep in memory over a loss of power, such as which values they give, is
// asked before each reading, and written only where it differs; the water's
// temperature is told before each reading, for it is forgotten. Calibrate a circuit
// with its own tools.
package ezo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Codes that answers begin with (datasheets, "Response codes").
const (
	codeDone    = 1
	codeSyntax  = 2
	codePending = 254
	codeNone    = 255
)

const (
	commandTime = 300 * time.Millisecond // of all but a reading
	pollTime    = 100 * time.Millisecond
	patience    = time.Second // beyond the time that the datasheet tells
	longest     = 32          // bytes of an answer
)

type sensor struct {
	dev         i2cbus.Dev
	pause       drivers.Waiter
	model       model
	temperature string // the command that tells it, or ""
	ready       bool   // initialised since the last error
	buf         [longest]byte
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	r, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into, r), nil
}

// Close implements agent.Sensor. The circuit measures only when it is told to.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the circuit.
func (s *sensor) initialise(ctx context.Context) error {
	info, err := s.ask(ctx, "i", commandTime)
	if err != nil {
		return err
	}
	parts := strings.Split(string(info), ",") // ?I,pH,2.14
	if len(parts) != 3 || !strings.EqualFold(parts[0], "?I") || !slices.Contains(s.model.names, parts[1]) {
		return fmt.Errorf("%w: it is %q, want %s", drivers.ErrIdentity, info, s.model.names[0])
	}
	return nil
}

// settle makes sure of the circuit's settings, before each reading: another one may
// have taken its place, or its own tools changed them.
func (s *sensor) settle(ctx context.Context) error {
	if err := s.choose(ctx); err != nil {
		return err
	}
	if s.model.ask == "" {
		return nil
	}
	has, err := s.ask(ctx, s.model.ask, commandTime)
	if err != nil || strings.EqualFold(string(has), s.model.right) {
		return err
	}
	_, err = s.ask(ctx, s.model.settle, commandTime)
	return err
}

// choose lets a circuit that has several values give the one.
func (s *sensor) choose(ctx context.Context) error {
	if s.model.output == "" {
		return nil
	}
	answer, err := s.ask(ctx, "O,?", commandTime)
	if err != nil {
		return err
	}
	text := string(answer)
	if !gives(text, s.model.output) {
		if _, err := s.ask(ctx, "O,"+s.model.output+",1", commandTime); err != nil {
			return err
		}
	}
	for _, name := range s.model.others {
		if !gives(text, name) {
			continue
		}
		if _, err := s.ask(ctx, "O,"+name+",0", commandTime); err != nil {
			return err
		}
	}
	return nil
}

// gives tells whether a value is among those that a circuit gives: ?O,EC,TDS or
// ?,O,%,mg.
func gives(text, name string) bool {
	for given := range strings.SplitSeq(text, ",") {
		if given == name {
			return true
		}
	}
	return false
}

// measure takes a reading.
func (s *sensor) measure(ctx context.Context) (agent.Result, error) {
	if err := s.settle(ctx); err != nil {
		return agent.Result{}, err
	}
	if s.temperature != "" {
		if _, err := s.ask(ctx, s.temperature, commandTime); err != nil {
			return agent.Result{}, err
		}
	}
	text, err := s.ask(ctx, "R", s.model.wait)
	if err != nil {
		return agent.Result{}, err
	}
	return s.model.decode(string(text))
}

// decode makes a result of the text of a reading: one number, and nothing else.
func (m model) decode(text string) (agent.Result, error) {
	if text == "" || strings.Trim(text, "-.0123456789") != "" {
		return agent.Result{}, fmt.Errorf("%w: %q", drivers.ErrNoReading, text)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return agent.Result{}, fmt.Errorf("%w: %q", drivers.ErrNoReading, text)
	}
	if err := drivers.Within(v, m.lowest, m.highest); err != nil {
		return agent.Result{}, err
	}
	r := agent.Result{Property: m.observes.Property, Value: v}
	if v == m.highest {
		r.Quality = agent.Saturated
	}
	return r, nil
}

// ask sends a command and returns the text of its answer, which lasts until the next.
func (s *sensor) ask(ctx context.Context, command string, wait time.Duration) ([]byte, error) {
	if err := s.dev.Write(ctx, []byte(command)...); err != nil {
		return nil, fmt.Errorf("command %s: %w", command, err)
	}
	text, err := s.await(ctx, wait)
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", command, err)
	}
	return text, nil
}

// await reads the answer as soon as there is one.
func (s *sensor) await(ctx context.Context, wait time.Duration) ([]byte, error) {
	for end := time.Now().Add(wait + patience); ; wait = pollTime {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return nil, err
		}
		if err := s.dev.Read(ctx, s.buf[:]); err != nil {
			return nil, err
		}
		text, err := answer(s.buf[:])
		if s.buf[0] != codePending || !time.Now().Before(end) {
			return text, err
		}
	}
}

// answer returns the text of an answer, which ends with a byte 0.
func answer(b []byte) ([]byte, error) {
	switch b[0] {
	case codeDone:
	case codeSyntax:
		return nil, fmt.Errorf("%w: it does not know the command", drivers.ErrIdentity)
	case codePending:
		return nil, fmt.Errorf("%w: it is still busy", drivers.ErrNotReady)
	case codeNone:
		return nil, fmt.Errorf("%w: it has nothing to say", drivers.ErrNoReading)
	default:
		return nil, fmt.Errorf("%w: code %d", drivers.ErrNoReading, b[0])
	}
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return nil, fmt.Errorf("%w: no end in %q", drivers.ErrNoReading, b)
	}
	return b[1:end], nil
}
