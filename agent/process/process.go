// Package process makes of what sensors say what a city can use: calibrated,
// checked, filtered and summed up. Each kind is a small piece that takes the
// results of one reading and gives those that go on; a sensor has as many as are
// configured, in that order.
package process

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// A Step takes the results of one reading, which have their times, changes them
// in place and returns those that go on. It is called by one goroutine at a time.
type Step interface {
	Process(rs []agent.Result) []agent.Result
}

// A Flusher is a Step that holds something back: Flush appends it when the
// sensor is read no more.
type Flusher interface {
	Step
	Flush(rs []agent.Result) []agent.Result
}

// An Input is what a step is made for.
type Input struct {
	Stream agent.Datastream   // of the property it is configured for
	All    []agent.Datastream // of the sensor, as the steps before leave them
	Every  time.Duration      // the sensor's interval
}

// A Plan is what a step does to the datastreams of a sensor.
type Plan struct {
	Step    Step
	Change  agent.Datastream   // what becomes of the property's own
	Removed bool               // it has none any more
	Add     []agent.Datastream // further ones
}

// A Kind is a way to process results.
type Kind struct {
	Name    string // the word after "kind =" in the configuration
	Summary string // one line for people

	settings  any
	configure func(decode func(any) error) (Configured, error)
}

// Configured is a kind with its settings.
type Configured struct {
	plan func(Input) (Plan, error)
}

// Plan makes the step for a property of a sensor and returns its datastreams
// after it. Its errors are those of the configuration.
func (c Configured) Plan(property string, streams []agent.Datastream, every time.Duration) (Step, []agent.Datastream, error) {
	var names []string
	for i, ds := range streams {
		names = append(names, ds.Property.Name)
		if ds.Property.Name != property {
			continue
		}
		p, err := c.plan(Input{Stream: ds, All: streams, Every: every})
		if err != nil {
			return nil, nil, err
		}
		after := slices.Clone(streams)
		if p.Removed {
			after = slices.Delete(after, i, i+1)
		} else {
			after[i] = p.Change
		}
		for _, add := range p.Add {
			if slices.ContainsFunc(after, func(x agent.Datastream) bool { return x.Property.Name == add.Property.Name }) {
				return nil, nil, fmt.Errorf("%s is there already; give it another name", add.Property.Name)
			}
			after = append(after, add)
		}
		return p.Step, after, nil
	}
	return nil, nil, fmt.Errorf("property = %q: the sensor has %s here", property, strings.Join(names, ", "))
}

// Configure reads the settings of one step through decode, which fills in the
// fields of the struct it is given that are configured.
func (k Kind) Configure(decode func(settings any) error) (Configured, error) {
	return k.configure(decode)
}

// Defaults returns the settings of a step that configures none, as a struct
// whose fields have a doc tag each.
func (k Kind) Defaults() any { return k.settings }

// newKind returns the kind k with settings of type S.
func newKind[S any](k Kind, defaults S, plan func(S, Input) (Plan, error)) Kind {
	k.settings = defaults
	k.configure = func(decode func(any) error) (Configured, error) {
		s := defaults
		if err := decode(&s); err != nil {
			return Configured{}, err
		}
		if v, ok := any(s).(interface{ validate() error }); ok {
			if err := v.validate(); err != nil {
				return Configured{}, err
			}
		}
		return Configured{func(in Input) (Plan, error) { return plan(s, in) }}, nil
	}
	return k
}

// Kinds are all ways to process, in the order people think of them.
var Kinds = []Kind{
	offset, linear, polynomial, twoPoint, table, unit,
	inRange, stuck, jump,
	median, mean, deadBand, window,
	dewPoint, seaLevel, gasIndex, gasCell,
	threshold,
}

// A Chain is the steps of one sensor. It implements agent.Processor.
type Chain []Step

// Process implements agent.Processor.
func (c Chain) Process(rs []agent.Result) []agent.Result {
	for _, s := range c {
		rs = s.Process(rs)
	}
	return rs
}

// Flush implements agent.Processor: what a step held back goes through those
// after it.
func (c Chain) Flush(rs []agent.Result) []agent.Result {
	for i, s := range c {
		if f, ok := s.(Flusher); ok {
			from := len(rs)
			rs = f.Flush(rs)
			rest := Chain(c[i+1:]).Process(slices.Clone(rs[from:]))
			rs = append(rs[:from], rest...)
		}
	}
	return rs
}

// derived returns the datastream of what is made of another's property:
// "airTemperature.max".
func derived(from agent.Datastream, suffix string) agent.Datastream {
	from.Property.Name += "." + suffix
	return from
}

// errNumeric is for what only quantities can be.
func numeric(ds agent.Datastream) error {
	if k := ds.Property.Kind; k != agent.Measurement {
		return fmt.Errorf("%s is a %s: only a measurement can be processed so", ds.Property.Name, k)
	}
	return nil
}

// finite tells whether all numbers of a list are.
func finite(values ...float64) error {
	for _, v := range values {
		if v-v != 0 {
			return errors.New("want finite numbers")
		}
	}
	return nil
}
