package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// place is where something stands in the file: the path to its key, and what
// people call the table it is in.
type place struct {
	path string // "sensor.0.address"
	name string // `sensor "roof-air"`
}

func (p place) key(key string) place {
	if p.path != "" {
		key = p.path + "." + key
	}
	return place{key, p.name}
}

func (p place) element(key string, i int) place { return p.key(key).key(strconv.Itoa(i)) }

func (p place) named(kind, name string) place {
	if name == "" {
		return p
	}
	return place{p.path, fmt.Sprintf("%s %q", kind, name)}
}

// decoder turns the file's tables into structs and collects the mistakes.
type decoder struct {
	file  string
	tree  map[string]any
	lines map[string]int // by path
	found []mistake
	wrong map[string]bool   // paths of values of the wrong type
	lined map[string]string // what is at a pin or port: the sensor
	parts []busPart         // what is on buses
}

type mistake struct {
	line int
	text string
}

func newDecoder(file string, data []byte) (*decoder, error) {
	d := &decoder{file: file, tree: make(map[string]any), lines: make(map[string]int), wrong: make(map[string]bool), lined: make(map[string]string)}
	if err := toml.Unmarshal(data, &d.tree); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return nil, fmt.Errorf("%s:%d: %s", file, line, strings.TrimPrefix(at.Error(), "toml: "))
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	d.index(data)
	return d, nil
}

// index notes the line of every key. The file has been parsed: it has no
// mistakes of syntax.
func (d *decoder) index(data []byte) {
	var p unstable.Parser
	p.Reset(data)
	var prefix string
	elements := make(map[string]int) // of arrays of tables, so far
	for p.NextExpression() {
		e := p.Expression()
		path, base := "", ""
		if e.Kind == unstable.KeyValue {
			base = prefix
		}
		line := 0
		for keys := e.Key(); keys.Next(); {
			key := keys.Node()
			line = p.Shape(key.Raw).Start.Line
			path = place{path: base}.key(string(key.Data)).path
			base = path
			if n, ok := elements[path]; ok && !(e.Kind == unstable.ArrayTable && keys.IsLast()) {
				base = path + "." + strconv.Itoa(n-1)
			}
		}
		switch e.Kind {
		case unstable.ArrayTable:
			prefix = path + "." + strconv.Itoa(elements[path])
			elements[path]++
			d.lines[prefix] = line
		case unstable.Table:
			prefix = base
			d.lines[prefix] = line
		case unstable.KeyValue:
			d.lines[path] = line
		}
	}
}

// line returns the line of a path, or of the innermost table around it.
func (d *decoder) line(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path, _, _ = cutLast(path)
	}
	return 0
}

func cutLast(path string) (before, after string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

func (d *decoder) mistake(at place, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if at.name != "" {
		text = at.name + ": " + text
	}
	d.found = append(d.found, mistake{d.line(at.path), text})
}

// mistakes notes each line of an error.
func (d *decoder) mistakes(at place, err error) {
	if err == nil {
		return
	}
	for text := range strings.SplitSeq(err.Error(), "\n") {
		// `address 0x50: …` and `pin: …` stand at those keys.
		where := at
		if key, _, ok := strings.Cut(text, " "); ok && d.lines[at.key(strings.TrimSuffix(key, ":")).path] != 0 {
			where = at.key(strings.TrimSuffix(key, ":"))
		}
		if !d.wrong[where.path] { // else its value was not even read
			d.mistake(where, "%s", text)
		}
	}
}

// err returns all mistakes, in the order of their lines, or nil.
func (d *decoder) err() error {
	slices.SortStableFunc(d.found, func(x, y mistake) int { return x.line - y.line })
	var errs []error
	for _, m := range d.found {
		if m.line > 0 {
			errs = append(errs, fmt.Errorf("%s:%d: %s", d.file, m.line, m.text))
		} else {
			errs = append(errs, fmt.Errorf("%s: %s", d.file, m.text))
		}
	}
	return errors.Join(errs...)
}

// name checks the name of a sensor or city.
func (d *decoder) name(at place, kind, name string, taken bool) {
	switch {
	case name == "":
		d.mistake(at.key("name"), "a %s without a name", kind)
	case !isName(name):
		d.mistake(at.key("name"), "want small letters, digits and - in a name")
	case taken:
		d.mistake(at.key("name"), "the name is taken")
	}
}

// fill sets the fields of the struct that into points to from the table's keys.
// A key that is no field is a mistake.
func (d *decoder) fill(at place, table map[string]any, into any) {
	rest := d.part(at, table, into)
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		d.mistake(at.key(key), "unknown key %q%s", key, instead(key, slices.Collect(maps.Keys(fields(into)))))
	}
}

// part is fill, but returns the keys that are no fields.
func (d *decoder) part(at place, table map[string]any, into any) (rest map[string]any) {
	rest = maps.Clone(table)
	if rest == nil {
		return map[string]any{}
	}
	all := fields(into)
	for _, key := range slices.Sorted(maps.Keys(table)) {
		field, ok := all[key]
		if !ok {
			continue
		}
		delete(rest, key)
		if err := set(field, table[key]); err != nil {
			d.mistake(at.key(key), "%s = %s: %v", key, show(table[key]), err)
			d.wrong[at.key(key).path] = true
		}
	}
	return rest
}

// rest fills a driver's or protocol's settings from the keys that are not
// common to all. Mistakes are noted and are no error: the settings are checked
// further all the same.
func (d *decoder) rest(at place, table map[string]any, common, into any) error {
	left := d.part(at, table, into)
	known := append(slices.Collect(maps.Keys(fields(into))), slices.Collect(maps.Keys(fields(common)))...)
	for _, key := range slices.Sorted(maps.Keys(left)) {
		d.mistake(at.key(key), "unknown key %q%s", key, instead(key, known))
	}
	return nil
}

// fields returns the settable fields of the struct that into points to, by key.
// Those of embedded structs count as its own.
func fields(into any) map[string]reflect.Value {
	all := make(map[string]reflect.Value)
	var add func(v reflect.Value)
	add = func(v reflect.Value) {
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Anonymous && f.Type.Kind() == reflect.Struct {
				add(v.Field(i))
			} else if f.IsExported() {
				all[Key(f.Name)] = v.Field(i)
			}
		}
	}
	add(reflect.ValueOf(into).Elem())
	return all
}

// Key returns the key of a field: PerPulse is per_pulse, CAFile is ca_file.
func Key(field string) string {
	var b strings.Builder
	runes := []rune(field)
	upper := func(i int) bool { return i >= 0 && i < len(runes) && runes[i] >= 'A' && runes[i] <= 'Z' }
	for i, r := range runes {
		if upper(i) && i > 0 && (!upper(i-1) || i+1 < len(runes) && !upper(i+1)) {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

func show(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case map[string]any, []map[string]any, []any:
		return "…"
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}
