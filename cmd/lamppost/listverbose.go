package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers"
)

// manual is all there is to know about a driver.
type manual struct {
	Driver    string       `json:"driver"`
	Reads     string       `json:"reads"`
	Datasheet string       `json:"datasheet"`
	Observes  []observable `json:"observes"`
	Settings  []setting    `json:"settings"`
	Example   string       `json:"example"` // a table for the configuration
}

type observable struct {
	Property string `json:"property"`
	Unit     string `json:"unit"`
	Decimals int8   `json:"decimals"`
	Class    string `json:"class"`
}

// setting is a key of a sensor's table.
type setting struct {
	Key     string `json:"key"`
	Default string `json:"default"` // as TOML; "" if it must be set or may be left out
	Doc     string `json:"doc"`
}

// examples are values for keys that have no default.
var examples = map[string]string{"pin": `"GPIO17"`, "port": `"/dev/serial0"`, "chip": `"bme280"`}

// describe returns the manual of a driver.
func describe(d drivers.Driver) manual {
	m := manual{Driver: d.Name, Reads: d.Summary, Datasheet: d.Datasheet}
	for _, o := range d.Observes {
		m.Observes = append(m.Observes, observable{o.Name, o.Unit, o.Resolution, o.Class.String()})
	}
	m.Settings = append(
		[]setting{{"every", tomlText(reflect.ValueOf(d.Every), ""), "the interval"}},
		settingsOf(reflect.ValueOf(d.Defaults()))...,
	)
	lines := []string{"[[sensor]]", fmt.Sprintf("name = %q", "my-"+d.Name), fmt.Sprintf("driver = %q", d.Name)}
	for _, s := range m.Settings {
		value := s.Default
		if value == "" {
			value = examples[s.Key]
		}
		if value != "" {
			lines = append(lines, s.Key+" = "+value)
		}
	}
	m.Example = strings.Join(lines, "\n") + "\n"
	return m
}

// settingsOf returns the fields of a struct; those of embedded ones count as its
// own.
func settingsOf(v reflect.Value) (all []setting) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			all = append(all, settingsOf(v.Field(i))...)
		} else if f.IsExported() {
			key := config.Key(f.Name)
			all = append(all, setting{key, tomlText(v.Field(i), key), f.Tag.Get("doc")})
		}
	}
	return all
}

// tomlText returns a value as it stands in a configuration, "" for no text and
// no table.
func tomlText(v reflect.Value, key string) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		text := x.String() // 1m0s
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		return strconv.Quote(text)
	case string:
		if x == "" {
			return ""
		}
		return strconv.Quote(x)
	case uint16:
		if key == "address" {
			return fmt.Sprintf("0x%02x", x)
		}
	}
	switch {
	case v.Kind() == reflect.Map || v.Kind() == reflect.Slice:
		return ""
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// listManuals prints the manuals of all drivers.
func listManuals(out io.Writer, asJSON bool) error {
	for _, d := range catalog.Drivers {
		m := describe(d)
		if asJSON {
			if err := json.NewEncoder(out).Encode(m); err != nil {
				return err
			}
			continue
		}
		m.write(out)
	}
	return nil
}

// write writes the manual as Markdown.
func (m manual) write(out io.Writer) {
	fmt.Fprintf(out, "## %s\n\n%s\n\n", m.Driver, link(m.Reads, m.Datasheet))
	for _, o := range m.Observes {
		fmt.Fprintf(out, "* observes `%s` in `%s`, %d decimals, %s\n", o.Property, o.Unit, o.Decimals, o.Class)
	}
	fmt.Fprintln(out)
	settings := table{"settings", []string{"key", "default", "what it is"}, nil}
	for _, s := range m.Settings {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		settings.rows = append(settings.rows, []string{"`" + s.Key + "`", value, s.Doc})
	}
	settings.write(out)
	fmt.Fprintf(out, "```toml\n%s```\n\n", m.Example)
}
