package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// SGP30 reads one SGP30 on an I2C bus. The part makes its values by a baseline,
// which it learns of the air while it is read every second, and forgets without
// power. A start of the agent leaves a part alone that has one. A part that lost
// power gets it back if it is the same part and the agent has it from the last
// week; else its values are marked as warm-up for the twelve hours it learns.
var SGP30 = drivers.New(drivers.Info{
	Name:      "sgp30",
	Summary:   "Sensirion SGP30: organic compounds, and carbon dioxide guessed from them (I2C)",
	Datasheet: "https://sensirion.com/media/documents/984E0DD5/61644B8B/Sensirion_Gas_Sensors_Datasheet_SGP30.pdf",
	Observes: []drivers.Observable{
		{Property: agent.CarbonDioxideEquivalent, Resolution: 0, Class: agent.Telemetry},
		{Property: agent.VolatileOrganicCompounds, Resolution: 0, Class: agent.Telemetry},
	},
	Every: time.Second,
}, SGP30Settings{drivers.I2C{Address: 0x58}}, openSGP30, simulateSGP30)

// SGP30Settings are the keys of a sensor with driver = "sgp30". What is read more
// rarely than every three seconds is marked as suspect: the baseline does not
// follow then. Sum up with window.
type SGP30Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s SGP30Settings) Validate() error { return s.CheckAddress(0x58) }

// Commands, how long they take at most, and what they say (datasheet, sections
// 6.3 and 6.5).
const (
	sgp30Features    = 0x202f
	sgp30Serial      = 0x3682
	sgp30Init        = 0x2003
	sgp30Measure     = 0x2008
	sgp30GetBaseline = 0x2015 // carbon dioxide, organic compounds
	sgp30SetBaseline = 0x201e // the other way round

	sgp30Time     = 11 * time.Millisecond // 10 ms
	sgp30MeasTime = 13 * time.Millisecond // 12 ms
	sgp30Mask     = 0xf0f0                // in the features: product and its generation
	sgp30Is       = 0x0020
	sgp30Most     = 60000 // ppm, ppb: the output ends here

	sgp30Blind  = 15 * time.Second   // after the start, it says 400 ppm and 0 ppb
	sgp30Learns = 12 * time.Hour     // until a baseline is worth keeping
	sgp30Stale  = 7 * 24 * time.Hour // until it is worth nothing
	sgp30Pause  = 3 * time.Second    // between two readings; it should be 1 s

	// The baseline is 0 for the first hour (SGP30 driver integration guide): after
	// this time it is that of a part that was never started.
	sgp30Empty = 2 * time.Hour
)

// sgp30Ghost is what a part says that was not started, or just now. The cleanest
// air, too: that cannot be told.
var sgp30Ghost = [2]uint16{400, 0}

// A baseline is what a part has learned of the air.
type baseline struct {
	words  [2]uint16 // as read; 0 for none
	serial [3]uint16
	at     time.Time
}

type sgp30 struct {
	device
	ready   bool // initialised since the last error
	serial  [3]uint16
	learned bool      // the part had a baseline when it was read last
	blind   time.Time // until then it says nothing
	warm    time.Time // until then it learns
	started time.Time
	last    time.Time // it was measured
	kept    baseline
}

func openSGP30(host drivers.Host, s SGP30Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sgp30{device: device{Dev: dev}}, err
}

// Observe implements agent.Sensor. There is no result for the first 15 s.
func (s *sgp30) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	into, err := s.measure(ctx, into)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The part keeps its baseline for the next start.
func (s *sgp30) Close() error { return nil }

// initialise makes sure of the part, and starts it if it was not. To start it
// again would cost what it has learned.
func (s *sgp30) initialise(ctx context.Context) error {
	features, err := s.word(ctx, sgp30Features, sgp30Time)
	if err != nil {
		return fmt.Errorf("read features: %w", err)
	}
	if features&sgp30Mask != sgp30Is {
		return fmt.Errorf("%w: features %#04x, want 0x002x", drivers.ErrIdentity, features)
	}
	before := s.serial
	if err := s.ask(ctx, sgp30Serial, sgp30Time, s.serial[:]); err != nil {
		return fmt.Errorf("read serial number: %w", err)
	}
	has, err := s.baseline(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	s.learned = has != [2]uint16{}
	if s.learned {
		if s.started.IsZero() || s.serial != before {
			// Another program started it, nobody knows when.
			s.started, s.warm, s.blind = now, now.Add(sgp30Learns), now.Add(sgp30Blind)
		}
		return nil
	}
	if !s.started.IsZero() && s.serial == before && now.Sub(s.started) < sgp30Empty {
		var w [2]uint16
		if err := s.ask(ctx, sgp30Measure, sgp30MeasTime, w[:]); err != nil {
			return fmt.Errorf("measure: %w", err)
		}
		if w != sgp30Ghost {
			return nil // it still learns: only a part that was started says something else
		}
	}
	return s.start(ctx)
}

// start starts the part with the baseline that was kept of it, if there is one.
func (s *sgp30) start(ctx context.Context) error {
	if err := s.tell(ctx, sgp30Init, sgp30Time); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	now := time.Now()
	s.started, s.last = now, time.Time{}
	s.blind, s.warm = now.Add(sgp30Blind), now.Add(sgp30Learns)
	k := s.kept
	if k.words == [2]uint16{} || k.serial != s.serial || now.Sub(k.at) > sgp30Stale {
		return nil
	}
	if err := s.tell(ctx, sgp30SetBaseline, sgp30Time, k.words[1], k.words[0]); err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	s.warm, s.learned = s.blind, true
	return nil
}

// baseline returns that of the part.
func (s *sgp30) baseline(ctx context.Context) (w [2]uint16, err error) {
	if err = s.ask(ctx, sgp30GetBaseline, sgp30Time, w[:]); err != nil {
		err = fmt.Errorf("read baseline: %w", err)
	}
	return w, err
}

// measure appends the results of one measurement. The baseline, read after it,
// tells whether the part has lost power.
func (s *sgp30) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	now := time.Now()
	var w [2]uint16
	if err := s.ask(ctx, sgp30Measure, sgp30MeasTime, w[:]); err != nil {
		return into, err
	}
	has, err := s.baseline(ctx)
	if err != nil {
		return into, err
	}
	empty := has == [2]uint16{}
	if empty && (s.learned || now.Sub(s.started) > sgp30Empty) {
		return into, fmt.Errorf("%w: no baseline", drivers.ErrBrownOut)
	}
	s.learned = !empty
	var q agent.Quality
	if !s.last.IsZero() && now.Sub(s.last) > sgp30Pause {
		q |= agent.Suspect
	}
	s.last = now
	if now.Before(s.warm) {
		q |= agent.WarmUp
	} else if !empty {
		s.kept = baseline{has, s.serial, now}
	}
	ghost := w == sgp30Ghost
	if ghost && (empty || now.Before(s.blind)) {
		return into, nil
	}
	return sgp30Results(into, w, q)
}

// sgp30Results appends what a measurement says, all or none. The output of
// carbon dioxide begins at 400 ppm (datasheet, section 1.2).
func sgp30Results(into []agent.Result, w [2]uint16, q agent.Quality) ([]agent.Result, error) {
	if err := drivers.Within(float64(w[0]), 400, sgp30Most); err != nil {
		return into, fmt.Errorf("carbon dioxide: %w", err)
	}
	if err := drivers.Within(float64(w[1]), 0, sgp30Most); err != nil {
		return into, fmt.Errorf("organic compounds: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.CarbonDioxideEquivalent, Value: float64(w[0]), Quality: q | saturated(w[0])},
		agent.Result{Property: agent.VolatileOrganicCompounds, Value: float64(w[1]), Quality: q | saturated(w[1])},
	), nil
}

// saturated marks the end of the output.
func saturated(w uint16) agent.Quality {
	if w == sgp30Most {
		return agent.Saturated
	}
	return 0
}
