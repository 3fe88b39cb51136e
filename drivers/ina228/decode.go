package ina228

import (
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// words are what the registers hold.
type words struct{ bus, shunt, temperature, energy, charge, flags uint64 }

// A reading is of the newest measurement: the voltage of the bus and across the
// shunt, in V, and the temperature of the part, in °C.
type reading struct{ volts, drop, celsius float64 }

// decode returns all or nothing. At the end of its range a converter says no more
// than "at least".
func decode(r words) (reading, error) {
	if r.flags&healthy == 0 {
		return reading{}, fmt.Errorf("flags %#04x, trim values damaged: %w", r.flags, drivers.ErrNoReading)
	}
	shunt := signed(r.shunt>>4, 20)
	if shunt == 1<<19-1 || shunt == -1<<19 {
		return reading{}, fmt.Errorf("current %w", drivers.ErrRange)
	}
	v := reading{
		volts:   float64(signed(r.bus>>4, 20)) * busStep,
		drop:    float64(shunt) * shuntStep,
		celsius: float64(signed(r.temperature, 16)) * heatStep,
	}
	if err := drivers.Within(v.volts, -0.3, 85); err != nil {
		return reading{}, fmt.Errorf("bus %#06x: %w", r.bus, err)
	}
	if err := drivers.Within(v.celsius, -40, 125); err != nil {
		return reading{}, fmt.Errorf("temperature %#04x: %w", r.temperature, err)
	}
	return v, nil
}

// signed is a number of so many bits in two's complement.
func signed(v uint64, bits int) int64 { return int64(v<<(64-bits)) >> (64 - bits) }

// totals add up what the part's sums grow by.
type totals struct {
	ohms                         float64
	energy                       float64 // W.h, over restarts and losses of power
	charge                       float64 // A.h, since the agent began
	energyQuality, chargeQuality agent.Quality

	counts             bool // there is a reading to count from, of the part as it runs now
	lost               bool // sums lack something since the last: the part lost its power, or met what it cannot measure
	lastEnergy, lastCh uint64
	last               time.Time
}

// lose takes note that the part's sums were lost.
func (t *totals) lose() { t.counts, t.lost = false, true }

// add adds what the sums of 40 bits grew by since the last time: the energy's has
// no sign, a charge may flow back (datasheet, sections 7.6.1.10 and 7.6.1.11). More
// than the shunt can measure means that somebody else changed the sums. An error
// loses them: the part is reset, which ends an overflow, too.
func (t *totals) add(w words, now time.Time) error {
	if w.flags&overflow != 0 {
		t.lose()
		return fmt.Errorf("flags %#04x, overflow: %w", w.flags, drivers.ErrRange)
	}
	amperes := (1 << 19) * shuntStep / t.ohms
	if t.counts {
		joules := float64((w.energy-t.lastEnergy)&(1<<40-1)) * 16 * 3.2 * shuntStep / t.ohms
		coulombs := float64(signed(w.charge-t.lastCh, 40)) * shuntStep / t.ohms
		seconds := now.Sub(t.last).Seconds() + 2
		if joules > 85*amperes*seconds || max(coulombs, -coulombs) > amperes*seconds {
			t.lose()
			return fmt.Errorf("%w: sums %#010x, %#010x", drivers.ErrBrownOut, w.energy, w.charge)
		}
		t.energy += joules / 3600
		t.charge += coulombs / 3600
	}
	t.energyQuality, t.chargeQuality = 0, 0
	if t.lost {
		t.energyQuality, t.chargeQuality = agent.Incomplete, agent.Incomplete
	} else if !t.counts {
		t.chargeQuality = agent.Restarted
	}
	t.counts, t.lost = true, false
	t.lastEnergy, t.lastCh, t.last = w.energy, w.charge, now
	return nil
}
