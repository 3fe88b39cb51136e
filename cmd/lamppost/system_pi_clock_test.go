//go:build system

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/senml"
)

// TestSystemPiClock lets a Pi boot in 1970 without a network, observe, get the
// time, lose its power, and all of that once more: every observation has its true
// time in the end, none is lost, and each datastream is in order.
func TestSystemPiClock(t *testing.T) {
	p := newPi(t)
	// The second of January: the kernel takes none before its own running time.
	wrong := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	seen, last := 0, uint64(0)
	for boot := uint32(1); boot <= 2; boot++ {
		p.boot(t)
		setPiParts(t, p)
		require.NoError(t, p.m.SetTime(t.Context(), wrong))
		require.NoError(t, p.m.SetLink(t.Context(), false))
		p.start(t)
		began := p.at
		time.Sleep(15 * time.Second)
		require.Contains(t, p.shell(t, "lamppost status"), "impossible: ")

		require.NoError(t, p.m.SetTime(t.Context(), time.Now()))
		p.shell(t, "mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized")
		time.Sleep(3 * time.Second)
		require.Contains(t, p.shell(t, "lamppost status"), "trusted")
		require.NoError(t, p.m.SetLink(t.Context(), true))
		p.drain(t)
		p.city.mu.Lock()
		var fresh []senml.Record
		for _, r := range p.city.records {
			if r.Seq > last { // a start leaves out what the run before may have used
				fresh = append(fresh, r)
			}
			assert.Truef(t, r.Time.Year() > 1970, "%s %d has the time %v", r.Name, r.Seq, r.Time)
			assert.NotContains(t, r.Quality, agent.ClockUnset.String())
		}
		for _, r := range fresh {
			last = max(last, r.Seq+10_000)
		}
		total := len(p.city.records)
		p.city.mu.Unlock()
		assert.Greater(t, total-seen, 80, "it observed while it had no time")
		seen = total
		for _, r := range fresh {
			assert.WithinRangef(t, r.Time, began.Add(-2*time.Second), time.Now().Add(2*time.Second), "%s %d", r.Name, r.Seq)
		}
		clocks := p.clockNotices()
		require.Len(t, clocks, int(boot), "the city is told, once a boot")
		assert.Equal(t, boot, clocks[boot-1].Boot)
		assert.WithinRange(t, clocks[boot-1].Start, began.Add(-2*time.Minute), began.Add(2*time.Second), "when that boot began")
		t.Logf("boot %d: %d observations have their true times; it began at %v", boot, len(fresh), clocks[boot-1].Start)
		if boot == 1 {
			p.cut(t)
		}
	}
	p.inOrder(t)
}

// clockNotices returns what the city was told of clocks, by boots.
func (p *pi) clockNotices() (all []agent.Notice) {
	p.city.mu.Lock()
	defer p.city.mu.Unlock()
	for _, n := range p.city.notices {
		known := slices.ContainsFunc(all, func(x agent.Notice) bool { return x.ID == n.ID })
		if n.Kind == agent.NoticeClock && !known {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(x, y agent.Notice) int { return int(x.Boot) - int(y.Boot) })
	return all
}

// inOrder checks that the times of each datastream rise with its Seqs.
func (p *pi) inOrder(t *testing.T) {
	p.city.mu.Lock()
	defer p.city.mu.Unlock()
	streams := make(map[string][]senml.Record)
	for _, r := range p.city.records {
		streams[r.Name] = append(streams[r.Name], r)
	}
	for name, all := range streams {
		slices.SortFunc(all, func(x, y senml.Record) int { return int(int64(x.Seq) - int64(y.Seq)) })
		for i := 1; i < len(all); i++ {
			assert.Truef(t, all[i].Time.After(all[i-1].Time), "%s: %d at %v after %d at %v", strings.TrimSpace(name), all[i].Seq, all[i].Time, all[i-1].Seq, all[i-1].Time)
		}
	}
}
