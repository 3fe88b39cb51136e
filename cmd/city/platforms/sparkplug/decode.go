package sparkplug

import (
	"fmt"
	"math"
)

// A payload is a message of a node as it came.
type payload struct {
	timestamp uint64
	metrics   []metric
	seq       int // −1 without one
}

// A metric is a value, or the announcement of one.
type metric struct {
	name       string
	alias      uint64
	aliased    bool
	timestamp  uint64
	datatype   uint64 // 0 without one
	historical bool
	null       bool
	value      any // uint64, float64, bool, string, or nil
	properties map[string]property
}

// A property is a value that goes with a metric.
type property struct {
	datatype uint64
	null     bool
	value    any
}

// reader reads a message of Protocol Buffers from its front.
type reader struct {
	rest []byte
	err  error
}

// next returns the number of the next field, how it is written and its bytes or
// its number.
func (r *reader) next() (field int, kind byte, raw []byte, n uint64) {
	tag := r.varint()
	field, kind = int(tag>>3), byte(tag&7)
	switch kind {
	case 0:
		n = r.varint()
	case 1:
		raw = r.take(8)
		for i := len(raw) - 1; i >= 0; i-- {
			n = n<<8 | uint64(raw[i])
		}
	case 2:
		raw = r.take(r.varint())
	case 5:
		raw = r.take(4)
		for i := len(raw) - 1; i >= 0; i-- {
			n = n<<8 | uint64(raw[i])
		}
	default:
		r.fail("wire type %d", kind)
	}
	return field, kind, raw, n
}

func (r *reader) more() bool { return r.err == nil && len(r.rest) > 0 }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) varint() (n uint64) {
	for i, b := range r.rest {
		if i == 10 {
			break
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail("a number does not end")
	r.rest = nil
	return 0
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("%d bytes announced, %d there", n, len(r.rest))
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func readPayload(b []byte) (payload, error) {
	p := payload{seq: -1}
	r := &reader{rest: b}
	for r.more() {
		field, _, raw, n := r.next()
		switch field {
		case 1:
			p.timestamp = n
		case 2:
			m, err := readMetric(raw)
			if err != nil {
				return p, fmt.Errorf("metric %d: %w", len(p.metrics), err)
			}
			p.metrics = append(p.metrics, m)
		case 3:
			if n > 255 {
				return p, fmt.Errorf("seq %d", n)
			}
			p.seq = int(n)
		}
	}
	return p, r.err
}

func readMetric(b []byte) (metric, error) {
	m := metric{properties: map[string]property{}}
	r := &reader{rest: b}
	for r.more() {
		field, kind, raw, n := r.next()
		switch field {
		case 1:
			m.name = string(raw)
		case 2:
			m.alias, m.aliased = n, true
		case 3:
			m.timestamp = n
		case 4:
			m.datatype = n
		case 5:
			m.historical = n != 0
		case 7:
			m.null = n != 0
		case 9:
			if err := readProperties(raw, m.properties); err != nil {
				return m, err
			}
		default:
			if field >= 10 {
				m.value = value(field-10, kind, raw, n)
			}
		}
	}
	return m, r.err
}

// value reads a value: the fields 10 to 15 of a metric, and 3 to 8 of a
// property, are the same kinds.
func value(which int, kind byte, raw []byte, n uint64) any {
	switch {
	case which <= 1 && kind == 0:
		return n
	case which == 2 && kind == 5:
		return float64(math.Float32frombits(uint32(n)))
	case which == 3 && kind == 1:
		return math.Float64frombits(n)
	case which == 4 && kind == 0:
		return n != 0
	case which == 5 && kind == 2:
		return string(raw)
	}
	return nil
}

func readProperties(b []byte, into map[string]property) error {
	var (
		keys   []string
		values []property
	)
	r := &reader{rest: b}
	for r.more() {
		field, _, raw, _ := r.next()
		switch field {
		case 1:
			keys = append(keys, string(raw))
		case 2:
			p, err := readProperty(raw)
			if err != nil {
				return err
			}
			values = append(values, p)
		}
	}
	if len(keys) != len(values) {
		return fmt.Errorf("%d keys and %d values of properties", len(keys), len(values))
	}
	for i, key := range keys {
		into[key] = values[i]
	}
	return r.err
}

func readProperty(b []byte) (p property, err error) {
	r := &reader{rest: b}
	for r.more() {
		field, kind, raw, n := r.next()
		switch {
		case field == 1:
			p.datatype = n
		case field == 2:
			p.null = n != 0
		case field >= 3:
			p.value = value(field-3, kind, raw, n)
		}
	}
	return p, r.err
}

// rebirthCommand asks a node for its births.
func rebirthCommand(at uint64) []byte {
	const name = "Node Control/Rebirth"
	m := []byte{0x0a, byte(len(name))}
	m = append(m, name...)
	m = putVarint(append(m, 0x18), at)
	m = append(m, 0x20, 11) // Boolean
	m = append(m, 0x70, 1)  // true
	out := putVarint([]byte{0x08}, at)
	out = append(out, 0x12, byte(len(m)))
	return append(out, m...)
}

func putVarint(b []byte, n uint64) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
