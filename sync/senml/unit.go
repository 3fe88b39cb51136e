package senml

import "github.com/lamppost-city/lamppost/agent"

// registered holds the UCUM codes that the SenML units registry (RFC 8428,
// 12.1, and RFC 8798) writes another way. All others are sent as they are.
var registered = map[string]string{
	"L":     "l",
	"[ppm]": "ppm",
	"[pH]":  "pH",
	"kW.h":  "kWh",
	"W.h":   "Wh",
}

// unitOf returns the SenML unit of a property, or "" when it has none.
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
	if u, ok := registered[p.Unit]; ok {
		return u
	}
	return p.Unit
}
