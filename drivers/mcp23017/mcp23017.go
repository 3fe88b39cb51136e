// Package mcp23017 drives expanders as inputs for contacts, floats and switches:
// the Microchip MCP23017 with sixteen, the NXP PCF8574 with eight.
//
// The MCP23017 has no identity, and as inputs its pins are as power-on leaves
// them. So the driver writes a mark to registers that play no part in it, and
// reads them and all settings with the levels: that is how another part and a loss
// of power are noticed. The PCF8574 has no registers at all, and nothing to lose.
package mcp23017

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one MCP23017 on an I2C bus. It looks at the inputs once an
// interval: what is shorter belongs on a GPIO line, to contact or pulse.
var Driver = drivers.New(drivers.Info{
	Name:      "mcp23017",
	Summary:   "Microchip MCP23017: up to sixteen inputs for contacts, A0 to B7 (I2C)",
	Datasheet: "https://ww1.microchip.com/downloads/en/devicedoc/20001952c.pdf",
	Observes:  defaults.Observes(),
	Every:     10 * time.Second,
}, defaults, open, simulate)

// Registers, with those of port A and port B side by side, as after power-on
// (datasheet, table 3-3).
const (
	regDirection = 0x00 // IODIR
	regInvert    = 0x02 // IPOL
	regCompare   = 0x06 // DEFVAL, without effect while no interrupt is enabled
	regPull      = 0x0c // GPPU
	regLevels    = 0x12 // GPIO

	markA, markB = 0xa5, 0x5a // in DEFVAL; 0 after power-on
	settings     = 14         // registers up to and with GPPU
	all          = regLevels + 2
)

// pullTime is what the part's resistors of 100 kΩ (datasheet, section 1.0) take
// for a wire of 100 m, some 10 nF, until it is high: before, an open contact
// looks closed.
const pullTime = 5 * time.Millisecond

type sensor struct {
	dev   i2cbus.Dev
	want  [settings]byte
	bits  []int // of the inputs in use: 0 is A0, 15 is B7
	ready bool  // initialised since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	if err != nil {
		return nil, err
	}
	bits, err := s.bits()
	return &sensor{dev: dev, want: s.registers(), bits: bits}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.dev.Write(ctx, append([]byte{regDirection}, s.want[:]...)...); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		if err := drivers.Wait(ctx, pullTime); err != nil {
			return into, err
		}
		s.ready = true
	}
	var b [all]byte
	if err := s.dev.ReadReg(ctx, regDirection, b[:]); err != nil {
		s.ready = false
		return into, fmt.Errorf("read: %w", err)
	}
	if got := [settings]byte(b[:]); got != s.want {
		s.ready = false
		return into, fmt.Errorf("%w: % x, were % x", drivers.ErrBrownOut, got, s.want)
	}
	levels := decode([2]byte(b[regLevels:]))
	for _, bit := range s.bits {
		into = append(into, agent.Result{Property: properties[bit], Value: float64(levels >> bit & 1)})
	}
	return into, nil
}

// Close implements agent.Sensor. The pins stay inputs.
func (s *sensor) Close() error { return nil }

// decode returns a bit for each input, that of A0 the lowest.
func decode(b [2]byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
