package agent

import (
	"fmt"
	"strings"
)

// Quality is a set of reasons to doubt an observation. Zero means that none is
// known. The bits are stored and sent: they never change their meaning.
type Quality uint16

// The reasons, one bit each.
const (
	ClockUnset         Quality = 1 << iota // the time was taken before the clock was trusted
	Suspect                                // the driver does not trust the value
	OutOfRange                             // outside what the part or the place can give
	Stuck                                  // the same value for longer than the part's noise allows
	Jump                                   // changed faster than the property can
	WarmUp                                 // the part was switched on too short a time ago
	Saturated                              // at an end of the part's range: the truth may lie beyond
	CalibrationExpired                     // the calibration is older than its validity
	Restarted                              // the first value of a count after an unclean stop: events may be missing
	Thinned                                // a summary that took the place of single observations
	Simulated                              // no hardware measured it
	Incomplete                             // a window or count that lacks some of its values
	Salvaged                               // read back from a damaged file
	Degraded                               // the part reports a fault of its own
	LowPower                               // taken while the supply was too low
	Maintenance                            // taken while a person worked at the gateway
)

var qualityNames = [16]string{
	"clock-unset", "suspect", "out-of-range", "stuck", "jump", "warm-up", "saturated", "calibration-expired",
	"restarted", "thinned", "simulated", "incomplete", "salvaged", "degraded", "low-power", "maintenance",
}

// String returns the names of the reasons, comma separated, or "good".
func (q Quality) String() string {
	if q == 0 {
		return "good"
	}
	var names []string
	for i, name := range qualityNames {
		if q&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseQuality reads what String writes.
func ParseQuality(s string) (Quality, error) {
	if s == "good" || s == "" {
		return 0, nil
	}
	var q Quality
next:
	for name := range strings.SplitSeq(s, ",") {
		for i, n := range qualityNames {
			if n == name {
				q |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("unknown quality %q", name)
	}
	return q, nil
}
