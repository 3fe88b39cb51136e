package process

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
)

type gasCellSettings struct {
	Calibration
	Gas         string  `doc:"what the cell smells: carbonMonoxide, hydrogenSulfide, nitrogenDioxide, nitrogenMonoxide, oxidizingGases (OX) or sulfurDioxide"`
	Auxiliary   string  `doc:"the property with the auxiliary electrode; property has the working one"`
	Temperature string  `doc:"the property with the temperature of the cell in Cel: of a thermometer at an input of the same converter, by linear"`
	Algorithm   int     `doc:"1 to 4, of Alphasense AAN 803 for the cell"`
	Sensitivity float64 `doc:"of the calibration sheet, in mV/ppb"`

	WorkingZero         float64 `doc:"electronic zero of the working electrode, of the sheet, in mV"`
	AuxiliaryZero       float64 `doc:"electronic zero of the auxiliary electrode, of the sheet, in mV"`
	WorkingSensorZero   float64 `doc:"sensor zero of the working electrode, of the sheet, in mV: for algorithms 2 to 4"`
	AuxiliarySensorZero float64 `doc:"sensor zero of the auxiliary electrode, of the sheet, in mV: for algorithms 2 and 3"`

	Temperatures []float64 `doc:"°C, rising, of the table of AAN 803: [-30, -20, -10, 0, 10, 20, 30, 40, 50]"`
	Factors      []float64 `doc:"the cell's line of that table: n, k, k' or k'' of the algorithm (k'' in mV)"`
}

// gases are what a cell may smell.
var gases = map[string]agent.Property{
	agent.CarbonMonoxide.Name: agent.CarbonMonoxide, agent.HydrogenSulfide.Name: agent.HydrogenSulfide,
	agent.NitrogenDioxide.Name: agent.NitrogenDioxide, agent.NitrogenMonoxide.Name: agent.NitrogenMonoxide,
	agent.OxidizingGases.Name: agent.OxidizingGases, agent.SulfurDioxide.Name: agent.SulfurDioxide,
}

func (s gasCellSettings) validate() error {
	errs := []error{s.Calibration.validate()}
	if _, ok := gases[s.Gas]; !ok {
		errs = append(errs, fmt.Errorf("gas = %q: want one of %s", s.Gas, strings.Join(slices.Sorted(maps.Keys(gases)), ", ")))
	}
	if s.Algorithm < 1 || s.Algorithm > 4 {
		errs = append(errs, fmt.Errorf("algorithm = %d: want 1 to 4, as AAN 803 says for the cell", s.Algorithm))
	}
	if s.Sensitivity == 0 || finite(s.Sensitivity, s.WorkingZero, s.AuxiliaryZero) != nil {
		errs = append(errs, errors.New("sensitivity, working_zero and auxiliary_zero: want those of the calibration sheet, in mV/ppb and mV"))
	}
	if s.Algorithm > 1 && finite(s.WorkingSensorZero) != nil || s.Algorithm > 1 && s.Algorithm < 4 && finite(s.AuxiliarySensorZero) != nil ||
		s.Algorithm == 2 && s.AuxiliarySensorZero == 0 {
		errs = append(errs, fmt.Errorf("working_sensor_zero and auxiliary_sensor_zero: algorithm %d needs those of the calibration sheet, in mV", s.Algorithm))
	}
	if err := s.factors().validate(); err != nil {
		errs = append(errs, fmt.Errorf("temperatures (from) and factors (to): %w", err))
	}
	return errors.Join(errs...)
}

// factors is the table.
func (s gasCellSettings) factors() pointSettings {
	return pointSettings{From: s.Temperatures, To: s.Factors}
}

// correct returns the voltage of the working electrode, in mV, without what
// temperature makes: the algorithms of Alphasense AAN 803-05, section 4, on
// voltages without those of the electronics. It says whether that is known: above
// the table it is not, below its end it changes no more.
func (s gasCellSettings) correct(working, auxiliary, celsius float64) (float64, bool) {
	if !(celsius <= s.Temperatures[len(s.Temperatures)-1]) {
		return 0, false
	}
	factor := s.factors().at(max(celsius, s.Temperatures[0]))
	w, a := working-s.WorkingZero, auxiliary-s.AuxiliaryZero
	switch s.Algorithm {
	case 1:
		w -= factor * a
	case 2:
		w -= factor * s.WorkingSensorZero / s.AuxiliarySensorZero * a
	case 3:
		w -= s.WorkingSensorZero - s.AuxiliarySensorZero + factor*a
	case 4:
		w -= s.WorkingSensorZero + factor
	}
	return w, true
}

var gasCell = newKind(Kind{Name: "gas-cell", Summary: "make a gas of the two voltages of an Alphasense A4 or B4 cell, and its temperature"},
	gasCellSettings{Sensitivity: math.NaN(), WorkingZero: math.NaN(), AuxiliaryZero: math.NaN(), WorkingSensorZero: math.NaN(), AuxiliarySensorZero: math.NaN()},
	func(s gasCellSettings, in Input) (Plan, error) {
		auxiliary, ok := find(in.All, s.Auxiliary)
		working, known := toMillivolts(in.Stream.Property)
		other, alike := toMillivolts(auxiliary.Property)
		if !ok || !known || !alike || s.Auxiliary == in.Stream.Property.Name {
			return Plan{}, fmt.Errorf("auxiliary = %q: want two voltages of the same sensor, in V or mV", s.Auxiliary)
		}
		thermometer, ok := find(in.All, s.Temperature)
		if !ok || thermometer.Property.Unit != "Cel" {
			return Plan{}, fmt.Errorf("temperature = %q: want a temperature in Cel of the same sensor; without it a cell says little", s.Temperature)
		}
		ds := in.Stream
		ds.Property, ds.Resolution = gases[s.Gas], 1
		p, err := s.plan(in, ds, nil) // what is kept raw, and until when it holds
		if err != nil {
			return Plan{}, err
		}
		p.Step = &gasCellStep{
			correction: p.Step.(*correction), s: s, auxiliary: auxiliary.Property, temperature: thermometer.Property,
			workingScale: working, auxiliaryScale: other,
		}
		return p, nil
	})

// toMillivolts returns what values of a property are multiplied by.
func toMillivolts(p agent.Property) (float64, bool) {
	u, ok := scales[p.Unit]
	return 1000 * u.factor, ok && u.dimension == "voltage"
}

// gasCellStep is a step that replaces the voltage of the working electrode by the
// gas, in ppb. There is none where another of the three is missing.
type gasCellStep struct {
	*correction
	s                            gasCellSettings
	auxiliary, temperature       agent.Property
	workingScale, auxiliaryScale float64
}

// Process implements Step.
func (g *gasCellStep) Process(rs []agent.Result) []agent.Result {
	for i := range len(rs) {
		if rs[i].Property != g.property {
			continue
		}
		auxiliary, q1, ok := at(rs, g.auxiliary, rs[i])
		celsius, q2, known := at(rs, g.temperature, rs[i])
		mV, sure := g.s.correct(g.workingScale*rs[i].Value, g.auxiliaryScale*auxiliary, celsius)
		if ok && known && sure {
			rs = g.apply(rs, i, mV/g.s.Sensitivity, q1|q2)
		}
	}
	return slices.DeleteFunc(rs, func(r agent.Result) bool { return r.Property == g.property })
}

// at returns the value of a property of the instant of another result.
func at(rs []agent.Result, p agent.Property, of agent.Result) (float64, agent.Quality, bool) {
	for _, r := range rs {
		if r.Property == p && r.Time.Equal(of.Time) {
			return r.Value, r.Quality, true
		}
	}
	return 0, 0, false
}
