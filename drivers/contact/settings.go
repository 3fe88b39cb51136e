package contact

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Settings are the keys of a sensor with driver = "contact".
type Settings struct {
	Pin      string        `doc:"the line: \"GPIO17\", or chip and number as \"gpiochip2/3\""`
	Pull     string        `doc:"resistor of the line: up, down or none"`
	Open     string        `doc:"level that means open: high (a contact to ground) or low"`
	Debounce time.Duration `doc:"how long a level must last to count"`
}

var (
	pulls  = map[string]gpio.Pull{"up": gpio.PullUp, "down": gpio.PullDown, "none": gpio.Float}
	levels = map[string]gpio.Level{"high": gpio.High, "low": gpio.Low}
)

// Validate rejects settings that no line has.
func (s Settings) Validate() error {
	if s.Pin == "" {
		return errors.New(`pin: want the line of the contact, as "GPIO17"`)
	}
	if _, ok := pulls[s.Pull]; !ok {
		return fmt.Errorf("pull %q: want up, down or none", s.Pull)
	}
	if _, ok := levels[s.Open]; !ok {
		return fmt.Errorf("open %q: want high or low", s.Open)
	}
	if s.Debounce < 0 || s.Debounce > time.Minute {
		return fmt.Errorf("debounce %v: want 0s to 1m", s.Debounce)
	}
	return nil
}
