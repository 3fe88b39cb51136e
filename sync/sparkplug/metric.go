package sparkplug

import (
	"cmp"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// Names of metrics and properties. Quality and engUnit are those that hosts
// know (specification, 6.4.9, and custom); the others are Lamppost's own.
const (
	bdSeqName   = "bdSeq"
	rebirthName = "Node Control/Rebirth"
	noticeName  = "Notice"
	thingName   = "Properties/Thing"
	titleName   = "Properties/Name"
	placeName   = "Properties/Location"

	qualityKey = "Quality"
	unitKey    = "engUnit"
	seqKey     = "seq"
	epochKey   = "epoch"
	thingKey   = "thing"
	reasonsKey = "qualityReasons"
	spanKey    = "spanNs"
	bootKey    = "boot"
	monoKey    = "monoNs"
)

// noticeAlias is beyond the ids of datastreams, which are the other aliases.
const noticeAlias = 1 << 32

// The values of Quality (specification, 6.4.9).
const (
	qualityBad  = 0
	qualityGood = 192
)

// doubtful are the reasons that make a value bad. The others say something of its
// time or its making, and leave the value as good as any: hosts throw bad ones
// away.
const doubtful = agent.Suspect | agent.OutOfRange | agent.Stuck | agent.Jump | agent.WarmUp | agent.Saturated | agent.Degraded | agent.LowPower

func qualityOf(q agent.Quality) uint64 {
	if q&doubtful != 0 {
		return qualityBad
	}
	return qualityGood
}

// A metric is a datastream as the host knows it.
type metric struct {
	device   *device
	stream   *agent.Datastream
	name     string
	alias    uint64
	datatype uint64
	unit     string

	current agent.Observation // the newest that was said to the host; none if its Seq is 0
}

// A device is a sensor.
type device struct {
	id      string
	order   int // among the devices of the node
	metrics []*metric
	unborn  bool // has metrics that no birth has told of
}

func newMetric(d *device, ds *agent.Datastream) *metric {
	return &metric{
		device: d, stream: ds, alias: uint64(ds.ID), datatype: uint64(vocabulary.SparkplugType(ds.Property.Kind)), unit: unitOf(ds.Property),
	}
}

// shows tells whether an observation that comes live may take the place of the
// current one: a clock that was set since moves times back.
func (m *metric) shows(o *agent.Observation) bool {
	return !o.Time.Before(m.current.Time) || m.current.Boot != 0 && o.Boot == 0
}

// unitOf returns the symbol that people read, or "" for bare numbers.
func unitOf(p agent.Property) string {
	if p.Unit == "1" {
		return ""
	}
	if t, ok := vocabulary.Of(p); ok {
		return t.Unit.Symbol
	}
	return p.Unit
}

// unsayable returns why an observation can never be sent, or "".
func unsayable(o *agent.Observation) string {
	if why := uplink.Unsayable(o); why != "" {
		return why
	}
	switch {
	case o.Time.UnixMilli() < 0:
		return "the time is before 1970"
	case checkID("sensor", o.Datastream.Sensor) != nil:
		return "the name of the sensor cannot be part of a topic"
	}
	whole := o.Value == math.Trunc(o.Value)
	switch o.Datastream.Property.Kind {
	case agent.Count:
		if !whole || math.Abs(o.Value) > 1<<53 {
			return "the count is no whole number"
		}
	case agent.State:
		if !whole || math.Abs(o.Value) > math.MaxInt32 {
			return "the state is no index"
		}
	}
	return ""
}

// appendValue appends a value in the field of its datatype.
func appendValue(dst []byte, datatype uint64, v float64) []byte {
	switch datatype {
	case vocabulary.SparkplugInt64:
		return appendUint(dst, metricLong, uint64(int64(v)))
	case vocabulary.SparkplugBoolean:
		if v != 0 {
			return appendUint(dst, metricBoolean, 1)
		}
		return appendUint(dst, metricBoolean, 0)
	case vocabulary.SparkplugInt32:
		return appendUint(dst, metricInt, uint64(uint32(int32(v))))
	}
	return appendDouble(dst, metricDouble, v)
}

// appendPropertyNumber appends a key of a PropertySet and its value: such sets
// are written with keys and values in turn, and read as two arrays.
func appendPropertyNumber(dst []byte, key string, datatype byte, n uint64) []byte {
	tag := byte(propertyLong)
	if datatype == vocabulary.SparkplugInt32 {
		tag = propertyInt
	}
	dst = appendString(dst, setKey, key)
	dst, start := begin(dst, setValue)
	dst = append(dst, propertyType, datatype)
	return end(appendUint(dst, tag, n), start)
}

func appendPropertyString(dst []byte, key, s string) []byte {
	dst = appendString(dst, setKey, key)
	dst, start := begin(dst, setValue)
	dst = append(dst, propertyType, vocabulary.SparkplugString)
	return end(appendString(dst, propertyString, s), start)
}

// appendPropertyNull announces a property that only data have.
func appendPropertyNull(dst []byte, key string, datatype byte) []byte {
	dst = appendString(dst, setKey, key)
	dst, start := begin(dst, setValue)
	return end(append(dst, propertyType, datatype, propertyNull, 1), start)
}

// appendBirth appends a metric of a birth certificate: all there is to know of
// it, with its current value. seq and epoch are announced without a value:
// a birth delivers nothing.
func (m *metric) appendBirth(dst []byte, now time.Time) []byte {
	dst, start := begin(dst, payloadMetric)
	dst = appendString(dst, metricName, m.name)
	dst = appendUint(dst, metricAlias, m.alias)
	known := m.current.Seq != 0
	if known {
		now = m.current.Time
	}
	dst = appendUint(dst, metricTimestamp, uint64(now.UnixMilli()))
	dst = appendUint(dst, metricDatatype, m.datatype)
	if !known {
		dst = appendUint(dst, metricNull, 1)
	}
	quality := uint64(qualityBad)
	if known {
		quality = qualityOf(m.current.Quality)
	}
	dst, set := begin(dst, metricProperties)
	dst = appendPropertyNumber(dst, qualityKey, vocabulary.SparkplugInt32, quality)
	if m.unit != "" {
		dst = appendPropertyString(dst, unitKey, m.unit)
	}
	dst = appendPropertyNull(dst, seqKey, vocabulary.SparkplugUInt64)
	dst = appendPropertyNull(dst, epochKey, vocabulary.SparkplugString)
	if m.current.Quality != 0 {
		dst = appendPropertyString(dst, reasonsKey, m.current.Quality.String())
	}
	dst = end(dst, set)
	if known {
		dst = appendValue(dst, m.datatype, m.current.Value)
	}
	return end(dst, start)
}

// appendData appends an observation as a metric of a DDATA message.
func (m *metric) appendData(dst []byte, o *agent.Observation, k *keys, historical bool) []byte {
	dst, start := begin(dst, payloadMetric)
	dst = appendUint(dst, metricAlias, m.alias)
	dst = appendUint(dst, metricTimestamp, uint64(o.Time.UnixMilli()))
	if k.datatypes {
		dst = appendUint(dst, metricDatatype, m.datatype)
	}
	if historical {
		dst = appendUint(dst, metricHistorical, 1)
	}
	dst, set := begin(dst, metricProperties)
	dst = appendPropertyNumber(dst, qualityKey, vocabulary.SparkplugInt32, qualityOf(o.Quality))
	dst = appendPropertyNumber(dst, seqKey, vocabulary.SparkplugUInt64, o.Seq)
	dst = appendPropertyString(dst, epochKey, k.epoch)
	dst = k.appendDoubt(dst, o)
	dst = end(dst, set)
	return end(appendValue(dst, m.datatype, o.Value), start)
}

// keys are what the observations of a batch have in common.
type keys struct {
	thing     string // of the node
	epoch     string
	datatypes bool
}

// appendDoubt appends the properties that only some observations have.
func (k *keys) appendDoubt(dst []byte, o *agent.Observation) []byte {
	if thing := cmp.Or(o.Datastream.Thing, k.thing); thing != k.thing {
		dst = appendPropertyString(dst, thingKey, thing)
	}
	if o.Quality != 0 {
		dst = appendPropertyString(dst, reasonsKey, o.Quality.String())
	}
	if o.Span != 0 {
		dst = appendPropertyNumber(dst, spanKey, vocabulary.SparkplugInt64, uint64(o.Span))
	}
	if o.Boot != 0 {
		dst = appendPropertyNumber(dst, bootKey, vocabulary.SparkplugUInt64, uint64(o.Boot))
		dst = appendPropertyNumber(dst, monoKey, vocabulary.SparkplugInt64, uint64(o.Mono))
	}
	return dst
}
