package buffer

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/lamppost-city/lamppost/agent"
)

// rebuild makes books of what frames and segments say of themselves, when there
// are no others: all that is found waits for every city.
func (s *store) rebuild(c *content, frames []found) error {
	known := make(map[agent.Epoch]uint64) // first Seq seen
	note := func(epoch agent.Epoch, seqs ranges) {
		if len(seqs) == 0 {
			return
		}
		c.state.Assigned.union(seqs)
		if first, ok := known[epoch]; !ok || seqs[0].From < first {
			known[epoch] = seqs[0].From
		}
	}
	for _, f := range frames {
		if f.kind == frameCommit {
			c.state.Through, c.state.Reserved = max(c.state.Through, f.through), max(c.state.Reserved, f.reserved)
		}
		note(f.epoch, f.seqs)
	}
	if err := s.segments.each(func(b *books, epoch agent.Epoch, seqs ranges) {
		note(epoch, seqs)
		if b != nil {
			c.merge(b.Streams)
		}
	}); err != nil {
		return err
	}
	if len(known) == 0 {
		return nil
	}
	all := c.state.Assigned
	c.state.Through = max(c.state.Through, all[len(all)-1].To)
	c.state.Reserved = max(c.state.Reserved, c.state.Through+seqReserve)
	for epoch, from := range known {
		c.state.Epochs = append(c.state.Epochs, epochState{Epoch: epoch.String(), From: from})
	}
	slices.SortFunc(c.state.Epochs, func(x, y epochState) int { return cmp.Compare(x.From, y.From) })
	c.state.Cities = []cityState{{Name: nobody, Owed: slices.Clone(all)}}
	c.found, c.damaged, c.rebuilt = true, true, true
	s.log.Error("there are no books; all that is found waits for every city", "observations", all.count())
	return nil
}

// each calls note with every block of every segment, and with their books, by
// looking.
func (s *segments) each(note func(b *books, epoch agent.Epoch, seqs ranges)) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := readAround(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		scanBlobs(data, func(kind byte, content []byte, _ int) {
			switch kind {
			case blobBlock:
				if epoch, seqs, _, err := blockHead(content); err == nil {
					note(nil, epoch, seqs)
				}
			case blobBooks:
				if b, err := parseBooks(content); err == nil {
					note(&b, 0, nil)
				}
			}
		})
	}
	return nil
}
