package config

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// What can tell something about a person.
const (
	fineDecimals = 4                // of a location: a door is told from the next
	slowEnough   = 15 * time.Minute // between values of a meter: when people are at home is not seen
)

// Notes returns where the configuration could carry personal data, a line each:
// no mistakes, but a person should have thought of them.
func (c *Config) Notes() (all []string) {
	if at := c.Thing.Location; len(at) >= 2 && len(c.Cities) > 0 &&
		(agent.Round(at[0], fineDecimals) != at[0] || agent.Round(at[1], fineDecimals) != at[1]) {
		all = append(all, fmt.Sprintf("thing.location is known to %.0f m or better: beside a home it may be personal data; round_location = 3 tells the street",
			math.Ceil(111_000*math.Pow(10, -fineDecimals))))
	}
	for _, s := range c.Sensors {
		for _, ds := range s.Streams {
			if ds.Property == agent.Latitude {
				all = append(all, fmt.Sprintf("sensor %q: tells where it is, to a metre: on what moves with a person, that is personal data, and round_location does not round it", s.Name))
			}
			// What a window makes of it has a dot in its name.
			if metered(ds.Property) && !strings.Contains(ds.Property.Name, ".") && s.Every < slowEnough {
				all = append(all, fmt.Sprintf("sensor %q: %s every %v shows when people are at home, if it is a household's meter; a [[sensor.process]] window of 15m does not",
					s.Name, ds.Property.Name, s.Every))
				break
			}
		}
	}
	return all
}

// metered tells whether a property is what a household uses, by its unit.
func metered(p agent.Property) bool {
	switch p.Unit {
	case "W", "kW", "W.h", "kW.h", "L", "m3", "m3/h":
		return true // a total as well: differences tell the same
	}
	return false
}
