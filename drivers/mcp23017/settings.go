package mcp23017

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// Newer parts have A7 and B7 as outputs only, so they are not in the defaults
// (datasheet, revision D, section 3.5.1).
var defaults = Settings{
	drivers.I2C{Address: 0x20},
	"A0 A1 A2 A3 A4 A5 A6 B0 B1 B2 B3 B4 B5 B6", "up", "low",
}

// Settings are the keys of a sensor with driver = "mcp23017".
type Settings struct {
	drivers.I2C
	Inputs string `doc:"pins that are observed, \"A0 B3\"; newer parts have no inputs A7 and B7"`
	Pull   string `doc:"resistors of all pins: up or none"`
	Active string `doc:"level that means 1: low (a contact to ground) or high"`
}

// properties are what the pins are called, by their bits.
var properties = [16]agent.Property{
	agent.InputA0, agent.InputA1, agent.InputA2, agent.InputA3, agent.InputA4, agent.InputA5, agent.InputA6, agent.InputA7,
	agent.InputB0, agent.InputB1, agent.InputB2, agent.InputB3, agent.InputB4, agent.InputB5, agent.InputB6, agent.InputB7,
}

// Validate rejects addresses the part is not made with, by its pins A2 to A0,
// and pins it does not have.
func (s Settings) Validate() error {
	if _, err := s.bits(); err != nil {
		return err
	}
	if s.Pull != "up" && s.Pull != "none" {
		return fmt.Errorf("pull %q: want up or none", s.Pull)
	}
	if err := checkActive(s.Active); err != nil {
		return err
	}
	return s.CheckAddress(drivers.AddressRange(0x20, 0x27)...)
}

func checkActive(level string) error {
	if level != "low" && level != "high" {
		return fmt.Errorf("active %q: want low or high", level)
	}
	return nil
}

// bits returns those of the pins in use, in their order.
func (s Settings) bits() ([]int, error) { return pins(properties[:]).bits(s.Inputs) }

// pins are those of a part, by their bits.
type pins []agent.Property

// bits returns those of the pins that are named, in their order.
func (p pins) bits(inputs string) ([]int, error) {
	var bits []int
	for _, pin := range strings.Fields(inputs) {
		bit := slices.IndexFunc(p, func(p agent.Property) bool { return p.Name == "input"+pin })
		if bit < 0 || slices.Contains(bits, bit) {
			return nil, fmt.Errorf("inputs: %q: want pins from %s to %s, each once", pin, p[0].Name[len("input"):], p[len(p)-1].Name[len("input"):])
		}
		bits = append(bits, bit)
	}
	if bits == nil {
		return nil, fmt.Errorf("inputs: want at least one pin, as %q", p[0].Name[len("input"):])
	}
	slices.Sort(bits)
	return bits, nil
}

// observes tells the pins that are named.
func (p pins) observes(inputs string) (all []drivers.Observable) {
	bits, _ := p.bits(inputs) // Validate told what is wrong
	for _, bit := range bits {
		all = append(all, drivers.Observable{Property: p[bit], Resolution: 0, Class: agent.Telemetry})
	}
	return all
}

// registers are the settings as the part has them: all pins are inputs.
func (s Settings) registers() (r [settings]byte) {
	r[regDirection], r[regDirection+1] = 0xff, 0xff
	r[regCompare], r[regCompare+1] = markA, markB
	if s.Active == "low" {
		r[regInvert], r[regInvert+1] = 0xff, 0xff
	}
	if s.Pull == "up" {
		r[regPull], r[regPull+1] = 0xff, 0xff
	}
	return r
}

// Observes tells the pins in use.
func (s Settings) Observes() []drivers.Observable { return pins(properties[:]).observes(s.Inputs) }
