package ezo

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// part is a circuit as it is bought: it gives all its values.
type part struct {
	model   model
	outputs []string // kept over a loss of power, as settled is
	settled bool
	celsius string // told since power-on, or ""

	ready time.Time
	code  byte
	text  string
}

func newPart(m model) *part {
	p := &part{model: m, code: codeNone, settled: m.ask != "Frp,?"} // which is a second at first
	if m.output != "" {
		p.outputs = append([]string{m.output}, m.others...)
	}
	return p
}

// Reset implements sim.Part.
func (p *part) Reset() { p.celsius, p.code, p.text, p.ready = "", codeNone, "", time.Time{} }

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	wait := commandTime
	p.code, p.text = codeDone, ""
	command := string(w)
	switch name, value, _ := strings.Cut(command, ","); {
	case strings.EqualFold(command, "i"):
		p.text = "?I," + p.model.names[0] + ",2.14"
	case strings.EqualFold(command, "R"):
		wait, p.text = p.model.wait, p.reading()
	case command == "O,?" && p.outputs != nil:
		p.text = "?O," + strings.Join(p.outputs, ",")
	case name == "O" && p.choose(value):
	case name == "T" && p.compensates():
		p.celsius = value
	case command == p.model.ask && command != "":
		if p.text = p.model.right; !p.settled {
			p.text = p.text[:len(p.text)-1] + "s"
		}
	case command == p.model.settle && command != "":
		p.settled = true
	default:
		p.code = codeSyntax
	}
	p.ready = time.Now().Add(wait)
	return nil
}

func (p *part) compensates() bool {
	return slices.Contains([]agent.Property{agent.PH, agent.ElectricalConductivity, agent.DissolvedOxygen}, p.model.observes.Property)
}

// choose switches a value on or off.
func (p *part) choose(value string) bool {
	name, on, ok := strings.Cut(value, ",")
	if !ok || name != p.model.output && !slices.Contains(p.model.others, name) {
		return false
	}
	p.outputs = slices.DeleteFunc(p.outputs, func(x string) bool { return x == name })
	if on == "1" {
		p.outputs = append(p.outputs, name)
	}
	return true
}

// reading is what the circuit says of calm water: a value for each of its outputs,
// and another one in another unit.
func (p *part) reading() string {
	v := map[agent.Property]float64{
		agent.PH: 7.4, agent.ElectricalConductivity: 540, agent.DissolvedOxygen: 8.6, agent.RedoxPotential: 210,
		agent.ProbeTemperature: 14, agent.FlowRate: 12, agent.CarbonDioxide: 440,
	}[p.model.observes.Property]
	if v = sim.Wave(v, v/100, 24*time.Hour); !p.settled {
		v = v*1.8 + 32
	}
	text := strconv.FormatFloat(v, 'f', int(p.model.observes.Resolution), 64)
	switch {
	case p.model.output == "":
		return text
	case len(p.outputs) == 0:
		return "no output"
	case !slices.Contains(p.outputs, p.model.output):
		text = "1.00"
	}
	return text + strings.Repeat(",1.00", len(p.outputs)-1)
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	clear(r)
	if p.code != codeNone && time.Now().Before(p.ready) {
		r[0] = codePending
		return nil
	}
	r[0] = p.code
	copy(r[1:], p.text)
	p.code, p.text = codeNone, ""
	return nil
}
