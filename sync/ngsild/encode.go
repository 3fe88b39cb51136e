package ngsild

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// layout is how NGSI-LD writes a time (GS CIM 009, 4.6.3), with milliseconds.
const layout = "2006-01-02T15:04:05.000Z"

// unsayable returns why an observation can never be sent, or "".
func unsayable(o *agent.Observation) string {
	if why := uplink.Unsayable(o); why != "" {
		return why
	}
	if o.Time.Year() < 1 || o.Time.Year() > 9999 {
		return "the time has no text of four digits for the year"
	}
	return ""
}

// appendInstance appends an observation as an instance of its attribute.
func appendInstance(dst []byte, p *placed) []byte {
	o, v := &p.o, p.o.Value
	if p.scale != 1 {
		v = agent.Round(v*p.scale, p.digits)
	}
	dst = append(dst, `{"type":"Property","value":`...)
	dst = appendNumber(dst, v)
	if p.unit != "" {
		dst = append(append(append(dst, `,"unitCode":"`...), p.unit...), '"')
	}
	dst = append(dst, `,"observedAt":"`...)
	dst = o.Time.UTC().AppendFormat(dst, layout)
	dst = append(dst, `","seq":{"type":"Property","value":`...)
	dst = append(strconv.AppendUint(dst, o.Seq, 10), '}')
	if p.epoch != 0 {
		dst = append(dst, `,"epoch":{"type":"Property","value":"`...)
		dst = append(append(dst, p.epoch.String()...), `"}`...)
	}
	if o.Quality != 0 {
		dst = append(dst, `,"quality":{"type":"Property","value":"`...)
		dst = append(append(dst, o.Quality.String()...), `"}`...)
	}
	if o.Span != 0 {
		dst = appendSeconds(dst, "span", o.Span)
	}
	if o.Boot != 0 {
		dst = append(dst, `,"boot":{"type":"Property","value":`...)
		dst = append(strconv.AppendUint(dst, uint64(o.Boot), 10), '}')
		dst = appendSeconds(dst, "mono", o.Mono)
	}
	return append(dst, '}')
}

func appendSeconds(dst []byte, name string, d time.Duration) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":{"type":"Property","unitCode":"SEC","value":`...)
	return append(appendNumber(dst, d.Seconds()), '}')
}

// appendNumber appends a finite number that reads back as the same float64.
func appendNumber(dst []byte, v float64) []byte {
	if v == 0 {
		return append(dst, '0') // a scaled -0 has no text of its own
	}
	if a := math.Abs(v); a < 1e-6 || a >= 1e21 {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// A placed observation has its place found. epoch is 0 where nobody knows it: what
// is shown is not always what is delivered.
type placed struct {
	*place
	o     agent.Observation
	epoch agent.Epoch
}

// appendHistory appends the observations of one entity in the temporal form: an
// array of instances for each attribute.
func appendHistory(dst []byte, context string, obs []placed) []byte {
	dst = appendHead(dst, context, obs[0].place)
	var done []string
	for i := range obs {
		name := obs[i].attribute
		if slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		sep := byte('[')
		for j := i; j < len(obs); j++ {
			if obs[j].attribute == name {
				dst = appendInstance(append(dst, sep), &obs[j])
				sep = ','
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendHead(dst []byte, context string, p *place) []byte {
	dst = append(dst, '{')
	if context != "" {
		dst = append(append(append(dst, `"@context":`...), context...), ',')
	}
	dst = append(append(dst, `"id":"`...), p.entity...)
	return append(append(append(dst, `","type":"`...), p.model...), '"')
}
