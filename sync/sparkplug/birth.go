package sparkplug

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// learn makes metrics of datastreams, of devices that are unborn then. A sensor
// that cannot be a device is left out: its observations are refused.
func (c *city) learn(streams []*agent.Datastream) {
	var fresh []*device
	for _, ds := range streams {
		if c.metrics[ds.ID] != nil || checkID("sensor", ds.Sensor) != nil {
			continue
		}
		d := c.byName[ds.Sensor]
		if d == nil {
			d = &device{id: ds.Sensor, order: len(c.devices)}
			c.byName[ds.Sensor] = d
			c.devices = append(c.devices, d)
		}
		m := newMetric(d, ds)
		c.metrics[ds.ID] = m
		d.metrics = append(d.metrics, m)
		if !d.unborn {
			d.unborn = true
			fresh = append(fresh, d)
		}
	}
	for _, d := range fresh {
		d.name(c.thing.ID)
	}
}

// name gives the metrics their names: of a property that has several
// datastreams, as its unit or its thing has changed, the newest has the bare one.
func (d *device) name(thing string) {
	slices.SortFunc(d.metrics, func(x, y *metric) int { return cmp.Compare(x.alias, y.alias) })
	taken := make(map[string]bool)
	for _, m := range slices.Backward(d.metrics) {
		p := m.stream.Property
		m.name = p.Name
		if taken[m.name] {
			m.name = fmt.Sprintf("%s (%s)", p.Name, strings.Join([]string{p.Unit, p.Kind.String(), cmp.Or(m.stream.Thing, thing)}, ", "))
		}
		if taken[m.name] {
			m.name = fmt.Sprintf("%s (%d)", p.Name, m.alias)
		}
		taken[m.name] = true
	}
}

// unborn tells whether no birth has told of a datastream.
func (c *city) unborn(ds *agent.Datastream) bool {
	m := c.metrics[ds.ID]
	return m != nil && m.device.unborn
}

// show notes what a host is to see of a datastream, unless it saw newer.
func (c *city) show(o *agent.Observation) {
	if unsayable(o) != "" {
		return
	}
	if m := c.metrics[o.Datastream.ID]; m != nil && m.shows(o) {
		m.current = *o
	}
}

// births sends all births: of the node, then of its devices. The numbers begin
// anew.
func (c *city) births(ctx context.Context) error {
	err := c.allBirths(ctx)
	if err != nil {
		c.reborn.Store(true) // the hosts may know half of the node
	}
	return err
}

func (c *city) allBirths(ctx context.Context) error {
	c.seq = 0
	for _, d := range c.devices {
		d.unborn = true
	}
	c.startPayload()
	c.appendNode(time.Now())
	if err := c.send(ctx, c.node.topic("NBIRTH", "")); err != nil {
		return err
	}
	c.born = true
	for _, d := range c.devices {
		if err := c.birth(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// birth sends the birth of a device.
func (c *city) birth(ctx context.Context, d *device) error {
	c.startPayload()
	at := time.Now()
	for _, m := range d.metrics {
		c.buf = m.appendBirth(c.buf, at)
	}
	if err := c.send(ctx, c.node.topic("DBIRTH", d.id)); err != nil {
		return err
	}
	d.unborn = false
	return nil
}

// appendNode appends the metrics of the node.
func (c *city) appendNode(at time.Time) {
	c.buf = appendNumber(c.buf, at, c.number)
	dst, start := appendNamed(c.buf, rebirthName, at, vocabulary.SparkplugBoolean)
	c.buf = end(appendUint(dst, metricBoolean, 0), start)
	c.appendText(noticeName, c.notice, at, noticeAlias)
	c.appendText(thingName, c.thing.ID, at, 0)
	c.appendText(titleName, c.thing.Name, at, 0)
	c.appendText(placeName, strings.Trim(fmt.Sprint(c.thing.Location), "[]"), at, 0)
}

// appendText appends a metric of the node that is a text, or null without one.
// One that is sent again has an alias.
func (c *city) appendText(name, text string, at time.Time, alias uint64) {
	dst, start := appendNamed(c.buf, name, at, vocabulary.SparkplugString)
	if alias != 0 {
		dst = appendUint(dst, metricAlias, alias)
	}
	if text == "" {
		dst = appendUint(dst, metricNull, 1)
	} else {
		dst = appendString(dst, metricString, text)
	}
	c.buf = end(dst, start)
}

func appendNamed(dst []byte, name string, at time.Time, datatype uint64) ([]byte, int) {
	dst, start := begin(dst, payloadMetric)
	dst = appendString(dst, metricName, name)
	dst = appendUint(dst, metricTimestamp, uint64(at.UnixMilli()))
	return appendUint(dst, metricDatatype, datatype), start
}

// appendNumber appends the number of the session, the same in the births and in
// the death of it.
func appendNumber(dst []byte, at time.Time, number uint8) []byte {
	dst, start := appendNamed(dst, bdSeqName, at, vocabulary.SparkplugInt64)
	return end(appendUint(dst, metricLong, uint64(number)), start)
}

// deathPayload is what the broker publishes when the node is gone: it has no
// seq.
func deathPayload(number uint8) []byte {
	at := time.Now()
	return appendNumber(appendUint(nil, payloadTimestamp, uint64(at.UnixMilli())), at, number)
}
