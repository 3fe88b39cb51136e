package thingsboard

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// maxBytes is less than a message may have: 65,536 with all headers.
const maxBytes = 60_000

// The names that are no properties.
const (
	qualitySuffix = "_quality"
	spanSuffix    = "_span"
)

var keys = map[string]bool{"seq": true, "epoch": true, "boot": true, "mono": true, "notice": true, "thing": true}

// deviceName names the device of a sensor. Neither id has a colon.
func deviceName(thing, sensor string) string { return thing + ":" + sensor }

// A series is what a batch has of one device, in Seq order.
type series struct {
	device string
	obs    []agent.Observation
}

// split sorts a batch by device, without what can never be sent.
func split(obs []agent.Observation, thing string) (all []*series, refused map[uint64]string) {
	byDevice := make(map[string]*series)
	refused = make(map[uint64]string)
	for i := range obs {
		o := &obs[i]
		if why := unsayable(o); why != "" {
			refused[o.Seq] = why
			continue
		}
		of := o.Datastream.Thing
		if of == "" {
			of = thing
		}
		name := deviceName(of, o.Datastream.Sensor)
		s, ok := byDevice[name]
		if !ok {
			s = &series{device: name}
			byDevice[name] = s
			all = append(all, s)
		}
		s.obs = append(s.obs, *o)
	}
	return all, refused
}

// unsayable returns why an observation can never be sent, or "".
func unsayable(o *agent.Observation) string {
	if why := uplink.Unsayable(o); why != "" {
		return why
	}
	switch {
	case math.Abs(o.Value) >= 1<<63:
		return "the value is too large for ThingsBoard"
	case o.Time.UnixMilli() <= 0:
		return "its time is before 1970"
	}
	return ""
}

// perObservation is about how many bytes an observation takes.
const perObservation = 60

// A packer cuts batches into messages.
type packer struct {
	epoch    agent.Epoch
	messages [][]byte
	buf      []byte // the message at work
	device   string // whose list is open in it, or ""
	likely   int    // bytes of the batch
}

// pack returns the messages of a batch. Entries are never cut.
func pack(epoch agent.Epoch, all []*series) [][]byte {
	p := &packer{epoch: epoch}
	for _, s := range all {
		p.likely += len(s.device) + perObservation*len(s.obs)
	}
	var entry []byte
	for _, s := range all {
		for rest := s.obs; len(rest) > 0; {
			n := instant(rest)
			entry = p.appendEntry(entry[:0], rest[:n])
			p.add(s.device, entry)
			rest = rest[n:]
		}
	}
	p.finish()
	return p.messages
}

// instant returns how many observations from the front of obs are one entry.
func instant(obs []agent.Observation) int {
	first := &obs[0]
	for i := 1; i < len(obs); i++ {
		o := &obs[i]
		if o.Seq != obs[i-1].Seq+1 || o.Time.UnixMilli() != first.Time.UnixMilli() || o.Boot != first.Boot || o.Mono != first.Mono ||
			slices.ContainsFunc(obs[:i], func(x agent.Observation) bool { return x.Datastream.Property.Name == o.Datastream.Property.Name }) {
			return i
		}
	}
	return len(obs)
}

// add puts an entry into the message, or into a new one if there is no room.
func (p *packer) add(device string, entry []byte) {
	if len(p.buf)+len(device)+len(entry)+len(`],"":[]}`) > maxBytes {
		p.finish()
	}
	switch {
	case len(p.buf) == 0:
		p.buf = append(make([]byte, 0, min(maxBytes, p.likely+len(entry))), `{"`...)
	case p.device == device:
		p.buf = append(p.buf, ',')
	default:
		p.buf = append(p.buf, `],"`...)
	}
	if p.device != device {
		p.buf = append(append(p.buf, device...), `":[`...)
		p.device = device
	}
	p.buf = append(p.buf, entry...)
}

func (p *packer) finish() {
	if len(p.buf) > 0 {
		p.messages = append(p.messages, append(p.buf, `]}`...))
	}
	p.buf, p.device = nil, ""
}

// appendEntry appends the values of one instant. ts and values are both there,
// always: without, ThingsBoard puts its own time.
func (p *packer) appendEntry(dst []byte, obs []agent.Observation) []byte {
	last := &obs[len(obs)-1]
	dst = append(dst, `{"ts":`...)
	dst = strconv.AppendInt(dst, last.Time.UnixMilli(), 10)
	dst = append(dst, `,"values":{`...)
	for i := range obs {
		o := &obs[i]
		name := o.Datastream.Property.Name
		dst = appendNumber(appendKey(dst, name, ""), o.Value)
		if o.Quality != 0 {
			dst = append(appendKey(append(dst, ','), name, qualitySuffix), '"')
			dst = append(append(dst, o.Quality.String()...), '"')
		}
		if o.Span != 0 {
			dst = appendNumber(appendKey(append(dst, ','), name, spanSuffix), o.Span.Seconds())
		}
		dst = append(dst, ',')
	}
	dst = append(dst, `"seq":`...)
	dst = strconv.AppendUint(dst, last.Seq, 10)
	dst = append(dst, `,"epoch":"`...)
	dst = append(append(dst, p.epoch.String()...), '"')
	if last.Boot != 0 {
		dst = append(dst, `,"boot":`...)
		dst = strconv.AppendUint(dst, uint64(last.Boot), 10)
		dst = append(dst, `,"mono":`...)
		dst = appendNumber(dst, last.Mono.Seconds())
	}
	return append(dst, `}}`...)
}

func appendKey(dst []byte, name, suffix string) []byte {
	dst = append(append(dst, '"'), name...)
	return append(append(dst, suffix...), '"', ':')
}

// maxScale is how many decimals ThingsBoard reads: more are an error to it.
const maxScale = 16

// appendNumber appends a finite number, with the fewest decimals that it is told
// from its neighbours by, if ThingsBoard takes so many.
func appendNumber(dst []byte, v float64) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if point := bytes.IndexByte(dst[start:], '.'); point >= 0 && len(dst)-start-point-1 > maxScale {
		return strconv.AppendFloat(dst[:start], v, 'f', maxScale, 64)
	}
	return dst
}
