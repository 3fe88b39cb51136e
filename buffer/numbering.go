package buffer

// numbering gives the datastreams of a block or frame numbers, from 0, in the
// order in which they first come. It is a hash table because a map costs more than
// all the rest of encoding a row, and it is used again and again.
type numbering struct {
	slots []slot // a power of two, at most half of them used
	turn  uint64 // in the upper half of a key: slots of an earlier turn are free
	count int
}

type slot struct {
	key    uint64 // turn and id
	number int
}

// reset forgets all.
func (n *numbering) reset() {
	if len(n.slots) == 0 {
		n.slots = make([]slot, 64)
	}
	n.count = 0
	if n.turn += 1 << 32; n.turn == 0 {
		clear(n.slots)
		n.turn = 1 << 32
	}
}

// of returns the number of a datastream. One that is new gets the count there
// was before.
func (n *numbering) of(id uint32) int {
	// Ids are given from 1: mostly each has a slot of its own.
	if s := &n.slots[int(id)&(len(n.slots)-1)]; s.key == n.turn|uint64(id) {
		return s.number
	}
	return n.search(id)
}

func (n *numbering) search(id uint32) int {
	if n.count*2 >= len(n.slots) {
		n.grow()
	}
	s := n.slot(n.turn | uint64(id))
	if s.key != n.turn|uint64(id) {
		*s = slot{n.turn | uint64(id), n.count}
		n.count++
	}
	return s.number
}

// slot returns the slot of a key, or the free one where it belongs.
func (n *numbering) slot(key uint64) *slot {
	mask := len(n.slots) - 1
	for i := int(uint32(key)) & mask; ; i = (i + 1) & mask {
		if s := &n.slots[i]; s.key>>32 != n.turn>>32 || s.key == key {
			return s
		}
	}
}

func (n *numbering) grow() {
	before := n.slots
	n.slots = make([]slot, 2*len(before))
	for _, s := range before {
		if s.key>>32 == n.turn>>32 {
			*n.slot(s.key) = s
		}
	}
}
