package buffer

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lamppost-city/lamppost/agent"
)

// A SalvageReport says what a salvage found.
type SalvageReport struct {
	Observations uint64 `json:"observations"` // each once
	Blocks       int    `json:"blocks"`
	Frames       int    `json:"frames"`
	Broken       int    `json:"broken"`  // of both, and of books: not whole
	Unknown      int    `json:"unknown"` // whole, of datastreams that nothing tells of
}

// Salvage looks through files, folders of files, or whole images and devices for
// what a buffer wrote, and yields each observation once, as it was recorded but
// for the quality salvaged. It needs no file system and no whole file: nothing
// but blocks and frames, wherever they stand, and books for their datastreams.
// It changes nothing, and stops at an error of yield.
func Salvage(paths []string, yield func(agent.Epoch, agent.Observation) error) (SalvageReport, error) {
	s := &salvage{streams: make(map[uint32]*agent.Datastream), seen: make(map[agent.Epoch]*ranges), yield: yield}
	files, err := filesOf(paths)
	if err != nil {
		return s.report, err
	}
	for _, look := range []func([]byte, bool) error{s.books, s.rows} {
		for _, path := range files {
			if err := scanFile(path, look); err != nil {
				return s.report, fmt.Errorf("salvage: %w", err)
			}
		}
	}
	return s.report, nil
}

// filesOf returns the files that are named, or in folders that are.
func filesOf(paths []string) (files []string, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, file)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Sizes of what is looked at together.
const (
	scanStep = 8 << 20
	scanMost = 16 << 20 // a block or frame is smaller
)

// scanFile calls look with the bytes from each place on where a block or a frame
// may begin. Pages that cannot be read are zeros.
func scanFile(path string, look func(from []byte, frame bool) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd) // of devices too
	if err != nil {
		return err
	}
	for at := int64(0); at < size; at += scanStep {
		b := make([]byte, min(scanStep+scanMost, size-at))
		if _, err := readPages(f, b, at); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for i := 0; i < min(len(b), scanStep); i++ {
			n := bytes.Index(b[i:], []byte("LP"))
			if n < 0 || i+n >= scanStep {
				break
			}
			i += n
			blob, frame := bytes.HasPrefix(b[i:], []byte(blobMagic)), bytes.HasPrefix(b[i:], []byte("LPJ1"))
			if !blob && !frame {
				continue
			}
			if err := look(b[i:], frame); err != nil {
				return err
			}
		}
	}
	return nil
}

// salvage is one under way: first the books are read, then the rows.
type salvage struct {
	report  SalvageReport
	streams map[uint32]*agent.Datastream
	seen    map[agent.Epoch]*ranges
	reader  reader
	scratch []row
	yield   func(agent.Epoch, agent.Observation) error
}

// books notes the datastreams of books.
func (s *salvage) books(from []byte, frame bool) error {
	var data []byte
	if frame {
		f, _, _, err := decodeFrame(from)
		if err != nil {
			s.report.Broken++
			return nil
		}
		data = f.books
	} else {
		kind, content, ok := firstBlob(from)
		if !ok {
			s.report.Broken++
		}
		if ok && kind == blobBooks {
			data = content
		}
	}
	if b, err := parseBooks(data); err == nil {
		for _, ds := range b.Streams {
			if s.streams[ds.ID] == nil {
				s.streams[ds.ID] = ds
			}
		}
	}
	return nil
}

// rows yields what is new of a block or a frame.
func (s *salvage) rows(from []byte, frame bool) (err error) {
	var epoch agent.Epoch
	var rows []row
	if frame {
		f, seqs, _, err := decodeFrame(from)
		if err != nil || len(seqs) == 0 {
			return nil
		}
		epoch = f.epoch
		s.report.Frames++
		rows, err = s.reader.rows.readFrame(from, s.streams, s.scratch[:0])
		if err != nil {
			s.report.Unknown++
			return nil
		}
	} else {
		kind, content, ok := firstBlob(from)
		if !ok || kind != blobBlock {
			return nil
		}
		of, _, rest, err := blockHead(content)
		if err != nil {
			return nil
		}
		epoch = of
		s.report.Blocks++
		if rows, err = s.reader.codec.decodeInto(s.scratch[:0], rest, s.streams); err != nil {
			s.report.Unknown++
			return nil
		}
	}
	s.scratch = rows
	return s.take(epoch, rows)
}

// take yields the rows that were not seen yet.
func (s *salvage) take(epoch agent.Epoch, rows []row) error {
	seen := s.seen[epoch]
	if seen == nil {
		seen = new(ranges)
		s.seen[epoch] = seen
	}
	for _, r := range rows {
		if seen.contains(r.Seq) {
			continue
		}
		r.Quality |= agent.Salvaged
		if err := s.yield(epoch, r.Observation); err != nil {
			return err
		}
		s.report.Observations++
	}
	seen.union(runs(rows))
	return nil
}
