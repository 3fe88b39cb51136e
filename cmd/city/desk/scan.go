package desk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// An entry is what is counted of one record of a pack.
type entry struct {
	thing string
	name  []byte // "sensor/property", as it stands in the JSON
	seq   uint64
	raw   []byte // the whole record
}

// A scanner walks through a SenML pack and calls for each record. It is
// written for this purpose alone, apart from what encodes packs, and keeps no
// record: encoding/json takes ten times as long.
type scanner struct {
	b   []byte
	pos int

	thing string // of the base name in force
	bn    []byte // that base name
	epoch string
}

var errPack = errors.New("not a pack")

// fail tells where the pack is not understood.
func (s *scanner) fail(what string) error {
	return fmt.Errorf("%w: byte %d: %s", errPack, s.pos, what)
}

// records calls each for every record. What it is given is only valid during
// the call.
func (s *scanner) records(each func(entry)) error {
	if !s.next('[') {
		return s.fail("want [")
	}
	if s.next(']') {
		return s.end()
	}
	for {
		e, err := s.record()
		if err != nil {
			return err
		}
		each(e)
		if s.next(',') {
			continue
		}
		if !s.next(']') {
			return s.fail("want , or ]")
		}
		return s.end()
	}
}

func (s *scanner) end() error {
	if s.space(); s.pos != len(s.b) {
		return s.fail("something follows the pack")
	}
	return nil
}

// record reads one object.
func (s *scanner) record() (entry, error) {
	if !s.next('{') {
		return entry{}, s.fail("want {")
	}
	start := s.pos - 1
	var (
		e      entry
		hasSeq bool
	)
	for first := true; ; first = false {
		if first && s.next('}') {
			break
		}
		label, err := s.text()
		if err != nil {
			return entry{}, err
		}
		if !s.next(':') {
			return entry{}, s.fail("want :")
		}
		switch string(label) {
		case "n":
			e.name, err = s.text()
		case "seq":
			e.seq, err = s.whole()
			hasSeq = true
		case "bn":
			err = s.base()
		case "epoch":
			err = s.readEpoch()
		default:
			err = s.skip()
		}
		if err != nil {
			return entry{}, err
		}
		if s.next(',') {
			continue
		}
		if s.next('}') {
			break
		}
		return entry{}, s.fail("want , or }")
	}
	e.thing, e.raw = s.thing, s.b[start:s.pos]
	if !hasSeq || s.epoch == "" || s.thing == "" || len(e.name) == 0 {
		return entry{}, s.fail("a record without its key: base name, name, epoch and seq")
	}
	return e, nil
}

// base reads a base name and the thing in it.
func (s *scanner) base() error {
	text, err := s.text()
	if err != nil || bytes.Equal(text, s.bn) {
		return err
	}
	var name string
	if err := json.Unmarshal(quoted(text), &name); err != nil {
		return s.fail("base name")
	}
	thing, ok := strings.CutPrefix(name, "urn:dev:ops:lamppost-")
	thing, colon := strings.CutSuffix(thing, ":")
	if !ok || !colon || thing == "" {
		return s.fail("a base name that is not urn:dev:ops:lamppost-<thing>:")
	}
	s.thing, s.bn = thing, append([]byte(nil), text...)
	return nil
}

func (s *scanner) readEpoch() error {
	text, err := s.text()
	if err != nil {
		return err
	}
	if string(text) != s.epoch {
		if s.epoch != "" {
			return s.fail("a second epoch")
		}
		s.epoch = string(text)
	}
	if !isEpoch(s.epoch) {
		return s.fail("an epoch that is not 16 hexadecimal digits")
	}
	return nil
}

func isEpoch(s string) bool { return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == "" }

func quoted(text []byte) []byte { return append(append([]byte{'"'}, text...), '"') }

func (s *scanner) space() {
	for s.pos < len(s.b) && (s.b[s.pos] == ' ' || s.b[s.pos] == '\n' || s.b[s.pos] == '\r' || s.b[s.pos] == '\t') {
		s.pos++
	}
}

// next takes c, if it is what comes next.
func (s *scanner) next(c byte) bool {
	if s.pos < len(s.b) && s.b[s.pos] == c { // no space is the rule
		s.pos++
		return true
	}
	if s.space(); s.pos < len(s.b) && s.b[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// text reads a string and returns what is between the quotes, escapes as they
// stand.
func (s *scanner) text() ([]byte, error) {
	if !s.next('"') {
		return nil, s.fail("want a string")
	}
	start, escaped := s.pos, false
	for ; s.pos < len(s.b); s.pos++ {
		switch c := s.b[s.pos]; {
		case c == '"':
			text := s.b[start:s.pos]
			s.pos++
			if escaped && !json.Valid(quoted(text)) {
				return nil, s.fail("an escape in a string")
			}
			return text, nil
		case c == '\\':
			escaped = true
			s.pos++
		case c < ' ':
			return nil, s.fail("a control character in a string")
		}
	}
	return nil, s.fail("a string without an end")
}

// whole reads a whole number, which a Seq is.
func (s *scanner) whole() (uint64, error) {
	s.space()
	start, n := s.pos, uint64(0)
	for ; s.pos < len(s.b) && '0' <= s.b[s.pos] && s.b[s.pos] <= '9'; s.pos++ {
		if s.pos-start >= 16 {
			return 0, s.fail("a seq above 2^53")
		}
		n = n*10 + uint64(s.b[s.pos]-'0')
	}
	if s.pos == start || n == 0 || s.b[start] == '0' || n > 1<<53 {
		return 0, s.fail("a seq that is none")
	}
	return n, nil
}

// skip reads any value.
func (s *scanner) skip() error {
	if s.space(); s.pos == len(s.b) {
		return s.fail("want a value")
	}
	switch s.b[s.pos] {
	case '"':
		_, err := s.text()
		return err
	case '{', '[':
		return s.skipNested()
	}
	start := s.pos
	for s.pos < len(s.b) && !endsToken(s.b[s.pos]) {
		s.pos++
	}
	if token := s.b[start:s.pos]; !number(token) && !json.Valid(token) {
		s.pos = start
		return s.fail("a value that is none")
	}
	return nil
}

func endsToken(c byte) bool { return c == ',' || c == '}' || c == ']' || c <= ' ' }

// skipNested leaves what Lamppost never sends to encoding/json.
func (s *scanner) skipNested() error {
	var raw json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(s.b[s.pos:])).Decode(&raw); err != nil {
		return s.fail("a value that is none")
	}
	s.pos += len(raw)
	return nil
}

// number tells whether a token is a plain decimal number, the usual value.
func number(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) == 0 || b[0] == '0' && len(b) > 1 && b[1] != '.' {
		return false
	}
	dot := 0
	for i, c := range b {
		if c == '.' && dot == 0 && 0 < i && i < len(b)-1 {
			dot = i
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
