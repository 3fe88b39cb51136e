package sparkplug

import (
	"encoding/binary"
	"errors"
	"math"
)

// Fields of the messages of Sparkplug (specification, 6.4.1). A tag is the
// number of a field and how its value is written.
const (
	varint  = 0
	fixed64 = 1
	counted = 2
	fixed32 = 5

	payloadTimestamp = 1<<3 | varint
	payloadMetric    = 2<<3 | counted
	payloadSeq       = 3<<3 | varint

	metricName       = 1<<3 | counted
	metricAlias      = 2<<3 | varint
	metricTimestamp  = 3<<3 | varint
	metricDatatype   = 4<<3 | varint
	metricHistorical = 5<<3 | varint
	metricNull       = 7<<3 | varint
	metricProperties = 9<<3 | counted
	metricInt        = 10<<3 | varint
	metricLong       = 11<<3 | varint
	metricDouble     = 13<<3 | fixed64
	metricBoolean    = 14<<3 | varint
	metricString     = 15<<3 | counted

	setKey   = 1<<3 | counted
	setValue = 2<<3 | counted

	propertyType   = 1<<3 | varint
	propertyNull   = 2<<3 | varint
	propertyInt    = 3<<3 | varint
	propertyLong   = 4<<3 | varint
	propertyString = 8<<3 | counted
)

func appendUint(dst []byte, tag byte, n uint64) []byte {
	return binary.AppendUvarint(append(dst, tag), n)
}

func appendDouble(dst []byte, tag byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, tag), math.Float64bits(v))
}

func appendString(dst []byte, tag byte, s string) []byte {
	dst = binary.AppendUvarint(append(dst, tag), uint64(len(s)))
	return append(dst, s...)
}

// begin starts a message within a message; end, given what begin returned, says
// how long it has become.
func begin(dst []byte, tag byte) ([]byte, int) {
	dst = append(dst, tag, 0)
	return dst, len(dst)
}

func end(dst []byte, start int) []byte {
	n := len(dst) - start
	if n < 0x80 { // nearly always
		dst[start-1] = byte(n)
		return dst
	}
	var length [binary.MaxVarintLen64]byte
	width := binary.PutUvarint(length[:], uint64(n))
	dst = append(dst, length[1:width]...) // makes room
	copy(dst[start-1+width:], dst[start:start+n])
	copy(dst[start-1:], length[:width])
	return dst
}

var errMalformed = errors.New("no protocol buffer")

// A field is one field of a message as it came.
type field struct {
	number uint64
	n      uint64 // of a number
	bytes  []byte // of a text or message
}

// nextField reads the first field of a message and returns the rest.
func nextField(b []byte) (f field, rest []byte, err error) {
	tag, width := binary.Uvarint(b)
	if width <= 0 {
		return f, nil, errMalformed
	}
	b = b[width:]
	f.number = tag >> 3
	size := uint64(0)
	switch tag & 7 {
	case varint:
		if f.n, width = binary.Uvarint(b); width <= 0 {
			return f, nil, errMalformed
		}
		return f, b[width:], nil
	case fixed64:
		size = 8
	case fixed32:
		size = 4
	case counted:
		if size, width = binary.Uvarint(b); width <= 0 {
			return f, nil, errMalformed
		}
		b = b[width:]
	default:
		return f, nil, errMalformed
	}
	if size > uint64(len(b)) {
		return f, nil, errMalformed
	}
	f.bytes = b[:size]
	return f, b[size:], nil
}

// wantsRebirth tells whether a command asks for the births again: a metric
// Node Control/Rebirth that is true (specification, chapter 5).
func wantsRebirth(payload []byte) (bool, error) {
	wants := false
	for len(payload) > 0 {
		f, rest, err := nextField(payload)
		if err != nil {
			return false, err
		}
		payload = rest
		if f.number != payloadMetric>>3 {
			continue
		}
		one, err := rebirth(f.bytes)
		if err != nil {
			return false, err
		}
		wants = wants || one
	}
	return wants, nil
}

func rebirth(metric []byte) (bool, error) {
	named, yes := false, false
	for len(metric) > 0 {
		f, rest, err := nextField(metric)
		if err != nil {
			return false, err
		}
		metric = rest
		switch f.number {
		case metricName >> 3:
			named = string(f.bytes) == rebirthName
		case metricBoolean >> 3:
			yes = f.n != 0
		}
	}
	return named && yes, nil
}
