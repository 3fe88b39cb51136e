package agent

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// An Observation is one value of one datastream at one instant. It is not
// changed once it has a Seq, except for its Time, which may become better known.
type Observation struct {
	// Seq orders all observations of an epoch. The recorder assigns it, from 1;
	// it is never used twice within an epoch and stays below 2^53.
	Seq uint64

	// Datastream is the series. It is shared by its observations.
	Datastream *Datastream

	// Time is when the value was true or its window began (SensorThings
	// phenomenonTime), in UTC, as best known now, with milliseconds.
	Time time.Time

	// Boot is 0 when Time is trusted, else the boot in which Mono counts.
	Boot uint32

	// Mono is the CLOCK_MONOTONIC of that boot.
	Mono time.Duration

	// Span is 0, or the length of the window that Value sums up.
	Span time.Duration

	// Value is the result in the unit of the property, rounded to the resolution
	// of the datastream when it was recorded. A Truth is 0 or 1, a State an
	// index, a Count a whole number below 2^53.
	Value float64

	// Quality says what is wrong with the value.
	Quality Quality
}

// A Datastream is the series of all observations of one property by one sensor.
// Its ID stands for all its other fields: with another unit or kind it is
// another datastream.
type Datastream struct {
	ID         uint32 // given by the recorder, from 1
	Name       string // "roof-air/airTemperature"
	Sensor     string // the sensor's name in the configuration
	Driver     string // the driver that reads it
	Property   Property
	Resolution int8 // k: values are multiples of 10^-k
	Class      Class
	Thing      string // the id of the thing it belongs to
}

// Class says how much an observation matters when not all can be kept or sent.
type Class uint8

// The classes, most important first. Their numbers are stored.
const (
	Alarm Class = iota
	Telemetry
	Diagnostic
)

var classNames = [...]string{"alarm", "telemetry", "diagnostic"}

// String returns the class's name.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// ParseClass reads what String writes.
func ParseClass(s string) (Class, error) {
	for i, n := range classNames {
		if n == s {
			return Class(i), nil
		}
	}
	return 0, fmt.Errorf("unknown class %q: want alarm, telemetry or diagnostic", s)
}

// pow10 holds the powers of ten that resolutions use; all are exact.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// Steps returns the number of steps of 10^-resolution that is nearest to v, and
// whether there is one: v is finite and not so large that its steps are no whole
// numbers of a float64.
func Steps(v float64, resolution int8) (n int64, ok bool) {
	if resolution < 0 || int(resolution) >= len(pow10) {
		return 0, false
	}
	x := math.Round(v * pow10[resolution])
	if !(math.Abs(x) < 1<<53) {
		return 0, false
	}
	return int64(x), true
}

// FromSteps returns the nearest float64 of n / 10^resolution: what a decimal
// text of that many places reads back as.
func FromSteps(n int64, resolution int8) float64 {
	return float64(n) / pow10[max(0, min(int(resolution), len(pow10)-1))]
}

// Round returns v rounded to a multiple of 10^-resolution. Values too large to
// have such places are returned as they are. It never returns −0: no text shows
// it.
func Round(v float64, resolution int8) float64 {
	n, ok := Steps(v, resolution)
	if !ok {
		return v
	}
	return FromSteps(n, resolution)
}

// An Epoch says which life of a gateway's buffer a Seq belongs to: 64 random
// bits, new when the buffer starts anew.
type Epoch uint64

// String returns the epoch as 16 hexadecimal digits.
func (e Epoch) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// ParseEpoch reads what String writes.
func ParseEpoch(s string) (Epoch, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, fmt.Errorf("epoch %q: want 16 hexadecimal digits", s)
	}
	return Epoch(n), nil
}

// MarshalText writes the epoch as String does: in JSON it is a text.
func (e Epoch) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (e *Epoch) UnmarshalText(text []byte) (err error) {
	*e, err = ParseEpoch(string(text))
	return err
}

// A Batch is a number of observations of one epoch, in Seq order. Together with
// the thing, epoch and Seq are the key by which a city knows an observation.
type Batch struct {
	Epoch        Epoch
	Observations []Observation

	// Late is set when the city may have newer observations of the same
	// datastreams.
	Late bool
}
