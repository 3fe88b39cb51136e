package scan

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Adapters returns the buses that the kernel shows, by number. One that is not
// to be scanned unless a person names it says why. Branches that the kernel made
// of multiplexers are reached through their bus and are not among them.
func Adapters(files fs.FS) []Bus {
	found, _ := fs.Glob(files, "sys/bus/i2c/devices/i2c-*") // the pattern is right
	devices, _ := fs.Glob(files, "dev/i2c-*")
	var numbers []int
	for _, f := range append(found, devices...) {
		n, err := strconv.Atoi(strings.TrimPrefix(path.Base(f), "i2c-"))
		if err == nil && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var all []Bus
	for _, n := range numbers {
		b := Bus{Bus: strconv.Itoa(n), Parts: []Part{}}
		b.Name = adapterName(files, b.Bus)
		if strings.Contains(b.Name, "-mux (chan_id") {
			continue
		}
		b.Skipped = reserved(b)
		all = append(all, b)
	}
	return all
}

// notOurs are adapters that have memories of displays or of the computer itself
// behind them: parts of their names. The numbers are the addresses of those that
// the Raspberry Pi 1 to 3, 4 and 5 have for HDMI.
var notOurs = []struct{ word, what string }{
	{"hdmi", "a display's"},
	{"ddc", "a display's"},
	{"nvidia", "a display's"},
	{"7e805000", "a display's"},
	{"fef04500", "a display's"},
	{"fef09500", "a display's"},
	{"107d5082", "a display's"},
	{"smbus", "the computer's own"},
	{"i801", "the computer's own"},
}

// reserved says why a bus is not scanned unless it is named, or returns "".
func reserved(b Bus) string {
	if b.Bus == "0" {
		return "it is for HATs, cameras and displays"
	}
	for _, n := range notOurs {
		if strings.Contains(strings.ToLower(b.Name), n.word) {
			return "it is " + n.what
		}
	}
	return ""
}

// adapterName returns what the kernel calls a bus, or "".
func adapterName(files fs.FS, bus string) string {
	b, _ := fs.ReadFile(files, "sys/bus/i2c/devices/i2c-"+bus+"/name") // there is none on a simulated host
	return strings.TrimSpace(string(b))
}

// claimed returns the kernel's driver that has an address of a bus, or "", and
// how many channels it shows, if it drives a multiplexer.
func claimed(files fs.FS, bus string, address uint16) (driver string, channels int) {
	device := fmt.Sprintf("sys/bus/i2c/devices/%s-%04x", bus, address)
	b, err := fs.ReadFile(files, device+"/uevent")
	if err != nil {
		return "", 0
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "DRIVER="); ok {
			found, _ := fs.Glob(files, device+"/channel-*") // the pattern is right
			return strings.TrimSpace(name), len(found)
		}
	}
	return "", 0
}
