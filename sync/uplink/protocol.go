package uplink

import (
	"context"
	"log/slog"

	"github.com/lamppost-city/lamppost/agent"
)

// A Protocol is a way of speaking to a city platform.
type Protocol struct {
	Name      string      // the word after "protocol =" in the configuration
	Summary   string      // one line for people
	Reference string      // the specification it follows
	Acks      []agent.Ack // the levels of acknowledgement it can give, strongest first

	settings  any
	configure func(decode func(any) error) (Configured, error)
}

// A Target is what a connection is made for.
type Target struct {
	Thing agent.Thing
	City  string       // the name of the city in the configuration
	Ack   agent.Ack    // who must acknowledge, one of the protocol's
	Dir   string       // a directory for small files that outlive a connection, or ""
	Log   *slog.Logger // what a person should know and no error says
}

// Dial connects to a city platform.
type Dial func(context.Context, Target) (agent.City, error)

// Configured is a protocol with the settings of one city.
type Configured struct {
	Acks []agent.Ack // those these settings can give, strongest first
	Dial Dial
	// Check returns what the settings lack for a thing and what is observed
	// there, a line each.
	Check func(agent.Thing, []agent.Property) error
}

// New returns the protocol p with settings of type S, a struct. defaults are
// those of a city that is configured with nothing but its protocol. S may have
// three methods:
//
//	Validate() error                                  settings it rejects never reach dial
//	Acks() []agent.Ack                                those these settings can give
//	Check(agent.Thing, []agent.Property) error        what they lack for a thing and its properties
func New[S any](p Protocol, defaults S, dial func(context.Context, S, Target) (agent.City, error)) Protocol {
	p.settings = defaults
	p.configure = func(decode func(any) error) (Configured, error) {
		settings := defaults
		c := Configured{Acks: p.Acks, Check: func(agent.Thing, []agent.Property) error { return nil }}
		if err := decode(&settings); err != nil {
			return c, err
		}
		if v, ok := any(settings).(interface{ Acks() []agent.Ack }); ok {
			c.Acks = v.Acks()
		}
		if v, ok := any(settings).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return c, err
			}
		}
		if v, ok := any(settings).(interface {
			Check(agent.Thing, []agent.Property) error
		}); ok {
			c.Check = v.Check
		}
		c.Dial = func(ctx context.Context, t Target) (agent.City, error) { return dial(ctx, settings, t) }
		return c, nil
	}
	return p
}

// Configure reads the settings of one city through decode, which fills in the
// fields of the struct it is given that are configured. It touches no network.
func (p Protocol) Configure(decode func(settings any) error) (Configured, error) {
	return p.configure(decode)
}

// Defaults returns the settings a city has that configures none of them, as a
// struct whose fields have a doc tag each.
func (p Protocol) Defaults() any { return p.settings }
