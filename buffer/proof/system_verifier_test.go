//go:build system

package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
)

// verify records as an agent would that starts, and reports what waits.
func (j job) verify(b *buffer.Buffer) error {
	ds, err := b.Datastream(series[0])
	if err != nil {
		return err
	}
	v, q := value(j.Seed, ds, j.Clock)
	obs := []agent.Observation{{Datastream: ds, Time: time.UnixMilli(j.Clock), Value: v, Quality: q}}
	if err := b.Record(obs); err != nil {
		return err
	}
	r := Report{
		FirstMillis: float64(time.Now().UnixNano()-j.Started) / 1e6,
		Seq:         obs[0].Seq, Epoch: b.Stats().Epoch, Waiting: map[string]Keys{},
	}
	err = b.Commit() // nothing is pending in what follows
	j.read(b, &r)
	// A damaged block that was found is ledgered.
	if err = errors.Join(err, b.Commit()); err != nil {
		r.Failing = err.Error() // the agent goes on, so it is no error of ours
	}
	r.Ledger, r.Stats = b.Ledger(), b.Stats()
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(os.Stdout, "report %s\n", text); err != nil || j.Unclean || r.Failing != "" {
		return err
	}
	return b.Close()
}

// read collects what waits, and checks each value.
func (j job) read(b *buffer.Buffer, r *Report) {
	last := map[string]int64{}
	for w := range b.Export() {
		for _, city := range w.Cities {
			of(r.Waiting, city).Add(w.Epoch.String(), w.Seq, w.Seq)
		}
		ms := w.Time.UnixMilli()
		v, q := value(j.Seed, w.Datastream, ms)
		series := w.Epoch.String() + " " + w.Datastream.Name
		thinned := w.Quality&agent.Thinned != 0 // it sums up what is in the ledger
		if !thinned && (w.Value != v || w.Quality&^agent.Restarted != q) {
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s %d at %d: %v %v, want %v %v", series, w.Seq, ms, w.Value, w.Quality, v, q))
		}
		if !thinned && ms <= last[series] {
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s %d at %d: not after %d", series, w.Seq, ms, last[series]))
		}
		last[series] = max(last[series], ms)
	}
	r.Wrong = r.Wrong[:min(len(r.Wrong), 100)]
}
