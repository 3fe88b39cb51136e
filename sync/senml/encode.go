package senml

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Limits of a pack. Brokers take larger ones, but a pack is what is sent again
// when its acknowledgement did not come.
const (
	maxRecords = 1000
	maxBytes   = 64 << 10
)

// An encoder writes the observations of one epoch as packs.
type encoder struct {
	thing   string // the thing of observations that name none
	epoch   agent.Epoch
	cbor    bool              // else JSON
	refused map[uint64]string // reason by Seq
}

// A common is what the records of a pack have in common so far: what the next one
// need not say. The zero value is that of an empty pack.
type common struct {
	thing string
	epoch bool
	milli int64  // the base time, in CBOR
	seq   uint64 // of the record before, in CBOR
}

// appendPack appends one pack of observations from the front of obs to dst, and
// returns how many it has dealt with. A pack ends where the time changes, if
// it can: observations of one instant stay together. What cannot be said in
// JSON is refused and left out; when that is all, nothing is appended.
func (e *encoder) appendPack(dst []byte, obs []agent.Observation) ([]byte, int) {
	start, records, b := len(dst), 0, common{}
	cut, cutAt := start, 0 // where the last instant began
	for i := range obs {
		o := &obs[i]
		if why := uplink.Unsayable(o); why != "" {
			e.refuse(o.Seq, why)
			continue
		}
		if records > 0 && !o.Time.Equal(obs[i-1].Time) {
			cut, cutAt = len(dst), i
		}
		before := len(dst)
		if e.cbor {
			dst = e.appendCBOR(dst, o, &b)
		} else {
			dst = e.appendRecord(dst, o, &b)
		}
		records++
		if records == 1 || records <= maxRecords && len(dst)-start < maxBytes {
			continue
		}
		if cutAt > 0 {
			return e.end(dst[:cut]), cutAt
		}
		return e.end(dst[:before]), i
	}
	if records == 0 {
		return dst[:start], len(obs)
	}
	return e.end(dst), len(obs)
}

func (e *encoder) end(dst []byte) []byte {
	if e.cbor {
		return append(dst, cborBreak)
	}
	return append(dst, ']')
}

func (e *encoder) refuse(seq uint64, why string) {
	if e.refused == nil {
		e.refused = make(map[uint64]string)
	}
	e.refused[seq] = why
}

// thingOf returns the thing that an observation is of.
func (e *encoder) thingOf(o *agent.Observation) string {
	if o.Datastream.Thing == "" {
		return e.thing
	}
	return o.Datastream.Thing
}

// appendRecord appends one record in JSON.
func (e *encoder) appendRecord(dst []byte, o *agent.Observation, b *common) []byte {
	ds, thing := o.Datastream, e.thingOf(o)
	if !b.epoch {
		dst = append(dst, '[')
	} else {
		dst = append(dst, ',')
	}
	dst = append(dst, '{')
	if thing != b.thing {
		dst = append(dst, `"bn":`...)
		dst = appendString(dst, baseName(thing))
		dst = append(dst, ',')
		b.thing = thing
	}
	if !b.epoch {
		b.epoch = true
		dst = append(dst, `"epoch":"`...)
		dst = appendHex(dst, uint64(e.epoch))
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"n":`...)
	dst = appendString(dst, ds.Name)
	if u := unitOf(ds.Property); u != "" {
		dst = append(dst, `,"u":`...)
		dst = appendString(dst, u)
	}
	dst = append(dst, `,"t":`...)
	dst = appendDecimal(dst, o.Time.UnixMilli(), 3)
	dst = append(dst, `,"v":`...)
	dst = appendValue(dst, o.Value, ds.Resolution)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, o.Seq, 10)
	dst = appendDoubt(dst, o)
	return append(dst, '}')
}

// appendDoubt appends what only some observations have.
func appendDoubt(dst []byte, o *agent.Observation) []byte {
	if o.Quality != 0 {
		dst = append(dst, `,"q":`...)
		dst = appendString(dst, o.Quality.String())
	}
	if o.Span != 0 {
		dst = append(dst, `,"span":`...)
		dst = appendSeconds(dst, o.Span)
	}
	if o.Boot != 0 {
		dst = append(dst, `,"boot":`...)
		dst = strconv.AppendUint(dst, uint64(o.Boot), 10)
		dst = append(dst, `,"mono":`...)
		dst = appendSeconds(dst, o.Mono)
	}
	return dst
}

func appendSeconds(dst []byte, d time.Duration) []byte { return appendDecimal(dst, int64(d), 9) }

// appendDecimal appends n / 10^places without trailing zeros.
func appendDecimal(dst []byte, n int64, places int) []byte {
	u := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		u = -u
	}
	var digits [20]byte
	i := len(digits)
	for ; places > 0; places-- {
		d := byte(u % 10)
		u /= 10
		if d == 0 && i == len(digits) {
			continue
		}
		i--
		digits[i] = '0' + d
	}
	dst = strconv.AppendUint(dst, u, 10)
	if i == len(digits) {
		return dst
	}
	dst = append(dst, '.')
	return append(dst, digits[i:]...)
}

// scales holds the powers of ten that resolutions use; all are exact.
var scales = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// appendValue appends a finite number that reads back as the same float64. A
// recorded value is n / 10^k, and its shortest text the digits of n: that
// saves the search for it.
func appendValue(dst []byte, v float64, k int8) []byte {
	if k >= 0 && int(k) < len(scales) && v != 0 {
		n := math.Round(v * scales[k])
		if math.Abs(n) < 1<<53 && n/scales[k] == v {
			return appendDecimal(dst, int64(n), int(k))
		}
	}
	// The forms that encoding/json chooses, and for its reason: JavaScript's.
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

const hexDigits = "0123456789abcdef"

// appendHex appends 16 hexadecimal digits.
func appendHex(dst []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return dst
}

// appendString appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[done:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, "\ufffd"...)
		}
		i += size
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}
