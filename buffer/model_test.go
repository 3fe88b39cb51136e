package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
)

// TestModel compares random histories, with crashes, with a plain model.
func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newModel(t, seed, 30, options("", modelCities...)).run(150) })
	}
}

// TestModelSmallJournal is TestModel with a journal that is full all the time:
// its rows are moved and sealed between any two crashes.
func TestModelSmallJournal(t *testing.T) {
	for seed := range uint64(9) {
		o := options("", modelCities...)
		o.half, o.sparse = 16<<10, []int{1, 200, 1 << 30}[seed%3]
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newModel(t, seed, 60, o).run(250) })
	}
}

// model is a buffer beside what is known of it.
type model struct {
	t       *testing.T
	random  *rand.Rand
	most    int // observations recorded at a time
	o       Options
	b       *Buffer
	lines   bytes.Buffer
	witness map[uint64]bool   // accepted, as told
	atCity  []map[uint64]bool // what each city has
	hold    [][]agent.Batch
	values  map[uint64]float64
}

var modelCities = []string{"a", "b"}

func newModel(t *testing.T, seed uint64, most int, o Options) *model {
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), most: most, witness: make(map[uint64]bool),
		atCity: []map[uint64]bool{{}, {}}, hold: make([][]agent.Batch, 2), values: make(map[uint64]float64),
	}
	m.o = o
	m.o.Dir = t.TempDir()
	m.o.CommitEvery, m.o.Witness = time.Hour, &m.lines
	m.open()
	return m
}

// open opens the buffer, which then commits only when it is told to: a copy of
// its files must not be made while it does.
func (m *model) open() {
	m.b = open(m.t, m.o)
	hold(m.b)
}

func (m *model) run(steps int) {
	for range steps {
		i := m.random.IntN(2)
		c := m.b.Cursor(modelCities[i])
		switch m.random.IntN(20) {
		case 0, 1, 2:
			m.record(1 + m.random.IntN(m.most))
		case 3, 4:
			m.take(i, c.Backlog(1+m.random.IntN(2*m.most)))
		case 5, 6:
			for _, batch := range m.hold[i] {
				for _, s := range numbers(batch) {
					m.atCity[i][s] = true
				}
				c.Settle(batch, nil)
			}
			m.hold[i] = nil
		case 7:
			for _, batch := range m.hold[i] {
				c.Release(batch)
			}
			m.hold[i] = nil
			c.Connected(true)
		case 8:
			m.tear()
		case 9:
			if m.random.IntN(2) == 0 {
				dir := crash(m.t, m.o.Dir)
				if m.random.IntN(2) == 0 { // the journal has all books too
					require.NoError(m.t, os.Remove(filepath.Join(dir, fileName)))
				}
				m.reopen(dir)
			} else {
				require.NoError(m.t, m.b.Close())
				m.reopen(m.o.Dir)
			}
		default:
			m.record(1 + m.random.IntN(20))
			require.NoError(m.t, m.b.Commit())
		}
		if m.random.IntN(4) == 0 {
			m.check()
		}
	}
	m.check()
}

// check is the promise: witnessed accepted ⊆ at the city ∪ waiting, and what
// waits can be read, as it was recorded.
func (m *model) check() {
	m.b.mu.Lock()
	m.b.tail = slices.Clone(m.b.inTail(m.b.flushed+1, m.b.next-1)) // the rest must be on flash
	m.b.mu.Unlock()
	read := make(map[uint64]bool)
	for w := range m.b.Export() {
		require.Equalf(m.t, m.values[w.Seq], w.Value, "%d has another value", w.Seq)
		read[w.Seq] = true
	}
	closes(m.t, m.b)
	note(m.t, &m.lines, m.witness)
	for i, name := range modelCities {
		m.b.mu.Lock()
		waiting := m.b.cursor(name).waiting(1, m.b.next-1)
		m.b.mu.Unlock()
		for s := range m.witness {
			require.Truef(m.t, m.atCity[i][s] || waiting.contains(s) && read[s], "%d is lost for %s", s, name)
		}
	}
}

// record records n observations whose values are known afterwards.
func (m *model) record(n int) {
	ds, err := m.b.Datastream(temperature)
	require.NoError(m.t, err)
	for range n {
		obs := []agent.Observation{{Datastream: ds, Time: time.Now(), Value: float64(m.random.IntN(5000)) / 100}}
		require.NoError(m.t, m.b.Record(obs))
		m.values[obs[0].Seq] = obs[0].Value
	}
}

func (m *model) take(i int, batch agent.Batch) {
	for _, s := range numbers(batch) {
		for _, h := range m.hold[i] {
			require.NotContainsf(m.t, numbers(h), s, "%d is handed out twice", s)
		}
	}
	m.hold[i] = append(m.hold[i], batch)
}

func (m *model) reopen(dir string) {
	note(m.t, &m.lines, m.witness)
	m.o.Dir = dir
	m.open()
	m.hold = make([][]agent.Batch, 2)
}

// tear cuts the power in the middle of a commit: some sectors of what it wrote
// to the journal are there, and perhaps the segments before it.
func (m *model) tear() {
	note(m.t, &m.lines, m.witness)
	before := crash(m.t, m.o.Dir)
	require.NoError(m.t, m.b.Commit())
	after := crash(m.t, m.o.Dir)
	m.lines.Reset() // it was never told
	if m.random.IntN(2) == 0 {
		segments, _ := filepath.Glob(filepath.Join(after, "*"+segmentSuffix))
		for _, path := range segments {
			data, err := os.ReadFile(path)
			require.NoError(m.t, err)
			require.NoError(m.t, os.WriteFile(filepath.Join(before, filepath.Base(path)), data, 0o600))
		}
		x, err := os.ReadFile(filepath.Join(before, journalName))
		require.NoError(m.t, err)
		y, err := os.ReadFile(filepath.Join(after, journalName))
		require.NoError(m.t, err)
		share := []int{10, 50, 90, 100}[m.random.IntN(4)]
		for at := 0; at < len(x); at += sector {
			if m.random.IntN(100) < share {
				copy(x[at:at+sector], y[at:at+sector])
			}
		}
		require.NoError(m.t, os.WriteFile(filepath.Join(before, journalName), x, 0o600))
	}
	m.o.Dir = before
	m.open()
	m.hold = make([][]agent.Batch, 2)
}

// note takes what the witness was told.
func note(t *testing.T, lines *bytes.Buffer, witness map[uint64]bool) {
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		var what, epoch string
		var from, to uint64
		_, err = fmt.Sscanf(strings.Replace(line, "-", " ", 1), "%s %s %d %d", &what, &epoch, &from, &to)
		require.NoError(t, err)
		for s := from; what == "accepted" && s <= to; s++ {
			require.Falsef(t, witness[s], "%d accepted twice", s)
			witness[s] = true
		}
	}
}
