package nmea

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// Why there is no position, though the receiver says something.
var (
	errNoFix    = fmt.Errorf("no fix: %w; the antenna must see the sky", drivers.ErrNoReading)
	errDisagree = errors.New("two sentences of one instant have different positions")
)

const (
	apart = 0.00002 // degrees, 2 m: more than rounding between two sentences
	poor  = 20      // HDOP above which a position may be wrong by more than 100 m
)

// A fix is what the sentences of one instant say.
type fix struct {
	clock clock
	at    time.Time // when it was heard

	placed     bool // by GGA or GNS
	checked    bool // by RMC
	lat, lon   float64
	altitude   float64 // above the sea, in m; NaN where it is not known, as the next two
	hdop       float64
	satellites float64
}

// valid returns an error where the sentence is not of a fix by satellites.
func (s sentence) valid() error {
	switch s.kind {
	case "GGA": // quality: by itself, with corrections, precise, fixed and floating ambiguities
		if q := string(s.fields[5]); len(q) != 1 || !strings.Contains("12345", q) {
			return fmt.Errorf("%w (quality %q)", errNoFix, q)
		}
	case "GNS": // a letter a system; one of them must do, and none be reckoned, typed in or played
		m := string(s.fields[5])
		if !strings.ContainsAny(m, "ADFPR") || strings.Trim(m, "ADFPRN") != "" {
			return fmt.Errorf("%w (mode %q)", errNoFix, m)
		}
	case "RMC": // status, and the mode, which came with NMEA 2.3
		status, m := string(s.fields[1]), string(s.fields[11])
		if status != "A" || m != "" && (len(m) != 1 || !strings.Contains("ADFPR", m)) {
			return fmt.Errorf("%w (status %q, mode %q)", errNoFix, status, m)
		}
	}
	return nil
}

// add takes one more sentence of this instant.
func (f *fix) add(s sentence) error {
	if err := s.valid(); err != nil {
		return err
	}
	at := s.fields[1:]
	if s.kind == "RMC" {
		at = s.fields[2:]
	}
	lat, err := degrees(at[0], at[1], 2, "NS")
	if err != nil {
		return err
	}
	lon, err := degrees(at[2], at[3], 3, "EW")
	if err != nil {
		return err
	}
	if lat == 0 && lon == 0 {
		return fmt.Errorf("%w (0° N 0° E is what a receiver says that knows nothing)", errNoFix)
	}
	east := math.Mod(math.Abs(lon-f.lon), 360)
	if (f.placed || f.checked) && (math.Abs(lat-f.lat) > apart || math.Min(east, 360-east) > apart) {
		return fmt.Errorf("%w: %.6f %.6f and %.6f %.6f", errDisagree, f.lat, f.lon, lat, lon)
	}
	if s.kind == "RMC" {
		if !f.placed {
			f.lat, f.lon = lat, lon
		}
		f.checked = true
		return nil
	}
	if f.placed {
		return nil
	}
	f.lat, f.lon, f.placed = lat, lon, true
	return f.more(s)
}

// more reads what else GGA and GNS have, at the same places.
func (f *fix) more(s sentence) error {
	var err error
	if f.satellites, err = optional(s.fields[6]); err != nil {
		return err
	}
	if f.satellites < 3 {
		return fmt.Errorf("%w (with %g satellites)", errNoFix, f.satellites)
	}
	if f.hdop, err = optional(s.fields[7]); err != nil {
		return err
	}
	if f.hdop <= 0 || f.hdop >= 99 { // 99.99 is for unknown
		f.hdop = math.NaN()
	}
	if f.altitude, err = optional(s.fields[8]); err != nil {
		return err
	}
	if f.satellites == 3 || s.kind == "GGA" && string(s.fields[9]) != "M" {
		f.altitude = math.NaN() // of three satellites it is one that was assumed
	}
	if !math.IsNaN(f.altitude) {
		return drivers.Within(f.altitude, -500, 9000)
	}
	return nil
}

// optional reads a number; NaN is for one that was left out.
func optional(b []byte) (float64, error) {
	if len(b) == 0 {
		return math.NaN(), nil
	}
	return number(b)
}

// results appends what the fix has. A position of poor geometry is suspect.
func (f *fix) results(into []agent.Result) []agent.Result {
	var q agent.Quality
	if f.hdop > poor {
		q = agent.Suspect
	}
	into = append(into,
		agent.Result{Property: agent.Latitude, Value: f.lat, Quality: q, Time: f.at},
		agent.Result{Property: agent.Longitude, Value: f.lon, Quality: q, Time: f.at})
	if !math.IsNaN(f.altitude) {
		into = append(into, agent.Result{Property: agent.Altitude, Value: f.altitude, Quality: q, Time: f.at})
	}
	if !math.IsNaN(f.hdop) {
		into = append(into, agent.Result{Property: agent.HDOP, Value: f.hdop, Time: f.at})
	}
	if !math.IsNaN(f.satellites) {
		into = append(into, agent.Result{Property: agent.Satellites, Value: f.satellites, Time: f.at})
	}
	return into
}
