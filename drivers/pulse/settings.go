package pulse

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"periph.io/x/conn/v3/gpio"
)

// Settings are the keys of a sensor with driver = "pulse".
type Settings struct {
	Pin      string        `doc:"the line: \"GPIO17\", or chip and number as \"gpiochip2/3\""`
	Edge     string        `doc:"what counts: falling, rising or both"`
	Pull     string        `doc:"resistor of the line: up, down or none"`
	Debounce time.Duration `doc:"how long a level must last to count; a reed contact needs 20ms"`
	PerPulse float64       `doc:"how much one pulse stands for, for the property quantity; 0 for no such property"`
	Unit     string        `doc:"unit of per_pulse, as a UCUM code: mm, L, m3, kW.h"`
}

var (
	edges = map[string]gpio.Edge{"falling": gpio.FallingEdge, "rising": gpio.RisingEdge, "both": gpio.BothEdges}
	pulls = map[string]gpio.Pull{"up": gpio.PullUp, "down": gpio.PullDown, "none": gpio.Float}
)

// maxDecimals is how many decimals a value can have (agent.Round).
const maxDecimals = 9

// Validate rejects settings that no line or meter has.
func (s Settings) Validate() error {
	if s.Pin == "" {
		return errors.New(`pin: want the line of the meter, as "GPIO17"`)
	}
	if _, ok := edges[s.Edge]; !ok {
		return fmt.Errorf("edge %q: want falling, rising or both", s.Edge)
	}
	if _, ok := pulls[s.Pull]; !ok {
		return fmt.Errorf("pull %q: want up, down or none", s.Pull)
	}
	if s.Debounce < 0 || s.Debounce > time.Minute {
		return fmt.Errorf("debounce %v: want 0s to 1m", s.Debounce)
	}
	if !(s.PerPulse >= 0) || math.IsInf(s.PerPulse, 1) || s.decimals() > maxDecimals {
		return fmt.Errorf("per_pulse %v: want a number above 0 of at most %d decimals", s.PerPulse, maxDecimals)
	}
	if s.Unit == "" {
		return errors.New("unit: want a UCUM code, as mm or kW.h")
	}
	return nil
}

// decimals is how many decimals per_pulse has.
func (s Settings) decimals() int {
	_, decimals, _ := strings.Cut(strconv.FormatFloat(s.PerPulse, 'f', -1, 64), ".")
	return len(decimals)
}

// quantity is agent.Quantity in the unit of the meter.
func (s Settings) quantity() agent.Property {
	p := agent.Quantity
	p.Unit = s.Unit
	return p
}

// Observes tells that there is a quantity if per_pulse is set.
func (s Settings) Observes() []drivers.Observable {
	all := []drivers.Observable{
		{Property: agent.Pulses, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.PulseRate, Resolution: 3, Class: agent.Telemetry},
	}
	if s.PerPulse > 0 {
		all = append(all, drivers.Observable{
			Property: s.quantity(), Resolution: int8(s.decimals()), Class: agent.Telemetry,
		})
	}
	return all
}
