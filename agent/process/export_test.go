package process

import "time"

// SetRange and those below fill in settings for tests outside the package.
func SetRange(s any, low, high float64) { r := s.(*rangeSettings); r.Min, r.Max = low, high }

func SetStuck(s any, times int) { s.(*stuckSettings).Times = times }

func SetJump(s any, most float64, per time.Duration) {
	j := s.(*jumpSettings)
	j.Most, j.Per = most, per
}

func SetThreshold(s any, below, hysteresis float64) {
	x := s.(*thresholdSettings)
	x.Below, x.Hysteresis = below, hysteresis
}

func SetAbove(s any, above, hysteresis float64) {
	x := s.(*thresholdSettings)
	x.Above, x.Hysteresis = above, hysteresis
}
