package buffer

import (
	"path/filepath"
	"sync"
	"time"
)

// wearEvery is how often the counters are read at most.
const wearEvery = 10 * time.Second

// Wear is what writing does to the card. It is counted in memory only: a start
// begins anew.
type Wear struct {
	Written      int64  `json:"written"`                  // bytes this process caused to be written since it started
	PerDay       int64  `json:"per_day"`                  // at the rate of the last Over seconds
	Device       string `json:"device,omitempty"`         // where the buffer is, such as mmcblk0p2
	DevicePerDay int64  `json:"device_per_day,omitempty"` // bytes it was written by all, at the rate of the last Over seconds
	Over         int64  `json:"over"`                     // a day, or less after a start
	Today        int64  `json:"today"`                    // bytes of Budget that are spent; a day begins with Open
	Budget       int64  `json:"budget,omitempty"`         // bytes a day
	Life         *Life  `json:"life,omitempty"`           // nil if the card does not tell: an eMMC does, an SD card does not
	Err          string `json:"err,omitempty"`            // why nothing can be counted, and no budget kept
}

// Life is what a card says of itself.
type Life struct {
	Used    int    `json:"used"`              // percent of its life, rounded up to tens; 110 is past its end; 0 is not told
	Reserve string `json:"reserve,omitempty"` // its spare blocks: normal, warning (80 % are used), urgent (90 %)
}

// A meter reads how much is written, and keeps the budget. Only the committer
// reads; any may ask.
type meter struct {
	io, device, card string // folders: of the process, of the device and of its card

	mu     sync.Mutex
	wear   Wear
	every  time.Duration // the interval in force
	budget budget

	opened, last     time.Time
	process, written int64 // as last read
	commits          uint64
	byProcess        window
	byDevice         window
}

// newMeter begins to count.
func newMeter(o Options) *meter {
	root, now := filepath.Join("/", o.root), time.Now()
	m := &meter{
		io:    filepath.Join(root, "proc/self"),
		wear:  Wear{Budget: o.WriteBudget},
		every: o.CommitEvery, budget: budget{every: o.CommitEvery, day: now},
		opened: now, last: now,
	}
	if !o.Strict { // who waits for a commit is not to wait longer
		m.budget.daily = o.WriteBudget
	}
	m.device, m.card = deviceOf(root, o.Dir)
	var err error
	if m.process, err = writtenByProcess(m.io); err != nil {
		m.wear.Err = err.Error()
	}
	m.wear.Written = m.process
	if m.written, err = writtenTo(m.device); err == nil {
		m.wear.Device = filepath.Base(m.device)
	}
	m.wear.Life = lifeOf(m.card)
	return m
}

// read reads the counters, unless that was just now.
func (m *meter) read(commits uint64) {
	now := time.Now()
	passed := now.Sub(m.last)
	if passed < wearEvery {
		return
	}
	process, err := writtenByProcess(m.io)
	device, deviceErr := writtenTo(m.device)
	hour := int(now.Sub(m.opened) / time.Hour)
	life := m.wear.Life
	if hour != m.byProcess.hour {
		life = lifeOf(m.card) // some kernels ask the card
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.wear.Life, m.wear.Err = now, life, ""
	spent := max(process-m.process, 0)
	if err != nil {
		m.wear.Err, process, spent = err.Error(), m.process, 0
	}
	m.byProcess.add(hour, spent)
	m.budget.spend(now, passed, spent, commits-m.commits)
	m.process, m.commits = process, commits
	if deviceErr == nil {
		m.byDevice.add(hour, max(device-m.written, 0)) // another card counts from 0
		m.written = device
	}
	over := min(now.Sub(m.opened), 24*time.Hour+now.Sub(m.opened)%time.Hour)
	m.wear.Written = process
	m.wear.PerDay, m.wear.DevicePerDay = m.byProcess.perDay(over), m.byDevice.perDay(over)
	m.wear.Over, m.wear.Today = int64(over.Seconds()), m.budget.spent
}

// interval reads the counters and returns how long a commit may wait from now
// on, and whether the reason for it changed.
func (m *meter) interval(commits uint64) (every time.Duration, changed bool) {
	m.read(commits)
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.budget.stretched
	m.every = m.budget.interval(time.Now())
	return m.every, before != m.budget.stretched
}

// inForce returns what the committer goes by, and why it is not what was asked
// for, if so. Without a meter it is what was asked for.
func (m *meter) inForce(asked time.Duration) (every time.Duration, why string, w *Wear) {
	if m == nil {
		return asked, "", nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.every > asked {
		why = "write_budget"
	}
	wear := m.wear
	return m.every, why, &wear
}

// interval returns how long a pending observation may wait for its commit. Only
// the committer calls it: what it returned last is in force.
func (b *Buffer) interval() time.Duration {
	b.mu.Lock()
	commits := b.commits
	b.mu.Unlock()
	every, changed := b.meter.interval(commits)
	if changed {
		b.o.Log.Info("write_budget changes how often is committed", "commit_every", every)
	}
	return every
}

// A window is what was written in the last day, by the hour. The hour under way
// is the 25th.
type window struct {
	hours [25]int64
	hour  int
}

func (w *window) add(hour int, bytes int64) {
	for ; w.hour < hour; w.hour++ {
		w.hours[(w.hour+1)%len(w.hours)] = 0
	}
	w.hours[hour%len(w.hours)] += bytes
}

// perDay returns what a day comes to. over is how long the window has counted.
func (w *window) perDay(over time.Duration) int64 {
	var sum float64
	for _, n := range w.hours {
		sum += float64(n)
	}
	return int64(sum / over.Hours() * 24)
}
