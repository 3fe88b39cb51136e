package uplink

import (
	"context"

	"github.com/lamppost-city/lamppost/agent"
)

// A Protocol is a way of speaking to a city platform.
type Protocol struct {
	Name      string      // the word after "protocol =" in the configuration
	Summary   string      // one line for people
	Reference string      // the specification it follows
	Acks      []agent.Ack // the levels of acknowledgement it can give, strongest first

	settings  any
	configure func(decode func(any) error) (Dial, error)
}

// Dial connects to a city platform as a thing.
type Dial func(context.Context, agent.Thing) (agent.City, error)

// New returns the protocol p with settings of type S, a struct. defaults are
// those of a city that is configured with nothing but its protocol; if S has a
// method Validate() error, settings it rejects never reach dial.
func New[S any](p Protocol, defaults S, dial func(context.Context, S, agent.Thing) (agent.City, error)) Protocol {
	p.settings = defaults
	p.configure = func(decode func(any) error) (Dial, error) {
		settings := defaults
		if err := decode(&settings); err != nil {
			return nil, err
		}
		if v, ok := any(settings).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context, thing agent.Thing) (agent.City, error) {
			return dial(ctx, settings, thing)
		}, nil
	}
	return p
}

// Configure reads the settings of one city through decode, which fills in the
// fields of the struct it is given that are configured. It touches no network.
func (p Protocol) Configure(decode func(settings any) error) (Dial, error) {
	return p.configure(decode)
}

// Defaults returns the settings a city has that configures none of them, as a
// struct whose fields have a doc tag each.
func (p Protocol) Defaults() any { return p.settings }
