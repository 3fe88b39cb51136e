package desk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// Keys are the keys of consecutive observations: one line of the store.
type Keys struct {
	Thing string `json:"thing"`
	Epoch string `json:"epoch"`
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
}

// A line of the store is one of the three.
type line struct {
	Keys
	Notice *Notice         `json:"notice"`
	Saved  json.RawMessage `json:"saved"`
}

// count takes in what the line says of a thing.
func (l line) count(t *tally) {
	switch {
	case l.Notice != nil:
		t.tell(l.Thing, *l.Notice)
	case l.Saved == nil:
		t.count([]Keys{l.Keys})
	}
}

// A store is a file that lines are appended to. A line is written when the
// write returns: it outlives the city, though not a power cut of its machine.
type store struct {
	mu   sync.Mutex
	file *os.File // nil: nothing is kept
	buf  []byte
	size int64
}

// openStore calls each for the lines of a file and goes on at its end. A last line
// that is not whole was never acknowledged and is cut off.
func openStore(path string, each func(line)) (*store, error) {
	if path == "" {
		return &store{}, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := load(f, each)
	if info, statErr := f.Stat(); err == nil && statErr == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file; name one")
	}
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &store{file: f, size: size}, nil
}

// maxLine is far above any line: a notice names the ranges of a batch at most.
const maxLine = 4 << 20

// load counts all whole lines and returns where the last one ends.
func load(r io.Reader, each func(line)) (size int64, err error) {
	in := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, fmt.Errorf("line %d: %w", n, err)
		}
		if err := loadLine(text, each); err != nil {
			return size, fmt.Errorf("line %d: %w; set the file aside", n, err)
		}
		size += int64(len(text))
	}
}

func loadLine(text []byte, each func(line)) error {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	switch {
	case l.Saved != nil:
	case l.Thing == "":
		return errors.New("no thing")
	case l.Notice != nil:
	case !isEpoch(l.Epoch) || l.From == 0 || l.From > l.To:
		return fmt.Errorf("seqs %d to %d of epoch %q", l.From, l.To, l.Epoch)
	}
	each(l)
	return nil
}

// keep writes what was received. It returns when the lines are written.
func (s *store) keep(received []Keys, save []any) error {
	return s.write(func(b []byte) ([]byte, error) {
		for _, v := range save {
			text, err := json.Marshal(v)
			if err != nil {
				return b, err
			}
			b = append(append(append(b, `{"saved":`...), text...), "}\n"...)
		}
		for _, k := range received {
			thing, err := json.Marshal(k.Thing)
			if err != nil {
				return b, err
			}
			b = append(append(b, `{"thing":`...), thing...)
			b = append(append(b, `,"epoch":"`...), k.Epoch...)
			b = strconv.AppendUint(append(b, `","from":`...), k.From, 10)
			b = strconv.AppendUint(append(b, `,"to":`...), k.To, 10)
			b = append(b, "}\n"...)
		}
		return b, nil
	})
}

// note writes a notice.
func (s *store) note(thing string, n Notice) error {
	return s.write(func(b []byte) ([]byte, error) {
		text, err := json.Marshal(struct {
			Thing  string `json:"thing"`
			Notice Notice `json:"notice"`
		}{thing, n})
		return append(append(b, text...), '\n'), err
	})
}

// write appends whole lines or, when the disk takes only a part, none.
func (s *store) write(lines func([]byte) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	b, err := lines(s.buf[:0])
	if err != nil {
		return err
	}
	s.buf = b
	n, err := s.file.Write(b)
	if err == nil {
		s.size += int64(n)
		return nil
	}
	if _, seekErr := s.file.Seek(s.size, io.SeekStart); seekErr != nil {
		err = errors.Join(err, seekErr)
	}
	return errors.Join(err, s.file.Truncate(s.size))
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Sync(), s.file.Close())
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
