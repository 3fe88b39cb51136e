//go:build system

package proof

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kills is how often a writer is killed, unless LAMPPOST_KILLS says otherwise.
const kills = 200

// TestSystemProofKills kills a writer at random instants, over the same
// directory again and again, and checks the promise each time.
func TestSystemProofKills(t *testing.T) {
	begun := time.Now()
	n := number(t, "LAMPPOST_KILLS", kills)
	c, unclean, err := newBench().kill(t.TempDir(), n-n/4)
	alone := newBench()
	alone.cities = alone.cities[:1]
	one, more, err1 := alone.kill(t.TempDir(), n/4)
	unclean, err = unclean+more, errors.Join(err, err1)
	summary(t, result{Name: "kills", Size: n, Lost: lost(err), Duration: time.Since(begun).Seconds(), Note: fmt.Sprintf(
		"%d observations recorded, %d accepted, %d unclean stops",
		c.Recorded.Count()+one.Recorded.Count(), c.Accepted.Count()+one.Accepted.Count(), unclean)})
	require.NoError(t, err)
	assert.Greater(t, unclean, n/3, "most kills were unclean stops")
	assert.Greater(t, c.Accepted.Count(), uint64(n)*20, "the writers wrote")
}

// TestSystemProofRefusals is as the kills, with cities that also refuse what
// is not on flash yet: the other city may have it, and what is refused is in the
// ledger before it is called accepted.
func TestSystemProofRefusals(t *testing.T) {
	begun := time.Now()
	b := newBench()
	b.writer.RefuseEarly, b.writer.CommitEvery = true, 15*time.Millisecond
	n := number(t, "LAMPPOST_KILLS", kills)
	c, _, err := b.kill(t.TempDir(), n)
	summary(t, result{
		Name: "refusals", Size: n, Lost: lost(err), Duration: time.Since(begun).Seconds(),
		Note: fmt.Sprintf("%d observations accepted, %d and %d refused", c.Accepted.Count(), c.Refused["town"].Count(), c.Refused["lake"].Count()),
	})
	require.NoError(t, err)
}

// kill kills a writer n times, and now and then lets it end. Its error says how
// the promise was broken.
func (b *bench) kill(dir string, n int) (c *Claims, unclean int, err error) {
	dir = filepath.Join(dir, "buffer")
	c = NewClaims()
	for i := range n {
		j := b.writer
		j.Role, j.Dir = "write", dir
		if i%8 == 7 {
			j.Commits, j.Unclean = 5, i%16 == 7
		}
		if err := b.killOne(j, c); err != nil {
			return c, unclean, fmt.Errorf("kill %d: %w", i, err)
		}
		r, err := b.verify(dir, c, i%2 == 0)
		if err == nil {
			err = Check(c, r, b.cities)
		}
		if err != nil {
			return c, unclean, fmt.Errorf("kill %d: %w", i, err)
		}
		if r.Stats.LastStop == "unclean" {
			unclean++
		}
	}
	return c, unclean, nil
}

// killOne runs a writer, and kills it unless it is to end by itself.
func (b *bench) killOne(j job, c *Claims) error {
	refused := make(chan struct{}, 1)
	p, err := b.start(j, func(line string) {
		c.Line(line)
		if j.RefuseEarly && strings.HasPrefix(line, "refused ") {
			select {
			case refused <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	if j.Commits > 0 {
		if err := p.end(timeLimit); err != nil {
			return fmt.Errorf("the writer: %w: %s", err, &p.log)
		}
		return nil
	}
	select {
	case <-time.After(time.Millisecond + rand.N(60*time.Millisecond)):
	case <-refused:
		time.Sleep(rand.N(2 * time.Millisecond)) // before its ledger entry is on flash, or after
	}
	p.kill()
	_ = p.end(timeLimit) // it was killed
	return nil
}
