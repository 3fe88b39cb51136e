package sensirion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// particleWarmUp is how long the air takes at most to settle after the fan has
// started (datasheet of the SPS30: 30 s in clean air).
const particleWarmUp = 30 * time.Second

// particleRuns is how long it is waited for a part that may measure, one value a
// second. particleCleans is for one that did: once a week it cleans its fan, which
// takes ten seconds without a value. To start it again would end that, put off the
// next by a week, and cost a SEN5x what it has learned of the air (datasheet of the
// SPS30, section 4.2).
const (
	particleRuns   = 1200 * time.Millisecond
	particleCleans = 7500 * time.Millisecond // after 3 s, and the second until it is asked again
)

// The parts for particles have these commands in common.
const (
	particleReady   = 0x0202
	particleStatus  = 0xd206
	particleClear   = 0xd210 // errors stay in the status when they are over
	particleReset   = 0xd304
	particleFaults  = 1<<21 | 1<<5 | 1<<4 // in the status: fan speed, laser, fan stuck
	particleMost    = 1000                // µg/m³: the specified range ends here
	particleNumbers = 3000                // 1/cm³: and here
	particleAbsurd  = 65535               // no part can say more
)

// mass are the properties of the first four values of every frame.
var mass = [4]agent.Property{agent.PM1, agent.PM25, agent.PM4, agent.PM10}

// massObserves is what all parts for particles observe.
var massObserves = []drivers.Observable{
	{Property: agent.PM1, Resolution: 1, Class: agent.Telemetry},
	{Property: agent.PM25, Resolution: 1, Class: agent.Telemetry},
	{Property: agent.PM4, Resolution: 1, Class: agent.Telemetry},
	{Property: agent.PM10, Resolution: 1, Class: agent.Telemetry},
}

// A run is what is known of a part that measures on its own once it is started.
type run struct {
	started time.Time // or first found measuring; zero: it never was
	faults  int       // readings in a row in which it answered wrongly, or not in time
}

// failed takes note of a reading that failed. A bus that does says nothing of the
// part.
func (r *run) failed(err error) {
	var bus *i2cbus.Error
	if !errors.As(err, &bus) {
		r.faults++
	}
}

// goesOn tells whether the part measures, so that it can be left alone. What it says
// wrongly twice in a row is helped by a start.
func (d *device) goesOn(ctx context.Context, r run, wait time.Duration) (bool, error) {
	if r.faults > 1 {
		return false, nil
	}
	patience := particleRuns
	if !r.started.IsZero() {
		patience = particleCleans
	}
	err := d.until(ctx, poll{particleReady, wait, 1, 200 * time.Millisecond, patience})
	if errors.Is(err, drivers.ErrNotReady) || errors.Is(err, agent.ErrAbsent) { // it has just said who it is
		return false, nil
	}
	return err == nil, err
}

// particleResult returns a result for a value of particles. One above the
// specified range is told as such: smoke is when a city wants to know.
func particleResult(p agent.Property, v, most float64, q agent.Quality) (agent.Result, error) {
	if err := drivers.Within(v, 0, particleAbsurd); err != nil {
		return agent.Result{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	if v > most {
		q |= agent.OutOfRange
	}
	return agent.Result{Property: p, Value: max(v, 0), Quality: q}, nil // no -0
}

// warmUp marks the particles of a part that was started only now.
func (r *run) warmUp() agent.Quality {
	if time.Since(r.started) < particleWarmUp {
		return agent.WarmUp
	}
	return 0
}

// status returns what the part says of itself, since the last time.
func (d *device) status(ctx context.Context, wait time.Duration) (uint32, error) {
	var w [2]uint16
	if err := d.ask(ctx, particleStatus, wait, w[:]); err != nil {
		return 0, fmt.Errorf("read status: %w", err)
	}
	status := uint32(w[0])<<16 | uint32(w[1])
	if status == 0 {
		return 0, nil
	}
	if err := d.tell(ctx, particleClear, wait); err != nil {
		return 0, fmt.Errorf("clear status: %w", err)
	}
	return status, nil
}
