// Package drivertest checks that a driver keeps the promises every driver makes.
package drivertest

import (
	"context"
	"math"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// budget is how long one Observe may take: the shortest useful interval of the
// slowest part.
const budget = 10 * time.Second

// Run opens the driver with its default settings, or with those that settings
// changes, on simulated hardware and checks it against the contract of
// agent.Sensor. It runs in synctest bubbles: a driver that waits a second costs
// the test nothing. S is the type of the driver's settings.
func Run[S any](t *testing.T, d drivers.Driver, settings ...func(*S)) {
	b := bench{d, func(into any) error {
		for _, set := range settings {
			set(into.(*S))
		}
		return nil
	}}
	t.Run("Info", b.info)
	for name, check := range map[string]func(*testing.T){
		"Observe":            b.observe,
		"Allocations":        b.allocations,
		"OpenTouchesNone":    b.openTouchesNothing,
		"Unplugged":          b.unplugged,
		"EachTransaction":    b.eachTransaction,
		"PowerCycles":        b.powerCycles,
		"PowerCyclesWaiting": b.powerCyclesWaiting,
		"Canceled":           b.canceled,
		"CanceledWaiting":    b.canceledWaiting,
		"Fresh":              b.fresh,
		"Absent":             b.absent,
		"RandomBytes":        b.randomBytes,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, check) })
	}
}

// bench is a driver with its settings, ready to be put on a new host.
type bench struct {
	driver drivers.Driver
	decode func(any) error
}

func (b bench) open(t *testing.T) (agent.Sensor, *sim.Host) {
	t.Helper()
	c, err := b.driver.Configure(b.decode)
	require.NoError(t, err, "the settings are valid")
	host := new(sim.Host)
	s, err := c.Open(host)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s, host
}

// read observes within the budget, a second after what came before: the agent
// leaves a sensor alone for that long.
func read(t *testing.T, s agent.Sensor) ([]agent.Result, error) {
	t.Helper()
	time.Sleep(time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	results, err := s.Observe(ctx, nil)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "answers or fails in time")
	for _, r := range results {
		require.Falsef(t, math.IsNaN(r.Value) || math.IsInf(r.Value, 0), "no made-up values: %s is %v", r.Property.Name, r.Value)
	}
	return results, err
}

func (b bench) info(t *testing.T) {
	d := b.driver
	assert.Regexp(t, regexp.MustCompile(`^[a-z][a-z0-9]*$`), d.Name)
	assert.Regexp(t, regexp.MustCompile(`^[^\n]{10,90}[^.\n]$`), d.Summary)
	assert.NotEmpty(t, d.Observes)
	u, err := url.Parse(d.Datasheet)
	require.NoError(t, err)
	assert.Equal(t, "https", u.Scheme)
}

func (b bench) observe(t *testing.T) {
	c, err := b.driver.Configure(b.decode)
	require.NoError(t, err)
	s, _ := b.open(t)
	for range 3 {
		results, err := read(t, s)
		require.NoError(t, err)
		var seen, promised []agent.Property
		for _, r := range results {
			seen = append(seen, r.Property)
		}
		for _, o := range c.Observes {
			promised = append(promised, o.Property)
		}
		assert.Subset(t, promised, seen, "observes what it promises and nothing else")
		assert.Subset(t, seen, promised, "and all of it")
		time.Sleep(c.Every)
	}
	prefix := []agent.Result{{Property: agent.Property{Name: "first"}}}
	results, err := s.Observe(t.Context(), prefix)
	require.NoError(t, err)
	assert.Equal(t, prefix[0], results[0], "appends to what it is given")
}

// allocations measures what a reading leaves to the garbage collector, with what
// the bus and the simulated part leave. Of files, most is the file system's.
func (b bench) allocations(t *testing.T) {
	s, host := b.openAt(t, true)
	files := false
	host.SetFault(func(op sim.Op) error {
		files = files || op.Addr == 0 && strings.Contains(op.Bus, "/")
		return op.Err
	})
	results := make([]agent.Result, 0, 32)
	n := testing.AllocsPerRun(100, func() {
		time.Sleep(time.Second)
		_, err := s.Observe(t.Context(), results)
		require.NoError(t, err)
	})
	t.Logf("%v allocations", n)
	if !files {
		assert.LessOrEqual(t, n, 6.0, "allocations a reading")
	}
}

func (b bench) openTouchesNothing(t *testing.T) {
	c, err := b.driver.Configure(b.decode)
	require.NoError(t, err)
	host := new(sim.Host)
	n := 0
	host.SetFault(func(op sim.Op) error { n++; return op.Err })
	s, err := c.Open(host)
	require.NoError(t, err)
	assert.Zero(t, n, "open does no I/O")
	assert.NoError(t, s.Close())
	assert.Zero(t, n, "nor does close before the first reading")
}
