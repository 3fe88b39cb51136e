package ezo

import (
	"strconv"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// A model is what differs between the circuits.
type model struct {
	names      []string // it calls itself one of these, by firmware
	wait       time.Duration
	observes   drivers.Observable
	lowest     float64
	highest    float64
	output     string   // the value among several that it is to give, or ""
	others     []string // that it is not to give
	ask, right string   // a setting, and the answer that it should have; or ""
	settle     string   // what makes it so
}

func observable(p agent.Property, resolution int8) drivers.Observable {
	return drivers.Observable{Property: p, Resolution: resolution, Class: agent.Telemetry}
}

// The circuits: their ranges and waits are of the datasheets, "Taking reading" and
// the first page, their names of "Device information".
var (
	ph  = model{names: []string{"pH"}, wait: 900 * time.Millisecond, observes: observable(agent.PH, 3), lowest: 0.001, highest: 14}
	ec  = model{names: []string{"EC"}, wait: 600 * time.Millisecond, observes: observable(agent.ElectricalConductivity, 2), highest: 500000, output: "EC", others: []string{"TDS", "S", "SG"}}
	do  = model{names: []string{"D.O.", "DO"}, wait: 600 * time.Millisecond, observes: observable(agent.DissolvedOxygen, 2), highest: 100, output: "mg", others: []string{"%"}}
	orp = model{names: []string{"OR", "ORP"}, wait: 900 * time.Millisecond, observes: observable(agent.RedoxPotential, 1), lowest: -1019.9, highest: 1019.9}
	rtd = model{names: []string{"RTD"}, wait: 600 * time.Millisecond, observes: observable(agent.ProbeTemperature, 3), lowest: -126, highest: 1254, ask: "S,?", right: "?S,c", settle: "S,c"}
	flo = model{names: []string{"FLO"}, wait: 300 * time.Millisecond, observes: observable(agent.FlowRate, 2), highest: 10000, output: "FR", others: []string{"TV"}, ask: "Frp,?", right: "?Frp,m", settle: "Frp,m"}
	co2 = model{names: []string{"CO2"}, wait: 900 * time.Millisecond, observes: observable(agent.CarbonDioxide, 0), lowest: 1, highest: 10000, output: "ppm", others: []string{"t"}}
)

// The drivers, each with the address that its circuit has when it is bought.
var (
	PH  = newDriver("ezoph", "Atlas Scientific EZO-pH: pH of water (I2C)", "https://files.atlas-scientific.com/pH_EZO_Datasheet.pdf", CompensatedSettings{drivers.I2C{Address: 0x63}, 25}, ph)
	EC  = newDriver("ezoec", "Atlas Scientific EZO-EC: conductivity of water (I2C)", "https://files.atlas-scientific.com/EC_EZO_Datasheet.pdf", CompensatedSettings{drivers.I2C{Address: 0x64}, 25}, ec)
	DO  = newDriver("ezodo", "Atlas Scientific EZO-DO: oxygen dissolved in water (I2C)", "https://files.atlas-scientific.com/DO_EZO_Datasheet.pdf", CompensatedSettings{drivers.I2C{Address: 0x61}, 20}, do)
	ORP = newDriver("ezoorp", "Atlas Scientific EZO-ORP: redox potential of water (I2C)", "https://files.atlas-scientific.com/ORP_EZO_Datasheet.pdf", Settings{drivers.I2C{Address: 0x62}}, orp)
	RTD = newDriver("ezortd", "Atlas Scientific EZO-RTD: temperature of a probe (I2C)", "https://files.atlas-scientific.com/EZO_RTD_Datasheet.pdf", Settings{drivers.I2C{Address: 0x66}}, rtd)
	FLO = newDriver("ezoflo", "Atlas Scientific EZO-FLO: flow of water (I2C)", "https://files.atlas-scientific.com/EZO_FLO_Datasheet.pdf", Settings{drivers.I2C{Address: 0x68}}, flo)
	CO2 = newDriver("ezoco2", "Atlas Scientific EZO-CO2: carbon dioxide (I2C)", "https://files.atlas-scientific.com/EZO_CO2_Datasheet.pdf", Settings{drivers.I2C{Address: 0x69}}, co2)
)

// Settings are the keys of a sensor of the circuits that correct for nothing. The
// address is what the circuit was told, or what it was bought with.
type Settings struct {
	drivers.I2C
}

// CompensatedSettings are the keys of a sensor of the circuits that correct for the
// water's temperature.
type CompensatedSettings struct {
	drivers.I2C
	WaterTemperature float64 `doc:"typical of the water, in °C: the circuit corrects for it"`
}

// Validate rejects what is no address.
func (s Settings) Validate() error { return s.CheckAddress(drivers.AddressRange(0x08, 0x77)...) }

// Validate rejects what is no address, and no temperature of water.
func (s CompensatedSettings) Validate() error {
	if err := drivers.Within(s.WaterTemperature, -5, 100); err != nil {
		return err
	}
	return Settings{s.I2C}.Validate()
}

// place and celsius are what the settings have in common; NaN is no temperature.
func (s Settings) place() drivers.I2C                  { return s.I2C }
func (s Settings) celsius() (float64, bool)            { return 0, false }
func (s CompensatedSettings) place() drivers.I2C       { return s.I2C }
func (s CompensatedSettings) celsius() (float64, bool) { return s.WaterTemperature, true }

func newDriver[S interface {
	place() drivers.I2C
	celsius() (float64, bool)
}](name, summary, datasheet string, defaults S, m model) drivers.Driver {
	return drivers.New(drivers.Info{Name: name, Summary: summary, Datasheet: datasheet, Observes: []drivers.Observable{m.observes}}, defaults,
		func(host drivers.Host, s S) (agent.Sensor, error) {
			dev, err := s.place().Open(host)
			circuit := &sensor{dev: dev, model: m}
			if celsius, ok := s.celsius(); ok {
				circuit.temperature = "T," + strconv.FormatFloat(celsius, 'f', 1, 64)
			}
			return circuit, err
		},
		func(host *sim.Host, s S) { s.place().Simulate(host, newPart(m)) })
}
