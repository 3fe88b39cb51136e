package process

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

type gasIndexSettings struct{}

var gasIndex = newKind(Kind{Name: "gas-index", Summary: "make Sensirion's VOC or NOx index of the raw signal of an SGP40 or SGP41"},
	gasIndexSettings{}, func(_ gasIndexSettings, in Input) (Plan, error) {
		ds, c := in.Stream, gasVOC
		switch in.Stream.Property {
		case agent.VOCRaw:
			ds.Property = agent.VOCIndex
		case agent.NOxRaw:
			ds.Property, c = agent.NOxIndex, gasNOx
		default:
			return Plan{}, fmt.Errorf("%s is no raw signal of a gas sensor; want vocRaw or noxRaw", in.Stream.Property.Name)
		}
		if in.Every < time.Second || in.Every > 10*time.Second {
			return Plan{}, errors.New(`the index needs the signal every second to every ten seconds; set every = "10s"`)
		}
		ds.Resolution = 0
		return Plan{Step: &gasIndexer{raw: in.Stream.Property, gives: ds.Property, every: in.Every, c: c}, Change: ds}, nil
	})

// How long an index takes to know the air of the place well enough: the initial
// duration of its variance, and a little. Before, it adapts quickly, and the part
// is outside its specification (Sensirion, SGP41 datasheet, "Sensor Performance").
const (
	gasWarmUp    = 90 * time.Minute
	gasWarmUpNOx = 6 * time.Hour
)

// gasPause is how long the signal may be away before what was learned is of
// another air.
const gasPause = 10 * time.Minute

// gasIndexer is a step that replaces the raw signal by its index. There is none
// for the first 45 s.
type gasIndexer struct {
	raw, gives  agent.Property
	every       time.Duration
	c           gasConstants
	state       *gasState
	began, last time.Time
}

// Process implements Step.
func (g *gasIndexer) Process(rs []agent.Result) []agent.Result {
	kept := rs[:0]
	for _, r := range rs {
		if r.Property != g.raw {
			kept = append(kept, r)
			continue
		}
		if pause := r.Time.Sub(g.last); g.state == nil || pause > gasPause {
			g.state, g.began = newGasState(g.c, g.every.Seconds()), r.Time
		}
		g.last = r.Time
		index := g.state.process(r.Value)
		if index == 0 {
			continue
		}
		r.Property, r.Value = g.gives, float64(index)
		if r.Time.Sub(g.began) < g.c.warmUp {
			r.Quality |= agent.WarmUp
		}
		kept = append(kept, r)
	}
	return kept
}

// gasConstants are those of one kind of index (Sensirion, Gas Index Algorithm
// 3.2.0).
type gasConstants struct {
	offset, least, k, x0           float64
	tauMean, initMean, initVar     float64
	threshold, gateMost, fixedSpan float64 // fixedSpan: 0, or what the signal is scaled by
	warmUp                         time.Duration
}

var (
	gasVOC = gasConstants{
		offset: 100, least: 20000, k: -0.0065, x0: 213, tauMean: 20, initMean: 2700, initVar: 5220, threshold: 340, gateMost: 180,
		warmUp: gasWarmUp,
	}
	gasNOx = gasConstants{
		offset: 1, least: 10000, k: -0.0101, x0: 614, tauMean: 1200, initMean: 17100, initVar: 20520, threshold: 30, gateMost: 720, fixedSpan: 2000,
		warmUp: gasWarmUpNOx,
	}
)

// gasState is what was learned of the air.
type gasState struct {
	c              gasConstants
	dt             float64 // s between two signals
	up             float64 // s since the start, to the end of the blackout
	raw, index     float64
	ready          bool    // a first signal was taken in
	mean, std      float64 // of the signal
	learned        float64 // s since the start of learning
	gating         float64 // s since the gate was last opened
	gated          float64 // min
	low1, low2, lp float64
	filtered       bool
}

func newGasState(c gasConstants, dt float64) *gasState { return &gasState{c: c, dt: dt, std: 50} }

const gasBlackout = 45 // s without an index

// process takes in a signal and returns the index, 1 to 500, or 0 for none.
func (g *gasState) process(raw float64) int {
	if g.up <= gasBlackout {
		g.up += g.dt
		return int(g.index + 0.5)
	}
	if raw > 0 && raw < 65000 {
		g.raw = min(max(raw, g.c.least+1), g.c.least+32767) - g.c.least
	}
	g.index = g.c.offset
	if g.c.fixedSpan == 0 || g.ready {
		g.index = g.scale()
	}
	g.smooth()
	if g.raw > 0 {
		g.estimate(g.raw)
	}
	return int(g.index + 0.5)
}

// scale puts the signal on the scale of the index.
func (g *gasState) scale() float64 {
	x := (g.raw - g.mean) / -(g.std + 220) * 230
	if g.c.fixedSpan != 0 {
		x = (g.raw - g.mean) / g.c.fixedSpan * 230
	}
	return 500 * sigmoid(x, g.c.x0, g.c.k)
}

// smooth is a low-pass that lets quick changes pass.
func (g *gasState) smooth() {
	if !g.filtered {
		g.filtered = true
		g.low1, g.low2, g.lp = g.index, g.index, g.index
	}
	g.low1 += g.dt / (20 + g.dt) * (g.index - g.low1)
	g.low2 += g.dt / (500 + g.dt) * (g.index - g.low2)
	tau := 480*math.Exp(-0.2*math.Abs(g.low1-g.low2)) + 20
	g.lp += g.dt / (g.dt + tau) * (g.index - g.lp)
	g.index = max(g.lp, 0.5)
}

// sigmoid falls from 1 to 0 around x0.
func sigmoid(x, x0, k float64) float64 {
	e := k * (x - x0)
	switch {
	case e < -50:
		return 1
	case e > 50:
		return 0
	}
	return 1 / (1 + math.Exp(e))
}

// estimate learns mean and standard deviation of the signal: quickly at first,
// and not while the air is bad. The maker's program has offsets and scales here
// that keep its numbers small; they cancel.
func (g *gasState) estimate(y float64) {
	if !g.ready {
		g.ready, g.mean = true, y
		return
	}
	if g.learned < 32767-g.dt {
		g.learned += g.dt
	}
	if g.gating < 32767-g.dt {
		g.gating += g.dt
	}
	const hours = 12.0 // of both mean and variance, after the start
	h := g.dt / 3600
	gm, gv := 8*64*h/(hours+h), 64*h/(hours+h)
	a, b := sigmoid(g.learned, g.c.initMean, 0.01), sigmoid(g.learned, g.c.initVar, 0.01)
	gate := g.gate(g.c.initMean)
	gm = (gm + (8*64*g.dt/(g.c.tauMean+g.dt)-gm)*a) * gate
	gv = (gv + (64*g.dt/(2500+g.dt)-gv)*(b-a)) * g.gate(g.c.initVar)
	g.gated = max(0, g.gated+g.dt/60*((1-gate)*1.3-0.3))
	if g.gated > g.c.gateMost {
		g.gating = 0
	}
	d := (y - g.mean) / 64
	g.std = math.Sqrt((64 - gv) * (g.std*g.std/64 + gv*d*d))
	g.mean += gm * d / 8
}

// gate is 1 while the index is that of usual air, and falls to 0 above. It is
// wide open at the start.
func (g *gasState) gate(duration float64) float64 {
	return sigmoid(g.index, g.c.threshold+(510-g.c.threshold)*sigmoid(g.gating, duration, 0.01), 0.09)
}
