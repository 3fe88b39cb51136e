package buffer

import "math"

// maxMerge bounds the milliseconds between the first and the last row of a block
// in natural order, so that a time and a column fit in one number.
const maxMerge = 1 << 43

// A merger brings the rows of columns in the order of their times and, within one,
// of their columns. It is a tree of losers: the row that wins leaves, the next of
// its column plays against those that lost on its way up.
type merger struct {
	tree  []uint64 // from 1, the loser of each match: its time and its column
	lanes []lane
}

// A lane is one or more neighbouring columns that have their times in common.
type lane struct {
	times   []int64 // those that have not left yet
	from    uint32  // its first column
	columns uint32
}

// begin finds the lanes of columns.
func (m *merger) begin(columns []column, times []int64) {
	m.lanes = m.lanes[:0]
	for i := range columns {
		col := &columns[i]
		if i > 0 && col.times == columns[i-1].times {
			m.lanes[len(m.lanes)-1].columns++
			continue
		}
		m.lanes = append(m.lanes, lane{times[col.times : col.times+col.rows], uint32(i), 1})
	}
}

// run fills of with the column of each row. Times that damage made fall or too far
// apart come in some other order.
func (m *merger) run(of []uint32) {
	base := m.lanes[0].times[0]
	for i := range m.lanes {
		base = min(base, m.lanes[i].times[0])
	}
	k := len(m.lanes)
	m.tree = grown(m.tree, k)
	clear(m.tree)
	var winner uint64
	for i := range k {
		winner = m.play(m.lanes[i].key(base, i), i)
	}
	for len(of) > 0 {
		i := int(winner % (1 << 20))
		l := &m.lanes[i]
		t, n := l.times[0], 1
		for n < len(l.times) && l.times[n] == t {
			n++
		}
		for c := range l.columns {
			for j := range n {
				of[j] = l.from + c
			}
			of = of[n:]
		}
		l.times = l.times[n:]
		winner = m.play(l.key(base, i), i)
	}
}

// key returns the number by which the next row of lane i is compared: above 0,
// which the matches begin with.
func (l *lane) key(base int64, i int) uint64 {
	if len(l.times) == 0 {
		return math.MaxUint64
	}
	return (uint64(l.times[0]-base)%maxMerge+1)<<20 | uint64(i)
}

// play lets a row of lane i play its way up, and returns who wins.
func (m *merger) play(key uint64, i int) uint64 {
	for node := (i + len(m.tree)) / 2; node > 0; node /= 2 {
		loser := m.tree[node]
		m.tree[node] = max(loser, key)
		key = min(loser, key)
	}
	return key
}
