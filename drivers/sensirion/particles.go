package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// particleWarmUp is how long the air takes at most to settle after the fan has
// started (datasheet of the SPS30: 30 s in clean air).
const particleWarmUp = 30 * time.Second

// The parts for particles have these commands in common.
const (
	particleReady   = 0x0202
	particleStatus  = 0xd206
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

// particleQuality returns the reasons to doubt the particles: the part was
// started only now, or its fan or laser is at fault.
func (d *device) particleQuality(ctx context.Context, started time.Time, wait time.Duration, hasStatus bool) (agent.Quality, error) {
	var q agent.Quality
	if time.Since(started) < particleWarmUp {
		q |= agent.WarmUp
	}
	if !hasStatus {
		return q, nil
	}
	status, err := d.status(ctx, wait)
	if status&particleFaults != 0 {
		q |= agent.Degraded
	}
	return q, err
}

// status returns what the part says of itself.
func (d *device) status(ctx context.Context, wait time.Duration) (uint32, error) {
	var w [2]uint16
	if err := d.ask(ctx, particleStatus, wait, w[:]); err != nil {
		return 0, fmt.Errorf("read status: %w", err)
	}
	return uint32(w[0])<<16 | uint32(w[1]), nil
}
