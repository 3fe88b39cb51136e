package buffer

import (
	"math"
	"time"
)

const (
	budgetDay = 24 * time.Hour  // a budget is for so long, from Open on
	rateOver  = 5 * time.Minute // the present rate is smoothed over about so long

	// A reserve-th of a budget is for what cannot wait, such as alarms.
	reserve = 50
	// longestInterval is the longest that a budget makes a pending observation
	// wait, unless CommitEvery is longer.
	longestInterval = time.Minute
	// intervalStep is what a stretched interval is rounded up to, for people.
	intervalStep = 100 * time.Millisecond
)

// A budget is bytes a day, and how they are made to last.
type budget struct {
	daily int64         // 0 is no budget
	every time.Duration // the interval without one

	day       time.Time // when it began
	spent     int64     // in it
	rate      float64   // bytes a second, at present
	cost      float64   // bytes a commit, lately
	stretched bool
}

// spend notes what was written in the time that passed, with how many commits.
func (b *budget) spend(now time.Time, passed time.Duration, bytes int64, commits uint64) {
	if days := now.Sub(b.day) / budgetDay; days > 0 {
		b.day, b.spent = b.day.Add(days*budgetDay), 0
	}
	b.spent += bytes
	b.rate += (float64(bytes)/passed.Seconds() - b.rate) * (1 - math.Exp(-float64(passed)/float64(rateOver)))
	if commits > 0 {
		cost := float64(bytes) / float64(commits)
		if b.cost == 0 {
			b.cost = cost
		}
		b.cost += (cost - b.cost) / 8
	}
}

// interval returns how long a commit may wait. It is stretched when the present
// rate would pass the budget, and until half of it would not: at the stretched
// interval the rate is just what the budget allows.
func (b *budget) interval(now time.Time) time.Duration {
	if b.daily == 0 {
		return b.every
	}
	left, remaining := budgetDay-now.Sub(b.day)%budgetDay, b.daily-b.daily/reserve-b.spent
	switch would := b.rate * left.Seconds(); {
	case would > float64(remaining):
		b.stretched = true
	case would < float64(remaining)/2:
		b.stretched = false
	}
	if !b.stretched {
		return b.every
	}
	return stretch(b.every, left, remaining, int64(b.cost))
}

// stretch returns the interval at which commits of a cost make a budget last for
// the time that is left.
func stretch(every, left time.Duration, budget, cost int64) time.Duration {
	longest := max(every, longestInterval)
	if budget <= 0 {
		return longest
	}
	want := float64(left) * float64(cost) / float64(budget)
	if want >= float64(longest) {
		return longest
	}
	if want <= float64(every) {
		return every
	}
	return min((time.Duration(want) + intervalStep - 1).Truncate(intervalStep), longest)
}
