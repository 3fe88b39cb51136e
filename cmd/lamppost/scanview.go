package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/scan"
)

// i2cPlace returns the bus and address of a sensor that has one.
func i2cPlace(s config.Sensor) (bus string, address uint16, ok bool) {
	if s.Settings == nil {
		return "", 0, false
	}
	v := reflect.ValueOf(s.Settings)
	b, a := v.FieldByName("Bus"), v.FieldByName("Address")
	if !a.IsValid() || !b.IsValid() || !a.CanUint() || b.Kind() != reflect.String {
		return "", 0, false
	}
	return b.String(), uint16(a.Uint()), true
}

// tables returns a [[sensor]] table for each part that is known well enough and
// not configured yet.
func (f *findings) tables(cfg *config.Config) []string {
	taken := make(map[string]bool)
	places := make(map[string]bool)
	for _, s := range cfg.Sensors {
		taken[s.Name] = true
		if bus, address, ok := i2cPlace(s); ok {
			places[placeName(bus, address)] = true
		}
	}
	var all []string
	for _, b := range f.Buses {
		for _, p := range b.Parts {
			if p.Driver == "" || p.Sure == scan.Possible || places[placeName(b.Bus, p.Address)] || places[placeName(b.Host, p.Address)] {
				continue
			}
			name := p.Driver
			for n := 2; taken[name]; n++ {
				name = fmt.Sprintf("%s-%d", p.Driver, n)
			}
			taken[name] = true
			all = append(all, fmt.Sprintf("[[sensor]] # %s, %s\nname = %q\ndriver = %q\nbus = %q\naddress = 0x%02x\n%s",
				p.Chip, p.Sure, name, p.Driver, b.Bus, p.Address, p.Settings))
		}
	}
	return all
}

// placeName is the same for all names of a place.
func placeName(bus string, address uint16) string {
	trunk, way, _ := i2cbus.ParsePath(bus) // it was checked
	name := config.TrunkName(trunk)
	for _, c := range way {
		name += "/" + c.String()
	}
	return fmt.Sprintf("%s %02x", name, address)
}

// show prints what was found, for people.
func (f *findings) show(out io.Writer, tables []string, written bool) error {
	for _, b := range f.Buses {
		switch {
		case b.Skipped != "":
			fmt.Fprintf(out, "bus %s%s: not scanned: %s; --bus %s scans it\n", b.Bus, inBrackets(b.Name), b.Skipped, b.Bus)
			continue
		case len(b.Parts) == 0 && strings.Contains(b.Bus, "/"):
			continue // a channel without anything
		}
		fmt.Fprintf(out, "bus %s%s: %d parts, in %.2f s\n", b.Bus, inBrackets(b.Name), len(b.Parts), b.Seconds)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, p := range b.Parts {
			what, driver, sure := describePart(p)
			fmt.Fprintf(w, "  0x%02x\t%s\t%s\t%s\n", p.Address, driver, sure, what)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if err := f.showLines(out); err != nil {
		return err
	}
	if len(tables) > 0 && !written {
		fmt.Fprintf(out, "\n# What is not configured yet; --write appends it to the configuration.\n\n%s", strings.Join(tables, "\n"))
	}
	return nil
}

// describePart returns what a part is, what reads it and how sure that is.
func describePart(p scan.Part) (what, driver, sure string) {
	driver, sure = cmp.Or(p.Driver, "-"), cmp.Or(string(p.Sure), "-")
	switch {
	case p.Sensor != "":
		return "the sensor " + p.Sensor + " of the running agent; left alone", "-", "-"
	case p.Kernel != "":
		return "in use by the kernel's driver " + p.Kernel + "; left alone", "-", "-"
	case p.Chip == "":
		return "something answers that a scan does not know", driver, sure
	case p.Why != "":
		return p.Chip + " (" + p.Why + ")", driver, sure
	}
	return p.Chip, driver, sure
}

func (f *findings) showLines(out io.Writer) error {
	if len(f.Lines) > 0 {
		fmt.Fprintln(out, "lines")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, l := range f.Lines {
		direction, user := "input", "free"
		if l.Output {
			direction = "output"
		}
		if l.Used {
			user = "used by " + cmp.Or(l.Consumer, "the kernel")
		}
		fmt.Fprintf(w, "  %s/%d\t%s\t%s\t%s\n", l.Chip, l.Offset, cmp.Or(l.Name, "-"), direction, user)
	}
	if f.Note != "" {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(f.Note, "\n", "; "))
	}
	return w.Flush()
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// appendTables adds sensors to a configuration, if it is without mistakes then.
func appendTables(out io.Writer, path string, tables []string) (err error) {
	if len(tables) == 0 {
		fmt.Fprintf(out, "%s: nothing to add\n", path)
		return nil
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w; write it with a [thing] first", err)
	}
	var added bytes.Buffer
	if !bytes.HasSuffix(old, []byte("\n")) && len(old) > 0 {
		added.WriteByte('\n')
	}
	for _, t := range tables {
		fmt.Fprintf(&added, "\n%s", t)
	}
	if _, err := config.Parse(path, slices.Concat(old, added.Bytes()), catalog); err != nil {
		return fmt.Errorf("nothing was added, with it there would be mistakes:\n%w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(added.Bytes())
	if err = firstOf(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d sensors added; give them names that say where they are\n", path, len(tables))
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
