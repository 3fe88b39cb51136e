package buffer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// sparseRows is how many rows a full half must have to be sealed: fewer are
// moved to the other half, else the blocks would be small and many.
const sparseRows = sealedRows * 2 / 3

// errNoRoom says that the file system has less free than is to be left.
var errNoRoom = errors.New("disk full")

// start seals all that the last run left in the journal, or an error, so that it
// can be written over, and writes down the books that it told, in a new file.
func (s *store) start(c *commit) error {
	if s.broken != nil || s.started {
		return s.broken
	}
	if err := s.seal(c); err != nil {
		return err
	}
	if err := s.save(c, c.before); err != nil {
		return err
	}
	s.started = true
	return nil
}

// roll begins the other half with the commit and all books. The rows of the full
// one that some city still lacks go there too or, if they are many, to segments.
func (s *store) roll(c *commit) (large bool, err error) {
	s.out.reset()
	n := s.lacked(c)
	moved := false
	if n > 0 && n < uint64(s.sparse) {
		if moved, err = s.move(c); err != nil {
			return false, err
		}
	}
	if !moved {
		if err := s.seal(c); err != nil {
			return false, err
		}
	}
	return s.encode(c, true)
}

// lacked returns how many rows of the journal some city lacks.
func (s *store) lacked(c *commit) (n uint64) {
	for _, ref := range s.live {
		n += c.lack.between(ref.first, ref.last).count()
	}
	return n
}

// move puts rows of the full half in the other, before the commit, unless that
// would fill a quarter of it.
func (s *store) move(c *commit) (done bool, err error) {
	var rows []row
	err = s.each(c.lack, func(more []row) error {
		rows = append(rows, more...)
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, part := range cut(rows, frameLimit, c.state.Epochs) {
		s.addRows(part, c)
	}
	if len(s.out.b) > s.journal.halfSize/4 {
		s.out.reset()
		return false, nil
	}
	c.removed = append(c.removed, s.live...)
	s.live = nil
	s.journal.begin()
	return true, nil
}

// each calls yield with the rows of the journal that are in a set, in Seq order.
// A frame that is damaged is left out: its cursors will find out.
func (s *store) each(set ranges, yield func([]row) error) error {
	slices.SortFunc(s.live, func(x, y blockRef) int { return cmp.Compare(x.first, y.first) })
	var scratch []row
	s.reader.ahead = &ahead{}
	defer func() { s.reader.ahead = nil }()
	for _, ref := range s.live {
		wanted := set.between(ref.first, ref.last)
		if len(wanted) == 0 {
			continue
		}
		rows, err := s.rows(ref, &s.reader, s.table, scratch[:0])
		if errors.Is(err, errDamaged) || errors.Is(err, unreadable) {
			s.log.Error("a frame of the journal cannot be read", "err", err)
			continue
		}
		if err != nil {
			return err // it may pass, and must not cost the frame
		}
		scratch = rows
		for _, r := range wanted {
			if err := yield(rows[sortedSeq(rows, r.From):sortedSeq(rows, r.To+1)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// seal puts the journal's rows that some city lacks into segments, in one
// transaction, and begins the other half. A commit that makes room takes of what
// is to be left free, and gives back more.
func (s *store) seal(c *commit) error {
	if n := s.lacked(c); n > 0 {
		if err := s.room(n); err != nil && !c.drops {
			return err
		}
		if err := s.fill(c); err != nil {
			return fmt.Errorf("seal: %w", err)
		}
	}
	c.removed = append(c.removed, s.live...)
	s.live = nil
	s.journal.begin()
	return nil
}

// room says no when the file system has less free than is to be left after n
// rows.
func (s *store) room(n uint64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return err
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	if free-int64(n)*4 < s.minFree {
		return fmt.Errorf("%s: %d MB free, %d MB are to be left: %w", s.dir, free>>20, s.minFree>>20, errNoRoom)
	}
	return nil
}

// fill seals the rows of the journal that some city lacks.
func (s *store) fill(c *commit) error {
	w := &sealing{s: s, epochs: c.state.Epochs, limit: blockRows(s.lacked(c))}
	for _, refs := range s.index {
		for _, ref := range refs {
			w.firsts = append(w.firsts, ref.key.first)
		}
	}
	slices.Sort(w.firsts)
	first := s.live[0].first
	refs, err := s.segments.seal(epochAt(w.epochs, first), first, s.books(c.before), func(x *sealer) error {
		w.x = x
		if err := s.each(c.lack, w.add); err != nil {
			return err
		}
		return w.flush()
	})
	if err != nil {
		// What a failed flush left of it in the page cache is not to be believed.
		if s.doubt == nil {
			s.doubt = make(map[string][]blockRef)
		}
		for _, name := range s.segments.doubted {
			s.doubt[name] = s.index[name]
		}
		return err
	}
	s.reader = reader{} // it takes megabytes, and the next seal is far
	for _, ref := range refs {
		s.index[ref.segment] = append(s.index[ref.segment], ref)
	}
	c.added = append(c.added, refs...)
	return nil
}

// sealing cuts rows into blocks.
type sealing struct {
	s      *store
	x      *sealer
	epochs []epochState
	firsts []uint64 // Seqs at which other blocks begin
	limit  int      // rows of a block
	rows   []row
}

// blockRows returns how many rows a block has when n are cut into blocks of about
// sealedRows: all have as many, as small ones take more.
func blockRows(n uint64) int {
	blocks := max(1, (n+sealedRows/2)/sealedRows)
	return int((n + blocks - 1) / blocks)
}

func (w *sealing) add(rows []row) error {
	for _, part := range cut(rows, w.limit, w.epochs) {
		if w.ends(part[0].Seq) || len(w.rows)+len(part) > w.limit && !part[0].joins {
			if err := w.flush(); err != nil {
				return err
			}
		}
		w.rows = append(w.rows, part...)
	}
	return nil
}

// ends tells whether the block ends before a Seq: it is of another epoch, or
// there is another block between. Then what is here was carried over from one
// that was dropped.
func (w *sealing) ends(seq uint64) bool {
	if len(w.rows) == 0 {
		return false
	}
	last := w.rows[len(w.rows)-1].Seq
	i, _ := slices.BinarySearch(w.firsts, last)
	return i < len(w.firsts) && w.firsts[i] < seq || epochAt(w.epochs, last) != epochAt(w.epochs, seq)
}

// flush makes a block of the rows.
func (w *sealing) flush() error {
	if len(w.rows) == 0 {
		return nil
	}
	first, last := w.rows[0].Seq, w.rows[len(w.rows)-1].Seq
	data := w.s.reader.seal(epochAt(w.epochs, first), w.rows)
	w.rows = w.rows[:0]
	return w.x.add(first, last, data)
}
