//go:build system

package proof

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lies is how many states of a lying disk are tried, unless LAMPPOST_LIES says
// otherwise.
const lies = 50

// Limits of the time from the start of a process to its first recorded
// observation on a damaged disk, in milliseconds. A machine that does other work
// too has five times as long.
const (
	wantedFirst = 2000
	latestFirst = 5 * wantedFirst
)

// salvage is how many per cent of what was accepted is still there, on average,
// after a number of flushes that a card only said it did.
var salvage = []struct {
	flushes int
	least   float64
}{{1, 99.9}, {2, 99.5}, {6, 98.5}}

// TestSystemLyingCard cuts the power of a disk that lies. No promise holds then;
// but the agent goes on, makes nothing up, and most is still there.
func TestSystemLyingCard(t *testing.T) {
	need(t)
	n := number(t, "LAMPPOST_LIES", lies)
	b := newBench()
	b.writer.Backlog, b.writer.NoAlarms, b.writer.NoRefusals = true, true, true
	rec := b.record(t, 1500)
	for _, s := range salvage {
		t.Run(fmt.Sprint(s.flushes), func(t *testing.T) {
			begun := time.Now()
			size := (n + len(salvage) - 1) / len(salvage)
			d := b.lie(t, rec, size, s.flushes)
			summary(t, result{
				Name: fmt.Sprintf("lying card, %d flushes", s.flushes), Size: size, Lost: len(d.broken),
				Duration: time.Since(begun).Seconds(), Figures: d.figures(),
			})
			for _, err := range d.broken {
				assert.NoError(t, err)
			}
			require.Positive(t, d.mounted, "the file system mounts now and then")
			assert.GreaterOrEqual(t, d.figures()["salvaged"], s.least, "per cent of what was accepted is still there")
		})
	}
}

// damage is what states of a lying disk come to.
type damage struct {
	states, mounted, verified, inTime            int
	accepted, delivered, waiting, ledgered, lost uint64
	slowest                                      float64
	broken                                       []error
}

// figures returns percentages, and the slowest start in milliseconds. Nothing is
// there in a state that was not verified.
func (d damage) figures() map[string]float64 {
	percent := func(n uint64, of uint64) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	return map[string]float64{
		"mounted": percent(uint64(d.mounted), uint64(d.states)), "verified": percent(uint64(d.verified), uint64(d.mounted)),
		"within_2s": percent(uint64(d.inTime), uint64(d.mounted)), "slowest_ms": d.slowest,
		"salvaged": percent(d.delivered+d.waiting, d.accepted),
		"ledgered": percent(d.ledgered, d.accepted), "unnamed": percent(d.lost, d.accepted),
	}
}

// lie tries n states of a recording whose last flushes were lies, late in it,
// when there is much to lose.
func (b *bench) lie(t *testing.T, rec *recording, n, flushes int) (d damage) {
	t.Helper()
	p := newPlayer(t, rec, flushes, b.seed)
	d.states = n
	for i, at := range p.points(n, 0.5) {
		mode := modes[i%len(modes)]
		c, r, err := p.state(b, at, mode)
		if errors.Is(err, errMount) {
			continue // nobody can help
		}
		d.mounted++
		if err == nil {
			d.verified++
			d.slowest = max(d.slowest, r.FirstMillis)
			if r.FirstMillis <= wantedFirst {
				d.inTime++
			}
			if r.FirstMillis > latestFirst {
				err = fmt.Errorf("the first observation after %.0f ms", r.FirstMillis)
			}
			err = errors.Join(err, Sound(c, r, b.cities))
		}
		if err != nil {
			d.broken = append(d.broken, fmt.Errorf("%s at operation %d of %d, seed %d: %w", mode, at, len(rec.ops), b.seed, err))
		}
		for _, city := range b.cities {
			books := Audit(c, r, city)
			d.accepted += books.Accepted
			d.delivered += books.Delivered
			d.waiting += books.Waiting
			d.ledgered += books.Ledgered
			d.lost += books.Lost.Count()
		}
	}
	return d
}
