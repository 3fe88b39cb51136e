package fiware

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// reserved are the names that no property may have.
var reserved = map[string]bool{
	"id": true, "type": true, "TimeInstant": true, "count": true, "seq": true, "epoch": true, "batch": true, "quality": true,
	"span": true, "boot": true, "mono": true, "notice": true, "location": true, "controlledProperty": true, "dateObserved": true,
}

// timeLayout has three digits of seconds, always.
const timeLayout = "2006-01-02T15:04:05.000Z"

// shown is what the entity of a device shows beside values since the last group.
// What is not known may be anything.
type shown struct {
	known   bool
	count   int
	quality agent.Quality
	span    time.Duration
	boot    uint32
}

// after returns what is shown after a group.
func (g group) after() shown {
	return shown{true, len(g), g[0].Quality, g[0].Span, g[0].Boot}
}

// A writer writes groups in JSON or Ultralight.
type writer struct {
	ul    bool
	buf   []byte
	fresh bool // nothing in this group yet
}

// encode returns a message. batch is that of the last group, or "". It returns
// what the entity shows afterwards. One group in JSON is an object: the agent
// takes an array of one for the attribute "0" (trap F2).
func encode(ul bool, epoch agent.Epoch, m message, batch string, before shown) ([]byte, shown) {
	w := writer{ul: ul, buf: make([]byte, 0, 200*len(m.groups))}
	if !ul && len(m.groups) > 1 {
		w.buf = append(w.buf, '[')
	}
	for i, g := range m.groups {
		if i > 0 {
			w.next()
		}
		w.begin(g[0].Time)
		w.values(g)
		w.keys(epoch, g, before)
		if batch != "" && i == len(m.groups)-1 {
			w.text("batch", batch)
		}
		w.end(g[0].Time)
		before = g.after()
	}
	if !ul && len(m.groups) > 1 {
		w.buf = append(w.buf, ']')
	}
	return w.buf, before
}

// encodeNotice returns a message with a notice.
func encodeNotice(ul bool, n agent.Notice, text, batch string) []byte {
	w := writer{ul: ul}
	w.begin(n.Time)
	w.text("notice", text)
	w.uint("seq", n.ID)
	w.epoch(n.Epoch)
	if batch != "" {
		w.text("batch", batch)
	}
	w.end(n.Time)
	return w.buf
}

func (w *writer) next() {
	if w.ul {
		w.buf = append(w.buf, '#')
	} else {
		w.buf = append(w.buf, ',')
	}
}

// begin opens a group. In Ultralight the time comes first. Every group has one:
// a value without would keep the time of the value before it (trap F6).
func (w *writer) begin(t time.Time) {
	w.fresh = true
	if w.ul {
		w.buf = t.UTC().AppendFormat(w.buf, timeLayout)
		return
	}
	w.buf = append(w.buf, '{')
}

func (w *writer) end(t time.Time) {
	if w.ul {
		return
	}
	w.buf = append(w.buf, `,"TimeInstant":"`...)
	w.buf = t.UTC().AppendFormat(w.buf, timeLayout)
	w.buf = append(w.buf, `"}`...)
}

func (w *writer) values(g group) {
	for i := range g {
		w.name(g[i].Datastream.Property.Name)
		w.buf = appendValue(w.buf, value(&g[i]))
	}
}

// keys writes what says which observations these are, and how good they are.
func (w *writer) keys(epoch agent.Epoch, g group, before shown) {
	o := &g[0]
	if len(g) != before.count {
		w.uint("count", uint64(len(g)))
	}
	w.uint("seq", g.seq())
	w.epoch(epoch)
	if o.Quality != 0 || before.quality != 0 || !before.known {
		w.text("quality", o.Quality.String())
	}
	if o.Span != 0 || before.span != 0 || !before.known {
		w.seconds("span", o.Span)
	}
	if o.Boot != 0 || before.boot != 0 || !before.known {
		w.uint("boot", uint64(o.Boot))
		mono := o.Mono
		if o.Boot == 0 {
			mono = 0
		}
		w.seconds("mono", mono)
	}
}

// epoch has an x before it in Ultralight, where a text of digits is a number.
func (w *writer) epoch(e agent.Epoch) {
	if w.ul {
		w.text("epoch", "x"+e.String())
		return
	}
	w.text("epoch", e.String())
}

func (w *writer) name(s string) {
	if w.ul {
		w.buf = append(append(append(w.buf, '|'), s...), '|')
		return
	}
	if !w.fresh {
		w.buf = append(w.buf, ',')
	}
	w.fresh = false
	w.buf = append(append(append(w.buf, '"'), s...), '"', ':')
}

// text writes one of our own texts, which have nothing in them to escape.
func (w *writer) text(name, s string) {
	w.name(name)
	if w.ul {
		w.buf = append(w.buf, s...)
		return
	}
	w.buf = append(append(append(w.buf, '"'), s...), '"')
}

func (w *writer) uint(name string, n uint64) {
	w.name(name)
	w.buf = strconv.AppendUint(w.buf, n, 10)
}

func (w *writer) seconds(name string, d time.Duration) {
	w.name(name)
	w.buf = appendValue(w.buf, d.Seconds())
}

// value is an observation's in the unit that the Smart Data Models have for the
// attribute: relative humidity is 0 to 1 there (trap F12).
func value(o *agent.Observation) float64 {
	p := o.Datastream.Property
	if p.Unit != "%" { // no other is scaled, and to look them up takes longer
		return o.Value
	}
	t, ok := vocabulary.Of(p)
	if !ok || t.Scale == 1 {
		return o.Value
	}
	return agent.Round(o.Value*t.Scale, min(o.Datastream.Resolution+2, 9))
}

// appendValue appends a finite number in the forms that encoding/json chooses.
func appendValue(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// forbidden are the characters a context broker takes in no text, those that
// separate Ultralight, and those that JSON escapes.
const forbidden = "<>\"'=;()|#%\\"

// escape writes a text so that a platform takes it as it is: URL-decoded, it is
// the text again.
func escape(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		if c < ' ' || strings.IndexByte(forbidden, c) >= 0 {
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
