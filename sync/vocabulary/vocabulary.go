// Package vocabulary says how the vocabularies of city platforms speak of what
// Lamppost observes: one table of units and one of properties.
package vocabulary

import (
	"maps"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
)

// A Unit is one unit in the words of several vocabularies.
type Unit struct {
	UCUM   string // as properties have it
	Name   string // in full, for SensorThings
	Symbol string // as people write it
	CEFACT string // the code of UN/CEFACT Recommendation 20, for NGSI
	SenML  string // of the SenML units registry (RFC 8428, 12.1, and RFC 8798), or UCUM where it has none
}

// A Term is one property in the words of several vocabularies.
type Term struct {
	Property agent.Property
	Unit     Unit

	Title      string // for people
	Definition string // a URI that says what is observed, for SensorThings
	Controlled string // the word of the Smart Data Model Device for it, or ""

	// Model and Attribute are where a Smart Data Model has a place for the
	// property. DeviceMeasurement takes what no other does.
	Model     string
	Attribute string

	// Scale is what a value is multiplied by for that attribute, whose unit is
	// Modelled: relative humidity is 0 to 1 there.
	Scale    float64
	Modelled Unit
}

// Smart Data Models that properties have a place in.
const (
	WeatherObserved    = "WeatherObserved"
	AirQualityObserved = "AirQualityObserved"
	DeviceMeasurement  = "DeviceMeasurement"
)

// NumValue is the attribute of a DeviceMeasurement.
const NumValue = "numValue"

// Of returns the term of a property, and whether there is one: its name and its
// unit are both known. Quantity has the unit that the configuration gives. What
// follows a dot says how it was made: airTemperature.max is that of a window.
func Of(p agent.Property) (Term, bool) {
	name, made, derived := strings.Cut(p.Name, ".")
	t, ok := byName[name]
	if !ok {
		return Term{}, false
	}
	t.Property = p
	if derived {
		t.Title += " (" + made + ")"
		t.Model, t.Attribute, t.Scale = "", "", 0 // no model has a place for it
	}
	if t.Unit, ok = units[p.Unit]; !ok {
		return Term{}, false
	}
	if p.Unit == "%" && p.Name == agent.RelativeHumidity.Name {
		t.Unit.SenML = "%RH"
	}
	if p.Unit == "1" && p.Kind != agent.Measurement {
		t.Unit.SenML = "" // counts, truths and states are bare numbers
	}
	if t.Scale == 0 {
		t.Scale = 1
	}
	t.Modelled = t.Unit
	if t.Scale != 1 {
		t.Modelled = units["1"]
	}
	if t.Model == "" {
		t.Model, t.Attribute = DeviceMeasurement, NumValue
	}
	return t, true
}

// Properties returns all properties that have a term, in the order of their names.
func Properties() (all []agent.Property) {
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name].Property)
	}
	return all
}

// UnitOf returns a unit by its UCUM code.
func UnitOf(ucum string) (Unit, bool) {
	u, ok := units[ucum]
	return u, ok
}

// Datatypes of Sparkplug B 3.0, section 6.4.16.
const (
	SparkplugInt32   = 3
	SparkplugInt64   = 4
	SparkplugUInt64  = 8
	SparkplugDouble  = 10
	SparkplugBoolean = 11
	SparkplugString  = 12
)

// SparkplugType returns the datatype of the values of a property.
func SparkplugType(k agent.Kind) uint32 {
	switch k {
	case agent.Count:
		return SparkplugInt64
	case agent.Truth:
		return SparkplugBoolean
	case agent.State:
		return SparkplugInt32
	}
	return SparkplugDouble
}
