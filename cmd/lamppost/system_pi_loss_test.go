//go:build system

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer/proof"
)

func testPiLink(t *testing.T, p *pi) {
	down := time.Now()
	require.NoError(t, p.m.SetLink(t.Context(), false))
	time.Sleep(60 * time.Second)
	before := len(p.city.keys())
	t.Logf("after %v: RSS %.1f MB", time.Since(p.at).Round(time.Second), p.rss(t))
	waiting := p.books(t)
	t.Logf("away: %v", waiting)
	assert.Positive(t, waiting.waiting)
	assert.Zero(t, waiting.lost)

	up := time.Now()
	require.NoError(t, p.m.SetLink(t.Context(), true))
	p.drain(t)

	t.Logf("all there %v after the network was; %d more keys", time.Since(up).Round(100*time.Millisecond), len(p.city.keys())-before)
	require.Eventually(t, func() bool {
		gaps, _ := p.city.gaps()
		return len(gaps) == 0
	}, 10*time.Second, 100*time.Millisecond, "no gap")
	repeats := p.city.repeated()
	t.Logf("%d duplicates", len(repeats))
	for _, r := range repeats {
		assert.WithinRangef(t, r.before, down.Add(-5*time.Second), down.Add(time.Second), "%v was not in flight", r.key)
	}
}

// drain waits until the city has all that the witness saw accepted by now.
func (p *pi) drain(t *testing.T) {
	t.Helper()
	accepted := p.witnessed(t)
	require.Eventually(t, func() bool {
		received := p.city.keys()
		for key := range accepted {
			if !received[key] {
				return false
			}
		}
		return true
	}, 100*time.Second, 50*time.Millisecond, "the backlog arrives")
}

// piCut is a way to lose power.
type piCut struct {
	name  string
	away  bool          // the network was gone before
	early bool          // while the agent still sends what waited
	after time.Duration // at most
}

// piCuts is how often power is cut, unless LAMPPOST_PI_CUTS says otherwise.
const piCuts = 6

var piCutKinds = []piCut{
	{name: "connected", after: 5 * time.Second},
	{name: "without network", away: true, after: 10 * time.Second},
	{name: "while the backlog is sent", early: true, after: 600 * time.Millisecond},
	{name: "without network", away: true, after: 10 * time.Second},
	{name: "connected", after: 5 * time.Second},
	{name: "without network", away: true, after: 10 * time.Second},
}

func testPiPowerCuts(t *testing.T, p *pi) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	p.advances(t, []string{"rain/pulses"})
	total := p.city.value(t, "rain/pulses")
	before := len(p.city.repeated())
	begun, n, kept := time.Now(), piCuts, 0
	if text := os.Getenv("LAMPPOST_PI_CUTS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	defer func() {
		line, err := proof.Result{
			Name: "power cuts of an emulated Pi", Size: n, Lost: n - kept, Duration: time.Since(begun).Seconds(),
			Note: fmt.Sprintf("%d observations at the city", len(p.city.keys())),
		}.Collect()
		assert.NoError(t, err)
		t.Log("proof", line)
	}()
	for i := range n {
		c := piCutKinds[i%len(piCutKinds)]
		if !c.early {
			p.settled(t)
		}
		if c.away {
			require.NoError(t, p.m.SetLink(t.Context(), false))
			time.Sleep(3 * time.Second) // something waits on the card
		}
		wait := time.Duration(random.Int64N(int64(c.after)))
		time.Sleep(wait)
		p.cut(t)
		t.Logf("power cut %s, after %v", c.name, wait.Round(time.Millisecond))

		p.boot(t)
		b := p.books(t) // the agent does not run: these are the card's
		t.Logf("on the card: %v", b)
		if assert.Zero(t, b.lost, "what was accepted is kept") {
			kept++
		}
		if c.away {
			assert.Positive(t, b.waiting, "the test tests something")
		}
		p.start(t)
	}
	p.settled(t)
	p.city.await(t, "rain/pulses", total, 0, 10*time.Second)
	p.wereInFlight(t, p.city.repeated()[before:])
}

// wereInFlight makes sure that only what had just arrived before a power cut came
// again after it: what the city has is on the card ten seconds later.
func (p *pi) wereInFlight(t *testing.T, repeats []piRepeat) {
	t.Helper()
	t.Logf("%d duplicates", len(repeats))
	for _, r := range repeats {
		cut := p.cuts[0]
		for _, c := range p.cuts {
			if c.Before(r.again) {
				cut = c
			}
		}
		assert.WithinRangef(t, r.before, cut.Add(-15*time.Second), cut, "%v was not in flight", r.key)
	}
}

// settled waits until nothing of before waits, and checks the books: at the
// city, nothing is missing but what a notice names.
func (p *pi) settled(t *testing.T) {
	t.Helper()
	p.drain(t)
	b := p.books(t)
	assert.Zero(t, b.lost)
	var gaps, silent []agent.Range
	assert.Eventually(t, func() bool {
		gaps, silent = p.city.gaps()
		return len(silent) == 0 && p.city.windows() == len(p.cuts)
	}, 20*time.Second, 100*time.Millisecond, "each gap is in the window of an unclean stop")
	t.Logf("drained: %v; %d windows, gaps %v, of these in none %v", b, p.city.windows(), gaps, silent)
}
