package senml

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"

	"github.com/lamppost-city/lamppost/agent"
)

// CBOR (RFC 8949) as SenML uses it (RFC 8428, section 6): a pack is an array of
// maps whose labels are small numbers; those Lamppost adds are texts.
const (
	cborArray = 0x9f // of indefinite length: the number of records is known at the end
	cborBreak = 0xff

	cborUint  = 0 << 5 // major types
	cborNint  = 1 << 5
	cborText  = 3 << 5
	cborList  = 4 << 5
	cborMap   = 5 << 5
	cborTag   = 6 << 5
	cborFloat = 7<<5 | 27 // 64 bits

	decimalFraction = 4 // the tag: [exponent, mantissa]

	labelBaseName = -2
	labelBaseTime = -3
	labelName     = 0
	labelUnit     = 1
	labelValue    = 2
)

// appendCBOR appends one record in CBOR. It leaves out what the records before
// it say: the time is the base time, and seq one more than that of the record
// before.
func (e *encoder) appendCBOR(dst []byte, o *agent.Observation, b *common) []byte {
	ds, thing, milli := o.Datastream, e.thingOf(o), o.Time.UnixMilli()
	unit := unitOf(ds.Property)
	first, newThing := !b.epoch, thing != b.thing
	newTime, newSeq := first || milli != b.milli, first || o.Seq != b.seq+1
	if first {
		dst = append(dst, cborArray)
	}
	dst = appendHead(dst, cborMap, uint64(2+countTrue(first, newThing, newTime, newSeq, unit != "",
		o.Quality != 0, o.Span != 0, o.Boot != 0, o.Boot != 0)))
	if first {
		dst = appendText(dst, "epoch")
		dst = append(dst, cborText|16)
		dst = appendHex(dst, uint64(e.epoch))
	}
	if newThing {
		dst = appendText(appendInt(dst, labelBaseName), baseName(thing))
	}
	if newTime {
		dst = appendFraction(appendInt(dst, labelBaseTime), milli, 3)
	}
	dst = appendText(appendInt(dst, labelName), ds.Name)
	if unit != "" {
		dst = appendText(appendInt(dst, labelUnit), unit)
	}
	dst = appendNumber(appendInt(dst, labelValue), o.Value, ds.Resolution)
	if newSeq {
		dst = appendHead(appendText(dst, "seq"), cborUint, o.Seq)
	}
	dst = appendCBORDoubt(dst, o)
	*b = common{thing: thing, epoch: true, milli: milli, seq: o.Seq}
	return dst
}

// appendCBORDoubt appends what only some observations have.
func appendCBORDoubt(dst []byte, o *agent.Observation) []byte {
	if o.Quality != 0 {
		dst = appendText(appendText(dst, "q"), o.Quality.String())
	}
	if o.Span != 0 {
		dst = appendDuration(appendText(dst, "span"), o.Span)
	}
	if o.Boot != 0 {
		dst = appendHead(appendText(dst, "boot"), cborUint, uint64(o.Boot))
		dst = appendDuration(appendText(dst, "mono"), o.Mono)
	}
	return dst
}

func countTrue(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// appendHead appends the head of an item: its major type and a number.
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, cborNint, uint64(-1-n))
	}
	return appendHead(dst, cborUint, uint64(n))
}

// appendText appends a text. What is not UTF-8 becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return append(appendHead(dst, cborText, uint64(len(s))), s...)
}

// appendFraction appends n / 10^places as a decimal fraction (RFC 8949, 3.4.4),
// or as a whole number if it is one.
func appendFraction(dst []byte, n int64, places int) []byte {
	for places > 0 && n%10 == 0 {
		n, places = n/10, places-1
	}
	if places == 0 {
		return appendInt(dst, n)
	}
	dst = appendHead(appendHead(dst, cborTag, decimalFraction), cborList, 2)
	return appendInt(appendInt(dst, int64(-places)), n)
}

func appendDuration(dst []byte, d time.Duration) []byte { return appendFraction(dst, int64(d), 9) }

// appendNumber appends a finite number that reads back as the same float64.
func appendNumber(dst []byte, v float64, k int8) []byte {
	if n, ok := agent.Steps(v, k); ok && agent.FromSteps(n, k) == v {
		return appendFraction(dst, n, int(k))
	}
	return binary.BigEndian.AppendUint64(append(dst, cborFloat), math.Float64bits(v))
}
