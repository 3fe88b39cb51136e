package sparkplug

import (
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// anyNumber is the next number of a node that was not heard since the host began.
const anyNumber = -1

// A node is what the host knows of a gateway.
type node struct {
	name    string // group/node
	thing   string // by its birth
	next    int    // the number of the next message
	aliases map[uint64]target
	state   State
}

// A target is what an alias stands for.
type target struct {
	Device   string `json:"device"`
	Name     string `json:"name"`
	Datatype uint64 `json:"datatype"`
}

// A birth is a birth as it is saved: of the node, which ends all before, or of a
// device.
type birth struct {
	Node    string            `json:"node"`
	Device  string            `json:"device,omitempty"`
	Thing   string            `json:"thing,omitempty"`
	BdSeq   uint64            `json:"bdseq"`
	Aliases map[uint64]target `json:"aliases,omitempty"`
}

func (n *node) remember(b birth) {
	if b.Device == "" {
		n.thing, n.aliases = b.Thing, map[uint64]target{}
		n.state.BdSeq, n.state.Online = b.BdSeq, true
	}
	for alias, t := range b.Aliases {
		n.aliases[alias] = t
	}
}

func (n *node) show(m metric) Metric {
	out := Metric{
		Name: m.name, Resolved: m.name, Alias: m.alias, Aliased: m.aliased, Time: m.timestamp, Datatype: m.datatype,
		Historical: m.historical, Null: m.null, Value: m.value, Properties: map[string]any{}, Types: map[string]uint64{},
	}
	if t, ok := n.aliases[m.alias]; ok && m.aliased && m.name == "" {
		out.Resolved = t.Name
	}
	for key, p := range m.properties {
		out.Types[key] = p.datatype
		if out.Properties[key] = p.value; p.null {
			out.Properties[key] = nil
		}
	}
	return out
}

// take takes a message in, and tells whether the host lacks a birth.
func (n *node) take(book *desk.Book, e Event, p payload) (ask bool, err error) {
	switch e.Kind {
	case "NBIRTH":
		return false, n.bear(book, p)
	case "NDEATH":
		n.die(p)
		return false, nil
	}
	if !n.state.Online {
		n.state.Unknown++
		return true, nil
	}
	ask = n.count(p.seq)
	switch e.Kind {
	case "DBIRTH":
		return ask, n.bearDevice(book, e.Device, p)
	case "NDATA":
		unknown, err := n.notices(book, p)
		return ask || unknown, err
	case "DDATA":
		unknown, err := n.data(book, e.Device, p)
		return ask || unknown, err
	}
	return ask, nil
}

// count checks the number of a message.
func (n *node) count(seq int) (gap bool) {
	gap = seq < 0 || n.next != anyNumber && seq != n.next
	if gap {
		n.state.Gaps++
	}
	n.next = (seq + 1) & 0xff
	return gap
}

func (n *node) bear(book *desk.Book, p payload) error {
	b := birth{Node: n.name, Aliases: map[uint64]target{}}
	known := false
	for _, m := range p.metrics {
		if m.aliased {
			b.Aliases[m.alias] = target{Name: m.name, Datatype: m.datatype}
		}
		switch m.name {
		case "bdSeq":
			b.BdSeq, known = m.value.(uint64)
		case "Properties/Thing":
			b.Thing, _ = m.value.(string)
		}
	}
	if p.seq != 0 || !known {
		book.Log().Warn("NBIRTH not understood", "node", n.name, "seq", p.seq)
		return nil
	}
	if err := book.Count(nil, b); err != nil {
		return err
	}
	n.remember(b)
	n.next = 1
	n.state.Births++
	return nil
}

func (n *node) bearDevice(book *desk.Book, device string, p payload) error {
	b := birth{Node: n.name, Device: device, Aliases: map[uint64]target{}}
	for _, m := range p.metrics {
		b.Aliases[m.alias] = target{device, m.name, m.datatype}
	}
	if err := book.Count(nil, b); err != nil {
		return err
	}
	n.remember(b)
	for _, m := range p.metrics {
		n.state.Current[device+"/"+m.name] = n.show(m)
	}
	return nil
}

// die takes a death in: that of an earlier session counts for nothing.
func (n *node) die(p payload) {
	if len(p.metrics) != 1 || p.metrics[0].name != "bdSeq" {
		return
	}
	if number, ok := p.metrics[0].value.(uint64); ok && n.state.Online && number == n.state.BdSeq {
		n.state.Online = false
		n.state.Deaths++
	}
}

// notices takes what the node itself tells, by the name or the alias of the metric.
func (n *node) notices(book *desk.Book, p payload) (unknown bool, err error) {
	for _, m := range p.metrics {
		if t, ok := n.aliases[m.alias]; m.aliased && ok && t.Device == "" {
			m.name = t.Name
		}
		if m.name == "" {
			n.state.Unknown++
			unknown = true
		}
		text, ok := m.value.(string)
		if m.name != "Notice" || !ok {
			continue
		}
		notice, err := desk.ReadNotice([]byte(text))
		if err != nil {
			book.Log().Warn("notice not understood", "node", n.name, "err", err)
			continue
		}
		if err := book.Tell(n.thing, notice); err != nil {
			return unknown, err
		}
	}
	return unknown, nil
}

// data counts the observations of a message, all that have a key and an alias
// that a birth has told of.
func (n *node) data(book *desk.Book, device string, p payload) (unknown bool, err error) {
	var received []desk.Keys
	for _, m := range p.metrics {
		t, ok := n.aliases[m.alias]
		if !ok || !m.aliased || t.Device != device {
			n.state.Unknown++
			unknown = true
			continue
		}
		k, err := n.key(m)
		if err != nil {
			book.Log().Warn("metric not understood", "node", n.name, "device", device, "metric", t.Name, "err", err)
			continue
		}
		if last := len(received) - 1; last >= 0 && received[last].To+1 == k.From && received[last].Thing == k.Thing && received[last].Epoch == k.Epoch {
			received[last].To = k.To
		} else {
			received = append(received, k)
		}
		n.see(book, device+"/"+t.Name, m, k)
	}
	return unknown, book.Count(received)
}

func (n *node) key(m metric) (desk.Keys, error) {
	seq, ok := m.properties["seq"].value.(uint64)
	epoch, ok2 := m.properties["epoch"].value.(string)
	if !ok || !ok2 || seq == 0 || len(epoch) != 16 {
		return desk.Keys{}, errors.New("no key")
	}
	if m.timestamp == 0 || m.value == nil {
		return desk.Keys{}, fmt.Errorf("seq %d: no time or no value", seq)
	}
	thing := n.thing
	if other, ok := m.properties["thing"].value.(string); ok {
		thing = other
	}
	return desk.Keys{Thing: thing, Epoch: epoch, From: seq, To: seq}, nil
}

// see shows a value, and takes it for the current one if it is not historical.
func (n *node) see(book *desk.Book, name string, m metric, k desk.Keys) {
	if m.historical {
		n.state.Historical++
		return
	}
	n.state.Live++
	n.state.Current[name] = n.show(m)
	v, ok := m.value.(float64)
	if whole, is := m.value.(uint64); is {
		v, ok = float64(int64(whole)), true
	}
	if yes, is := m.value.(bool); is {
		if ok = true; yes {
			v = 1
		}
	}
	if !ok {
		return
	}
	quality, _ := m.properties["qualityReasons"].value.(string)
	book.Show(k.Thing, desk.Record{Name: name, Time: time.UnixMilli(int64(m.timestamp)).UTC(), Value: v, Quality: quality, Epoch: k.Epoch, Seq: k.From})
}
