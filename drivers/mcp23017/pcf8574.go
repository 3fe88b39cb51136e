package mcp23017

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// PCF8574 reads one PCF8574 or PCF8574A on an I2C bus, once an interval. All of
// its pins are inputs: one that drives something belongs to no sensor.
var PCF8574 = drivers.New(drivers.Info{
	Name:      "pcf8574",
	Summary:   "NXP PCF8574, PCF8574A: up to eight inputs for contacts, P0 to P7 (I2C)",
	Datasheet: "https://www.nxp.com/docs/en/data-sheet/PCF8574_PCF8574A.pdf",
	Observes:  pcf8574Defaults.Observes(),
	Every:     10 * time.Second,
}, pcf8574Defaults, openPCF8574, simulatePCF8574)

var pcf8574Defaults = PCF8574Settings{drivers.I2C{Address: 0x20}, "P0 P1 P2 P3 P4 P5 P6 P7", "low"}

// PCF8574Settings are the keys of a sensor with driver = "pcf8574".
type PCF8574Settings struct {
	drivers.I2C
	Inputs string `doc:"pins that are observed, \"P0 P3\"; all are inputs with a weak pull-up"`
	Active string `doc:"level that means 1: low (a contact to ground) or high"`
}

// pcf8574Pins are what the pins are called, by their bits.
var pcf8574Pins = pins{
	agent.InputP0, agent.InputP1, agent.InputP2, agent.InputP3, agent.InputP4, agent.InputP5, agent.InputP6, agent.InputP7,
}

// Validate rejects addresses the parts are not made with, by their pins A2 to A0,
// and pins they do not have.
func (s PCF8574Settings) Validate() error {
	if _, err := pcf8574Pins.bits(s.Inputs); err != nil {
		return err
	}
	if err := checkActive(s.Active); err != nil {
		return err
	}
	return s.CheckAddress(append(drivers.AddressRange(0x20, 0x27), drivers.AddressRange(0x38, 0x3f)...)...)
}

// Observes tells the pins in use.
func (s PCF8574Settings) Observes() []drivers.Observable { return pcf8574Pins.observes(s.Inputs) }

// A PCF8574 is what is written to it: a 1 makes a pin an input, as all are after
// power-on, with a pull-up of 100 µA (datasheet, 8.1). That takes a long wire to
// its level within a millisecond.
const (
	allInputs = 0xff
	riseTime  = time.Millisecond
)

type pcf8574 struct {
	dev    i2cbus.Dev
	bits   []int // of the inputs in use
	invert byte
	ready  bool // all are inputs since the last error
}

func openPCF8574(host drivers.Host, s PCF8574Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	if err != nil {
		return nil, err
	}
	bits, err := pcf8574Pins.bits(s.Inputs)
	p := &pcf8574{dev: dev, bits: bits}
	if s.Active == "low" {
		p.invert = 0xff
	}
	return p, err
}

// Observe implements agent.Sensor.
func (s *pcf8574) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.dev.Write(ctx, allInputs); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		if err := drivers.Wait(ctx, riseTime); err != nil {
			return into, err
		}
		s.ready = true
	}
	var b [1]byte
	if err := s.dev.Read(ctx, b[:]); err != nil {
		s.ready = false
		return into, fmt.Errorf("read: %w", err)
	}
	for _, bit := range s.bits {
		into = append(into, agent.Result{Property: pcf8574Pins[bit], Value: float64((b[0] ^ s.invert) >> bit & 1)})
	}
	return into, nil
}

// Close implements agent.Sensor. The pins stay inputs.
func (s *pcf8574) Close() error { return nil }

// simulatePCF8574 puts a part on the bus whose contact at P0 closes for half of
// each quarter of an hour; the others are open.
func simulatePCF8574(host *sim.Host, s PCF8574Settings) {
	s.Simulate(host, newPCF8574(func() byte {
		if sim.Wave(0, 1, 15*time.Minute) < 0 {
			return 0xfe
		}
		return 0xff
	}))
}

// port is a simulated PCF8574: what was written last, and what pulls at its pins.
type port struct {
	latch  byte
	levels func() byte
	rises  time.Time // pins that became inputs are high from then on
}

// newPCF8574 returns a part that sees these levels and was switched on now.
func newPCF8574(levels func() byte) *port {
	return &port{latch: allInputs, levels: levels}
}

// Write implements sim.Part.
func (p *port) Write(w []byte) error {
	if p.latch != w[len(w)-1] {
		p.latch, p.rises = w[len(w)-1], time.Now().Add(riseTime/2)
	}
	return nil
}

// Read implements sim.Part: a pin that was written as 0 is low, whatever pulls.
func (p *port) Read(r []byte) error {
	for i := range r {
		r[i] = p.latch & p.levels()
		if time.Now().Before(p.rises) {
			r[i] = 0
		}
	}
	return nil
}

// Reset implements sim.Part.
func (p *port) Reset() { p.latch, p.rises = allInputs, time.Time{} }
