package sensirion

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulateSGP30 puts a part on the bus that another program started long ago.
func simulateSGP30(host *sim.Host, s SGP30Settings) {
	p, state := newSGP30()
	state.began, state.words = time.Now().Add(-24*time.Hour), [2]uint16{0x8e68, 0x8f41}
	s.Simulate(host, p)
}

// sgp30State is what a part forgets without power.
type sgp30State struct {
	began time.Time // zero: not started
	words [2]uint16 // its baseline, if it was told one or has learned one
}

// baseline returns that of the part: none for the first hour.
func (s *sgp30State) baseline() [2]uint16 {
	if s.words == [2]uint16{} && !s.began.IsZero() && time.Since(s.began) >= time.Hour {
		s.words = [2]uint16{0x8b10, 0x8c20}
	}
	return s.words
}

// says returns what it says of the air. It is blind for 15 s after the start,
// and where it was not started.
func (s *sgp30State) says() []uint16 {
	if s.began.IsZero() || time.Since(s.began) < sgp30Blind {
		return []uint16{400, 0}
	}
	return []uint16{uint16(sim.Wave(480, 40, 9*time.Hour)), uint16(sim.Wave(60, 30, 9*time.Hour))}
}

// newSGP30 returns a part that was not started yet.
func newSGP30() (*part, *sgp30State) {
	state := new(sgp30State)
	const busy = 10 * time.Millisecond
	return newPart(time.Millisecond, func() { *state = sgp30State{} }, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		switch {
		case code == sgp30SetBaseline && len(args) == 2 && !state.began.IsZero():
			state.words = [2]uint16{args[1], args[0]}
			return nil, busy, true
		case len(args) != 0:
		case code == sgp30Features:
			return append(into, 0x0022), busy, true
		case code == sgp30Serial:
			return append(into, 0x0000, 0x0064, 0xcc82), time.Millisecond, true
		case code == sgp30Init:
			*state = sgp30State{began: time.Now()}
			return nil, busy, true
		case code == sgp30Measure:
			return state.says(), 12 * time.Millisecond, true
		case code == sgp30GetBaseline:
			b := state.baseline()
			return b[:], busy, true
		}
		return nil, 0, false
	}), state
}
