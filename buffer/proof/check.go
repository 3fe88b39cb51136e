package proof

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
)

// A Report is what a verifier found in a directory.
type Report struct {
	FirstMillis float64         `json:"first_ms"` // from the start of the process to its first recorded observation
	Epoch       string          `json:"epoch"`    // of that observation
	Seq         uint64          `json:"seq"`
	Waiting     map[string]Keys `json:"waiting"` // by city
	Wrong       []string        `json:"wrong"`   // observations whose values nobody recorded
	Failing     string          `json:"failing"` // why nothing could be written
	Ledger      []agent.Notice  `json:"ledger"`
	Stats       buffer.Stats    `json:"stats"`
}

// Books are the claims of one city against what was found.
type Books struct {
	Accepted  uint64 // claimed, of what the city is owed
	Delivered uint64 // of these: claimed
	Waiting   uint64 // of the others: found
	Ledgered  uint64 // of the others: named in a loss notice
	Lost      Keys   // the rest
}

// Audit compares the claims of one city with a report.
func Audit(c *Claims, r Report, city string) Books {
	ledger := r.ledger(city, agent.NoticeLoss)
	left := c.Accepted.Minus(c.Delivered[city])
	b := Books{Accepted: c.Accepted.Count()}
	b.Delivered = b.Accepted - left.Count()
	missing := left.Minus(r.Waiting[city])
	b.Waiting = left.Count() - missing.Count()
	b.Lost = missing.Minus(ledger)
	b.Ledgered = missing.Count() - b.Lost.Count()
	return b
}

// ledger returns the keys that notices of a kind name to a city.
func (r Report) ledger(city string, kind agent.NoticeKind) Keys {
	out := Keys{}
	for _, n := range r.Ledger {
		if n.Kind == kind && concerns(n, city) {
			addNotice(out, n)
		}
	}
	return out
}

func concerns(n agent.Notice, city string) bool {
	return len(n.Cities) == 0 || slices.Contains(n.Cities, city)
}

// addNotice puts the keys that a notice names into k.
func addNotice(k Keys, n agent.Notice) {
	ranges := n.Ranges
	if len(ranges) == 0 {
		ranges = []agent.Range{{From: n.From, To: n.To}}
	}
	for _, x := range ranges {
		k.Add(n.Epoch.String(), x.From, x.To)
	}
}

// Check returns what is wrong with what was found, after claims of a disk that
// did what it said. Every city of the claims was configured all the time.
func Check(c *Claims, r Report, cities []string) error {
	err := Sound(c, r, cities)
	for _, city := range cities {
		err = errors.Join(err, checkCity(c, r, city))
	}
	return err
}

// checkCity checks the promise to one city.
func checkCity(c *Claims, r Report, city string) error {
	var err error
	if lost := Audit(c, r, city).Lost; len(lost) > 0 {
		refused := lost.Count() - lost.Minus(c.Refused[city]).Count()
		err = fmt.Errorf("%s: %d observations were accepted and are nowhere, %d of them refused: %s", city, lost.Count(), refused, show(lost))
	}
	open := c.Recorded.Minus(c.Accepted, c.Delivered[city], r.Waiting[city],
		r.ledger(city, agent.NoticeWindow), r.ledger(city, agent.NoticeLoss))
	if len(open) > 0 {
		err = errors.Join(err, fmt.Errorf("%s: %d observations were recorded and nothing names them: %s", city, open.Count(), show(open)))
	}
	// What a disk that does what it says took is lost by nobody but who wants it.
	for _, n := range r.Ledger {
		if n.Kind != agent.NoticeLoss || !concerns(n, city) {
			continue
		}
		named := Keys{}
		addNotice(named, n)
		switch {
		case strings.HasPrefix(n.Cause, "refused: "):
			if others := named.Minus(c.Refused[city]); len(others) > 0 {
				err = errors.Join(err, fmt.Errorf("%s: ledgered as refused, and it did not: %s", city, show(others)))
			}
		case strings.HasPrefix(n.Cause, "max_size: "), n.Cause == "forgotten":
		default:
			if hit := named.Count() - named.Minus(c.Accepted).Count(); hit > 0 {
				err = errors.Join(err, fmt.Errorf("%s: %d accepted observations were lost: %s: %s", city, hit, n.Cause, show(named)))
			}
		}
	}
	return err
}

// ErrMadeUp says that there are observations which nobody recorded so.
var ErrMadeUp = errors.New("made up")

// Sound returns what is wrong with what was found whatever the disk did: wrong
// or invented values, Seqs used twice, books that do not add up.
func Sound(c *Claims, r Report, cities []string) error {
	var err error
	if len(r.Wrong) > 0 {
		err = fmt.Errorf("%w: %d values: %s", ErrMadeUp, len(r.Wrong), r.Wrong[0])
	}
	if len(c.Reused) > 0 {
		err = errors.Join(err, fmt.Errorf("used twice: Seq %s", strings.Join(c.Reused, ", ")))
	}
	if r.Seq == 0 {
		err = errors.Join(err, errors.New("nothing new was recorded"))
	}
	if r.Failing != "" {
		err = errors.Join(err, fmt.Errorf("nothing can be written any more: %s", r.Failing))
	}
	for _, city := range cities {
		if made := r.Waiting[city].Minus(c.Recorded); len(made) > 0 {
			err = errors.Join(err, fmt.Errorf("%w: %d observations wait for %s: %s", ErrMadeUp, made.Count(), city, show(made)))
		}
		i := slices.IndexFunc(r.Stats.Cities, func(s buffer.CityStats) bool { return s.Name == city })
		if i < 0 {
			err = errors.Join(err, fmt.Errorf("%s: not in the books", city))
			continue
		}
		s := r.Stats.Cities[i]
		if s.Accepted != s.Delivered+s.Waiting+s.Ledgered {
			err = errors.Join(err, fmt.Errorf("%s: accepted %d is not delivered %d + waiting %d + ledgered %d", city, s.Accepted, s.Delivered, s.Waiting, s.Ledgered))
		}
		if n := r.Waiting[city].Count(); n != s.Waiting {
			err = errors.Join(err, fmt.Errorf("%s: %d observations wait, the books say %d", city, n, s.Waiting))
		}
	}
	return err
}

// show writes the first keys, by epoch.
func show(k Keys) string {
	var out []string
	for _, epoch := range slices.Sorted(maps.Keys(k)) {
		for i, r := range k[epoch] {
			if i == 3 {
				out = append(out, "…")
				break
			}
			out = append(out, fmt.Sprintf("%s %d-%d", epoch, r.From, r.To))
		}
	}
	return strings.Join(out, ", ")
}
