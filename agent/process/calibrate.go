package process

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// Calibration says who found out what a step corrects, and until when it holds.
type Calibration struct {
	Date       string `doc:"when it was calibrated: \"2026-05-01\""`
	Instrument string `doc:"against what: model and serial number"`
	Expires    string `doc:"from when on values have the quality calibration-expired: \"2027-05-01\""`
	Raw        bool   `doc:"keep what the sensor said beside it, as property.raw"`
}

func (c Calibration) validate() error {
	var errs []error
	for _, x := range []struct{ key, text string }{{"date", c.Date}, {"expires", c.Expires}} {
		if _, err := day(x.text); err != nil {
			errs = append(errs, fmt.Errorf("%s = %q: want a day as \"2026-05-01\"", x.key, x.text))
		}
	}
	return errors.Join(errs...)
}

// day reads a day; none is the zero time.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, text)
}

// correction is a step that makes one value of another.
type correction struct {
	property agent.Property
	becomes  agent.Property
	raw      agent.Property // zero: not kept
	expires  time.Time      // zero: never
	f        func(float64) (float64, agent.Quality)
}

// Process implements Step.
func (c *correction) Process(rs []agent.Result) []agent.Result {
	for i := range len(rs) {
		if rs[i].Property == c.property {
			v, q := c.f(rs[i].Value)
			rs = c.apply(rs, i, v, q)
		}
	}
	return rs
}

// apply puts a corrected value in the place of a result.
func (c *correction) apply(rs []agent.Result, i int, v float64, q agent.Quality) []agent.Result {
	if c.raw.Name != "" {
		raw := rs[i]
		raw.Property = c.raw
		rs = append(rs, raw)
	}
	rs[i].Value, rs[i].Property = v, c.becomes
	rs[i].Quality |= q
	if !c.expires.IsZero() && rs[i].Time.After(c.expires) {
		rs[i].Quality |= agent.CalibrationExpired
	}
	return rs
}

// plan returns the plan of a correction.
func (c Calibration) plan(in Input, becomes agent.Datastream, f func(float64) (float64, agent.Quality)) (Plan, error) {
	if err := numeric(in.Stream); err != nil {
		return Plan{}, err
	}
	expires, err := day(c.Expires)
	if err != nil {
		return Plan{}, err
	}
	s := &correction{property: in.Stream.Property, becomes: becomes.Property, expires: expires, f: f}
	p := Plan{Step: s, Change: becomes}
	if c.Raw {
		raw := derived(in.Stream, "raw")
		raw.Class = agent.Diagnostic
		s.raw = raw.Property
		p.Add = []agent.Datastream{raw}
	}
	return p, nil
}

func sure(f func(float64) float64) func(float64) (float64, agent.Quality) {
	return func(v float64) (float64, agent.Quality) { return f(v), 0 }
}

type offsetSettings struct {
	Calibration
	Value float64 `doc:"what is added, in the unit of the property"`
}

var offset = newKind(Kind{Name: "offset", Summary: "add a number"}, offsetSettings{}, func(s offsetSettings, in Input) (Plan, error) {
	if err := finite(s.Value); err != nil {
		return Plan{}, fmt.Errorf("value: %w", err)
	}
	return s.plan(in, in.Stream, sure(func(v float64) float64 { return v + s.Value }))
})

// A becoming says what a property becomes when it is another one afterwards.
type becoming struct {
	As   string `doc:"the name of the property that it becomes; the same if left out"`
	Unit string `doc:"its unit, a UCUM code; the same if left out"`
}

func (b becoming) of(ds agent.Datastream) agent.Datastream {
	if b.As != "" {
		ds.Property.Name = b.As
	}
	if b.Unit != "" {
		ds.Property.Unit = b.Unit
	}
	return ds
}

type linearSettings struct {
	Calibration
	becoming
	Factor float64 `doc:"what a value is multiplied by"`
	Offset float64 `doc:"what is added then"`
}

var linear = newKind(Kind{Name: "linear", Summary: "multiply by a factor and add an offset"}, linearSettings{Factor: 1}, func(s linearSettings, in Input) (Plan, error) {
	if err := finite(s.Factor, s.Offset); err != nil {
		return Plan{}, err
	}
	return s.plan(in, s.of(in.Stream), sure(func(v float64) float64 { return v*s.Factor + s.Offset }))
})

type polynomialSettings struct {
	Calibration
	becoming
	Coefficients []float64 `doc:"of 1, x, x², …: [0.5, 1.02, -0.0003]"`
}

var polynomial = newKind(Kind{Name: "polynomial", Summary: "apply a polynomial"}, polynomialSettings{}, func(s polynomialSettings, in Input) (Plan, error) {
	if len(s.Coefficients) == 0 {
		return Plan{}, errors.New("coefficients: want at least one")
	}
	if err := finite(s.Coefficients...); err != nil {
		return Plan{}, fmt.Errorf("coefficients: %w", err)
	}
	return s.plan(in, s.of(in.Stream), sure(func(v float64) (sum float64) {
		for i := len(s.Coefficients) - 1; i >= 0; i-- {
			sum = sum*v + s.Coefficients[i]
		}
		return sum
	}))
})

type pointSettings struct {
	Calibration
	becoming
	From []float64 `doc:"what the sensor says, rising: [0.1, 99.2]"`
	To   []float64 `doc:"what is true then: [0.0, 100.0]"`
}

// validate checks that the points are a function.
func (s pointSettings) validate() error {
	errs := []error{s.Calibration.validate()}
	if len(s.From) != len(s.To) || len(s.From) < 2 {
		errs = append(errs, fmt.Errorf("from and to: %d and %d numbers; want as many, two or more", len(s.From), len(s.To)))
	}
	for i := 1; i < len(s.From); i++ {
		if !(s.From[i] > s.From[i-1]) {
			errs = append(errs, errors.New("from: want rising numbers"))
			break
		}
	}
	if finite(s.From...) != nil || finite(s.To...) != nil {
		errs = append(errs, errors.New("from and to: want finite numbers"))
	}
	return errors.Join(errs...)
}

// at returns the value between two points, or on the line through the nearest
// two beyond the ends.
func (s pointSettings) at(v float64) float64 {
	i := min(max(sort.SearchFloat64s(s.From, v), 1), len(s.From)-1)
	x0, x1, y0, y1 := s.From[i-1], s.From[i], s.To[i-1], s.To[i]
	return y0 + (v-x0)*(y1-y0)/(x1-x0)
}

var twoPoint = newKind(Kind{Name: "two-point", Summary: "correct by the line through two points"}, pointSettings{}, func(s pointSettings, in Input) (Plan, error) {
	if len(s.From) != 2 {
		return Plan{}, fmt.Errorf("from: %d numbers; want two, or kind = \"table\"", len(s.From))
	}
	return s.plan(in, s.of(in.Stream), sure(s.at))
})

type tableSettings struct {
	pointSettings
	Nearest bool `doc:"take the value of the nearest point, as a wind vane has it, instead of one between two"`
}

var table = newKind(Kind{Name: "table", Summary: "look up in a table: NTC, wind vane"}, tableSettings{}, func(s tableSettings, in Input) (Plan, error) {
	return s.plan(in, s.of(in.Stream), func(v float64) (float64, agent.Quality) {
		last := len(s.From) - 1
		if s.Nearest {
			i := sort.SearchFloat64s(s.From, v)
			if i > last || i > 0 && v-s.From[i-1] <= s.From[i]-v {
				i--
			}
			return s.To[i], 0
		}
		switch { // no line is drawn beyond what was measured
		case v < s.From[0]:
			return s.To[0], agent.OutOfRange
		case v > s.From[last]:
			return s.To[last], agent.OutOfRange
		}
		return s.at(v), 0
	})
})

type unitSettings struct {
	To string `doc:"the unit that the property has then, a UCUM code"`
}

var unit = newKind(Kind{Name: "unit", Summary: "convert to another unit"}, unitSettings{}, func(s unitSettings, in Input) (Plan, error) {
	from, ok := scales[in.Stream.Property.Unit]
	to, known := scales[s.To]
	if !ok || !known || from.dimension != to.dimension {
		return Plan{}, fmt.Errorf("to = %q: %s is in %s, which cannot be converted so", s.To, in.Stream.Property.Name, in.Stream.Property.Unit)
	}
	ds := in.Stream
	ds.Property.Unit = s.To
	ratio := from.factor / to.factor
	// As many places as are needed for the same steps.
	ds.Resolution = int8(min(max(float64(ds.Resolution)+math.Ceil(-math.Log10(ratio)), 0), 9))
	return Calibration{}.plan(in, ds, sure(func(v float64) float64 { return (v*from.factor + from.zero - to.zero) / to.factor }))
})

// A scale is a unit: a value times factor, plus zero, is in the unit of its
// dimension.
type scale struct {
	dimension    string
	factor, zero float64
}

var scales = map[string]scale{
	"K": {"temperature", 1, 0}, "Cel": {"temperature", 1, 273.15}, "[degF]": {"temperature", 5.0 / 9, 273.15 - 32*5.0/9},
	"Pa": {"pressure", 1, 0}, "hPa": {"pressure", 100, 0}, "kPa": {"pressure", 1000, 0}, "mbar": {"pressure", 100, 0}, "bar": {"pressure", 1e5, 0},
	"m": {"length", 1, 0}, "cm": {"length", 0.01, 0}, "mm": {"length", 0.001, 0}, "km": {"length", 1000, 0},
	"m/s": {"speed", 1, 0}, "km/h": {"speed", 1 / 3.6, 0},
	"W": {"power", 1, 0}, "kW": {"power", 1000, 0}, "mW": {"power", 0.001, 0},
	"V": {"voltage", 1, 0}, "mV": {"voltage", 0.001, 0}, "A": {"current", 1, 0}, "mA": {"current", 0.001, 0},
	"W.h": {"energy", 1, 0}, "kW.h": {"energy", 1000, 0},
	"m3": {"volume", 1, 0}, "L": {"volume", 0.001, 0},
	"ug/m3": {"density", 1, 0}, "mg/m3": {"density", 1000, 0},
	"1": {"share", 1, 0}, "%": {"share", 0.01, 0}, "[ppm]": {"share", 1e-6, 0}, "[ppb]": {"share", 1e-9, 0},
	"s": {"time", 1, 0}, "min": {"time", 60, 0}, "h": {"time", 3600, 0},
	"g": {"mass", 1, 0}, "kg": {"mass", 1000, 0},
}
