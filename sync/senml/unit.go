package senml

import (
	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// unitOf returns the SenML unit of a property, or "" when it has none. One that
// the vocabulary does not know is sent as it is, in UCUM.
func unitOf(p agent.Property) string {
	switch p.Unit {
	case "1":
		if p.Kind == agent.Measurement {
			return "/"
		}
		return "" // counts, truths and states are bare numbers
	case "%":
		if p.Name == agent.RelativeHumidity.Name {
			return "%RH"
		}
		return "%"
	case "Cel", "hPa", "Hz", "uT", "lx", "V", "m/s":
		return p.Unit // the common ones need no look-up
	}
	if u, ok := vocabulary.UnitOf(p.Unit); ok {
		return u.SenML
	}
	return p.Unit
}
