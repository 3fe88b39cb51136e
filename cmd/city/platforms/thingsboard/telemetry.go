package thingsboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// connect makes a device with a profile.
func (d *Double) connect(payload []byte) error {
	var m struct{ Device, Type string }
	if err := json.Unmarshal(payload, &m); err != nil || m.Device == "" {
		return fmt.Errorf("%w: connect", errMalformed)
	}
	if _, ok := d.devices[m.Device]; !ok && m.Type != "" {
		d.of(m.Device).profile = m.Type
	}
	d.of(m.Device)
	return nil
}

func (d *Double) attributes(payload []byte) error {
	var all map[string]map[string]Value
	if err := json.Unmarshal(payload, &all); err != nil {
		return fmt.Errorf("%w: attributes", errMalformed)
	}
	for name, values := range all {
		maps.Copy(d.of(name).attributes, values)
	}
	return nil
}

// An entry is what a device has at one time.
type entry struct {
	device string
	ts     int64
	values map[string]Value
}

// telemetry takes a message of devices and their entries, all of it or none.
func (d *Double) telemetry(payload []byte) error {
	var all map[string]Value
	if err := json.Unmarshal(payload, &all); err != nil {
		return fmt.Errorf("%w: telemetry", errMalformed)
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !bytes.HasPrefix(bytes.TrimSpace(all[name]), []byte("[")) {
			d.log().Warn("no array of entries: skipped", "device", name)
			continue
		}
		of, err := readEntries(name, all[name])
		if err != nil {
			return err
		}
		entries = append(entries, of...)
	}
	for _, e := range entries {
		if d.faults.Poison != nil && d.faults.Poison(e.device, e.values) {
			return desk.ErrAckAndEnd
		}
	}
	var keys []desk.Keys
	var save []any
	for _, e := range entries {
		if k, ok := d.keysOf(e); ok {
			keys = append(keys, k)
		}
		save = append(save, saved{e.device, e.ts, e.values})
	}
	if err := d.book.Count(keys, save...); err != nil {
		return err
	}
	for _, e := range entries {
		d.keep(e)
	}
	return nil
}

// readEntries reads the entries of a device. One without both ts and values is
// values at the time of arrival.
func readEntries(name string, text []byte) ([]entry, error) {
	var list []map[string]Value
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%w: entries of %s", errMalformed, name)
	}
	var all []entry
	for _, m := range list {
		e := entry{device: name, ts: time.Now().UnixMilli(), values: m}
		ts, timed := m["ts"]
		values, ok := m["values"]
		if timed && ok {
			e.values = nil
			if json.Unmarshal(ts, &e.ts) != nil || json.Unmarshal(values, &e.values) != nil {
				return nil, fmt.Errorf("%w: an entry of %s", errMalformed, name)
			}
		}
		for key, v := range e.values {
			if string(v) == "null" {
				delete(e.values, key)
			} else if err := number(v); err != nil {
				return nil, fmt.Errorf("%w: %s of %s: %w", errMalformed, key, name, err)
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// number refuses numbers that the platform cannot read: of more than 16 decimals,
// and whole ones beyond 64 bits.
func number(v Value) error {
	text := string(v)
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return nil // something else
	}
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	_, decimals, broken := strings.Cut(mantissa, ".")
	if broken || scientific {
		shift, _ := new(big.Int).SetString(strings.TrimPrefix(exponent, "+"), 10)
		scale := big.NewInt(int64(len(decimals)))
		if shift != nil {
			scale.Sub(scale, shift)
		}
		if scale.Cmp(big.NewInt(16)) > 0 {
			return fmt.Errorf("more than 16 decimals")
		}
		return nil
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || !n.IsInt64() {
		return fmt.Errorf("not of 64 bits")
	}
	return nil
}

// keep writes the rows of an entry and shows its values to people.
func (d *Double) keep(e entry) {
	dev := d.of(e.device)
	thing, sensor, _ := strings.Cut(e.device, ":")
	k, counted := d.keysOf(e)
	for key, v := range e.values {
		d.put(dev, key, e.ts, v)
		var value float64
		if !counted || isKey(key) || json.Unmarshal(v, &value) != nil {
			continue
		}
		var quality string
		_ = json.Unmarshal(e.values[key+"_quality"], &quality) // most have none
		d.book.Show(thing, desk.Record{Name: sensor + "/" + key, Time: time.UnixMilli(e.ts).UTC(), Value: value, Quality: quality, Epoch: k.Epoch, Seq: k.To})
	}
}

// isKey tells whether a value is none of a property.
func isKey(name string) bool {
	return slices.Contains([]string{"seq", "epoch", "boot", "mono"}, name) || strings.HasSuffix(name, "_quality") || strings.HasSuffix(name, "_span")
}

// keysOf returns which observations an entry is about.
func (d *Double) keysOf(e entry) (desk.Keys, bool) {
	var (
		seq   uint64
		epoch string
	)
	n := uint64(0)
	for key := range e.values {
		if !isKey(key) {
			n++
		}
	}
	if json.Unmarshal(e.values["seq"], &seq) != nil || json.Unmarshal(e.values["epoch"], &epoch) != nil ||
		n == 0 || n > seq || len(epoch) != 16 || strings.Trim(epoch, "0123456789abcdef") != "" {
		d.log().Warn("entry without keys", "device", e.device, "seq", seq, "epoch", epoch, "values", n)
		return desk.Keys{}, false
	}
	thing, _, _ := strings.Cut(e.device, ":")
	return desk.Keys{Thing: thing, Epoch: epoch, From: seq - n + 1, To: seq}, true
}

// own takes the telemetry of the gateway itself, in which notices are.
func (d *Double) own(client string, payload []byte) error {
	text := bytes.TrimSpace(payload)
	if bytes.HasPrefix(text, []byte("{")) {
		text = append(append([]byte("["), text...), ']')
	}
	entries, err := readEntries(client, text)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dev := d.of(e.device)
		for key, v := range e.values {
			d.put(dev, key, e.ts, v)
		}
		var thing string
		if json.Unmarshal(e.values["thing"], &thing) != nil {
			continue
		}
		n, err := desk.ReadNotice(e.values["notice"])
		if err != nil {
			d.log().Warn("notice not understood", "client", client, "err", err)
			continue
		}
		if err := d.book.Tell(thing, n); err != nil {
			return err
		}
	}
	return nil
}
