package ngsild

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// deviceOf returns the thing whose Device an id names.
func deviceOf(id string) (string, bool) {
	name, ok := strings.CutPrefix(id, "urn:ngsi-ld:Device:")
	if !ok {
		return "", false
	}
	thing, err := url.PathUnescape(name)
	return thing, err == nil
}

// owner finds the thing of an entity urn:ngsi-ld:<Type>:<thing>-<sensor>: the one
// that has a Device, with the longest name.
func (b *broker) owner(id string) (thing, rest string) {
	parts := strings.SplitN(id, ":", 4)
	name, err := url.PathUnescape(parts[len(parts)-1])
	if err != nil {
		return id, ""
	}
	for t := range b.things {
		if strings.HasPrefix(name, t+"-") && len(t) >= len(thing) {
			thing = t
		}
	}
	if thing == "" {
		return name, ""
	}
	return thing, name[len(thing)+1:]
}

// keys returns the keys of the observations in an entity, consecutive ones
// together, and shows the newest.
func (b *broker) keys(entity object) []desk.Keys {
	thing, rest := b.owner(text(entity["id"]))
	var all []desk.Keys
	for name, instances := range attributes(entity) {
		for _, i := range instances {
			k, ok := key(i)
			if !ok {
				continue
			}
			k.Thing = thing
			all = append(all, k)
			n, _ := i["value"].(json.Number)
			value, _ := n.Float64()
			quality, _ := inner(i, "quality").(string)
			b.book.Show(thing, desk.Record{
				Name: rest + "/" + name, Unit: text(i["unitCode"]), Time: moment(i["observedAt"]),
				Value: value, Quality: quality, Epoch: k.Epoch, Seq: k.From,
			})
		}
	}
	slices.SortFunc(all, func(x, y desk.Keys) int { return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.From, y.From)) })
	var joined []desk.Keys
	for _, k := range all {
		if n := len(joined); n > 0 && joined[n-1].Epoch == k.Epoch && joined[n-1].To+1 == k.From {
			joined[n-1].To = k.To
			continue
		}
		joined = append(joined, k)
	}
	return joined
}

// key reads the Properties seq and epoch of an instance.
func key(instance object) (desk.Keys, bool) {
	n, _ := inner(instance, "seq").(json.Number)
	seq, err := strconv.ParseUint(n.String(), 10, 53)
	epoch, _ := inner(instance, "epoch").(string)
	if err != nil || seq == 0 || len(epoch) != 16 || strings.Trim(epoch, "0123456789abcdef") != "" {
		return desk.Keys{}, false
	}
	return desk.Keys{Epoch: epoch, From: seq, To: seq}, true
}

// inner returns the value of a Property of an attribute.
func inner(a object, name string) any {
	p, _ := a[name].(object)
	return p["value"]
}
