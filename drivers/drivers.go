// Package drivers defines what a sensor driver is. Each folder below it, but
// those that carry a bus or a test, is a family of drivers.
//
// A driver is a value, not a registration: it has no init function, and a
// program reads the sensors of exactly those drivers it lists in its catalog.
package drivers

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/serialline"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// A Host is the hardware a driver may touch. A board provides it.
type Host interface {
	// I2C returns the named bus ("1", "/dev/i2c-1"), or the board's own for "".
	I2C(name string) (*i2cbus.Bus, error)

	// Line returns the named line, for example "GPIO17" or "gpiochip2/3".
	Line(name string) (gpioline.Pin, error)

	// Serial opens a serial port at a speed in baud.
	Serial(device string, baud int) (serialline.Port, error)

	// FS returns the file system, rooted at /.
	FS() fs.FS
}

// Info is what people and platforms are told about a driver.
type Info struct {
	Name      string        // the word after "driver =" in the configuration
	Summary   string        // one line: maker, parts and what they measure
	Datasheet string        // where the numbers in the code come from
	Observes  []Observable  // every property a reading can contain
	Every     time.Duration // the interval if none is configured; 0 means a minute
}

// An Observable is a property as one driver observes it.
type Observable struct {
	agent.Property
	Resolution int8        // k: values are rounded to 10^-k; the part's own step or its noise, whichever is larger
	Class      agent.Class // Telemetry if a driver has no reason for another
}

// A Driver reads one family of sensors.
type Driver struct {
	Info
	settings  any // the defaults, for documentation
	configure func(decode func(any) error) (Configured, error)
}

// Configured is a driver together with the settings of one sensor.
type Configured struct {
	Info

	// Settings is the driver's settings struct, as configured.
	Settings any

	// Open makes a sensor of it. It does no I/O: the first Observe initialises
	// the part. On a simulated host it first puts the part there.
	Open func(Host) (agent.Sensor, error)
}

// New returns a driver whose sensors have settings of type S, a struct.
//
// defaults are the settings of a sensor that is configured with nothing but its
// driver's name. If S has a method Validate() error, settings it rejects never
// reach open or simulate; if it has Observes() []Observable, that tells for
// these settings what Info tells in general. open does no I/O. simulate puts a
// part on the host that answers as the real one would.
func New[S any](info Info, defaults S, open func(Host, S) (agent.Sensor, error), simulate func(*sim.Host, S)) Driver {
	if info.Every == 0 {
		info.Every = time.Minute
	}
	return Driver{info, defaults, func(decode func(any) error) (Configured, error) {
		settings := defaults
		if err := decode(&settings); err != nil {
			return Configured{}, err
		}
		if v, ok := any(settings).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return Configured{}, err
			}
		}
		c := Configured{Info: info, Settings: settings}
		if o, ok := any(settings).(interface{ Observes() []Observable }); ok {
			c.Observes = o.Observes()
		}
		c.Open = func(host Host) (agent.Sensor, error) {
			if simulated, ok := host.(*sim.Host); ok {
				simulate(simulated, settings)
			}
			s, err := open(host, settings)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", info.Name, err)
			}
			return s, nil
		}
		return c, nil
	}}
}

// Configure reads the settings of one sensor through decode, which fills in the
// fields of the struct it is given that are configured. It touches no hardware.
func (d Driver) Configure(decode func(settings any) error) (Configured, error) {
	return d.configure(decode)
}

// Defaults returns the settings a sensor has that configures none of them, as a
// struct whose fields have a doc tag each.
func (d Driver) Defaults() any { return d.settings }
