//go:build system

package proof

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
)

// write records until the job's commits are done, while the cities take what
// they like.
func (j job) write(b *buffer.Buffer, out io.Writer) error {
	r := rand.New(rand.NewPCG(j.Seed, uint64(j.Clock)))
	var stop atomic.Bool
	var cities sync.WaitGroup
	for i, name := range j.Cities {
		c := &taker{
			name: name, cursor: b.Cursor(name), books: b, out: out, job: j,
			r: rand.New(rand.NewPCG(j.Seed+uint64(i), uint64(j.Clock))),
		}
		cities.Go(func() { c.run(&stop) })
	}
	err := j.record(b, r)
	stop.Store(true)
	cities.Wait()
	if err != nil || j.Unclean {
		return err
	}
	return b.Close()
}

// record records instants: most small, some bursts.
func (j job) record(b *buffer.Buffer, r *rand.Rand) error {
	streams, err := j.streams(b)
	if err != nil {
		return err
	}
	now := j.Clock
	for n := 1; ; n++ {
		size := 1 + r.IntN(8)
		if r.IntN(200) == 0 {
			size = 200 + r.IntN(100)
		}
		var obs []agent.Observation
		for i := range size {
			ds := streams[(n+i)%len(streams)]
			// A datastream has one value a millisecond.
			ms := now + int64(i/len(streams))
			v, q := value(j.Seed, ds, ms)
			obs = append(obs, agent.Observation{Datastream: ds, Time: time.UnixMilli(ms), Value: v, Quality: q})
		}
		now += int64(size/len(streams)) + 1 + int64(r.IntN(1000))
		if err := b.Record(obs); err != nil {
			return err
		}
		if n%16 == 0 && j.Commits > 0 && b.Stats().Commits >= j.Commits {
			return nil
		}
		if j.Pause > 0 && r.IntN(4) == 0 {
			time.Sleep(rand.N(8 * j.Pause))
		}
	}
}

// streams makes the datastreams.
func (j job) streams(b *buffer.Buffer) (all []*agent.Datastream, err error) {
	for _, want := range series {
		if j.NoAlarms && want.Class == agent.Alarm {
			continue
		}
		ds, err := b.Datastream(want)
		if err != nil {
			return nil, err
		}
		all = append(all, ds)
	}
	return all, nil
}

// A taker is a city: now and then it takes a batch, and keeps it for a while.
type taker struct {
	name   string
	cursor *buffer.Cursor
	books  *buffer.Buffer
	out    io.Writer
	r      *rand.Rand
	job    job
	held   []agent.Batch
}

// run takes until stop says so. What is in flight then stays so.
func (c *taker) run(stop *atomic.Bool) {
	away := c.r.IntN(3) == 0 && !c.job.RefuseEarly
	for !stop.Load() {
		if c.r.IntN(40) == 0 && !c.job.RefuseEarly {
			if away = !away; !away {
				c.cursor.Connected(true)
			}
		}
		if !away || c.job.Backlog && c.r.IntN(50) == 0 {
			c.step()
		}
		time.Sleep(rand.N(time.Millisecond))
	}
}

// step takes a batch, and says something about an earlier one.
func (c *taker) step() {
	limit := 1 + c.r.IntN(400)
	if c.job.Backlog {
		limit = 1 + c.r.IntN(5)
	}
	take := c.cursor.Live
	if c.r.IntN(2) == 0 {
		take = c.cursor.Backlog
	}
	if batch := take(limit); len(batch.Observations) > 0 {
		c.held = append(c.held, batch)
	}
	if notices := c.cursor.Notices(10); len(notices) > 0 && c.r.IntN(2) == 0 {
		c.cursor.Notified(notices[len(notices)-1].ID)
	}
	if len(c.held) == 0 || len(c.held) < 4 && c.r.IntN(3) == 0 {
		return
	}
	i := c.r.IntN(len(c.held))
	batch := c.held[i]
	c.held = append(c.held[:i], c.held[i+1:]...)
	if c.r.IntN(8) == 0 {
		c.cursor.Release(batch)
		return
	}
	refused := map[uint64]string{}
	if seq := batch.Observations[c.r.IntN(len(batch.Observations))].Seq; c.refuses(seq) {
		refused[seq] = "no such property"
	}
	c.say(batch, refused)
	c.cursor.Settle(batch, refused)
}

// refuses tells whether the city will never take an observation.
func (c *taker) refuses(seq uint64) bool {
	if c.job.NoRefusals {
		return false
	}
	if safe := seq <= c.books.Stats().AcceptedTo; safe == c.job.RefuseEarly {
		return false
	}
	return c.r.IntN(30) == 0 || c.job.RefuseEarly && c.r.IntN(3) == 0
}

// say tells what the city has, before the buffer knows: a city has it before its
// acknowledgement arrives.
func (c *taker) say(batch agent.Batch, refused map[uint64]string) {
	var has, not Set
	for _, o := range batch.Observations {
		if _, ok := refused[o.Seq]; ok {
			not.Add(o.Seq, o.Seq)
		} else {
			has.Add(o.Seq, o.Seq)
		}
	}
	for _, r := range has {
		fmt.Fprintf(c.out, "delivered %s %s %d-%d\n", c.name, batch.Epoch, r.From, r.To)
	}
	for _, r := range not {
		fmt.Fprintf(c.out, "refused %s %s %d-%d\n", c.name, batch.Epoch, r.From, r.To)
	}
}
