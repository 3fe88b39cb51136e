package process

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// find returns the datastream of a property by its name.
func find(all []agent.Datastream, name string) (agent.Datastream, bool) {
	i := slices.IndexFunc(all, func(ds agent.Datastream) bool { return ds.Property.Name == name })
	if i < 0 {
		return agent.Datastream{}, false
	}
	return all[i], true
}

// deriving is a step that makes a further result of two of one instant.
type deriving struct {
	a, b, gives agent.Property
	alone       bool // a is enough
	f           func(a, b float64) float64
}

// Process implements Step.
func (d *deriving) Process(rs []agent.Result) []agent.Result {
	for i := range len(rs) {
		if rs[i].Property != d.a {
			continue
		}
		other, q, ok := math.NaN(), rs[i].Quality, d.alone
		for _, r := range rs {
			if r.Property == d.b && r.Time.Equal(rs[i].Time) {
				other, ok = r.Value, true
				q |= r.Quality
			}
		}
		v := d.f(rs[i].Value, other)
		if !ok || v-v != 0 {
			continue // nothing can be said
		}
		rs = append(rs, agent.Result{Property: d.gives, Value: v, Quality: q, Time: rs[i].Time, Span: rs[i].Span})
	}
	return rs
}

type dewPointSettings struct {
	Humidity string `doc:"the property with the relative humidity in %"`
}

// The Magnus form over water with the constants of Sonntag, 1990 (WMO-No. 8,
// annex 4.B has the same shape): good to 0.1 K from -45 to 60 °C.
const (
	magnusA = 17.62
	magnusB = 243.12 // °C
)

var dewPoint = newKind(Kind{Name: "dew-point", Summary: "add the dew point, from air temperature and relative humidity"},
	dewPointSettings{agent.RelativeHumidity.Name}, func(s dewPointSettings, in Input) (Plan, error) {
		humidity, ok := find(in.All, s.Humidity)
		if !ok || humidity.Property.Unit != "%" || in.Stream.Property.Unit != "Cel" {
			return Plan{}, fmt.Errorf("humidity = %q: want a temperature in Cel and a humidity in %% of the same sensor", s.Humidity)
		}
		ds := in.Stream
		ds.Property = agent.DewPoint
		return Plan{Step: &deriving{a: in.Stream.Property, b: humidity.Property, gives: ds.Property, f: func(t, rh float64) float64 {
			x := math.Log(rh/100) + magnusA*t/(magnusB+t) // NaN or infinite without any humidity
			return magnusB * x / (magnusA - x)
		}}, Change: in.Stream, Add: []agent.Datastream{ds}}, nil
	})

type seaLevelSettings struct {
	Altitude    float64 `doc:"of the sensor above sea level, in m"`
	Temperature string  `doc:"the property with the air temperature in Cel; 15 °C where there is none"`
}

// The barometric formula with a constant lapse rate (ICAO standard atmosphere).
const (
	lapse    = 0.0065 // K/m
	kelvin   = 273.15
	exponent = 5.257
	standard = 15.0 // °C
)

var seaLevel = newKind(Kind{Name: "sea-level", Summary: "add the pressure reduced to sea level"},
	seaLevelSettings{Altitude: math.NaN(), Temperature: agent.AirTemperature.Name}, func(s seaLevelSettings, in Input) (Plan, error) {
		if !(s.Altitude > -500 && s.Altitude < 9000) {
			return Plan{}, errors.New("altitude: want that of the sensor, in m")
		}
		if u := in.Stream.Property.Unit; u != "hPa" && u != "Pa" {
			return Plan{}, fmt.Errorf("%s is in %s; want a pressure in hPa or Pa", in.Stream.Property.Name, u)
		}
		temperature, _ := find(in.All, s.Temperature)
		ds := in.Stream
		ds.Property.Name = agent.SeaLevelPressure.Name
		return Plan{Step: &deriving{a: in.Stream.Property, b: temperature.Property, gives: ds.Property, alone: true, f: func(p, t float64) float64 {
			if t-t != 0 {
				t = standard
			}
			drop := lapse * s.Altitude
			return p * math.Pow(1-drop/(t+kelvin+drop), -exponent)
		}}, Change: in.Stream, Add: []agent.Datastream{ds}}, nil
	})
