package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// busPart is where a sensor's part is.
type busPart struct {
	sensor  string
	bus     string // as configured
	trunk   string
	way     []i2cbus.Channel
	address uint16
}

// sharing notes a bus address, a pin or a port that two sensors have, and a bus
// that cannot be.
func (d *decoder) sharing(at place, settings any) {
	if settings == nil {
		return
	}
	f := settingsOf(settings)
	if address, ok := f["address"]; ok && address.CanUint() && address.Uint() != 0 {
		d.sharedAddress(at, f["bus"].String(), uint16(address.Uint()))
		return
	}
	for key, what := range map[string]string{"pin": "line", "port": "serial port"} {
		v, ok := f[key]
		if !ok || v.String() == "" {
			continue
		}
		d.single(at.key(key), what, v.String())
	}
}

// single notes a line or a port, of which each has one user.
func (d *decoder) single(at place, what, name string) {
	where := fmt.Sprintf("%s %q", what, name)
	if other, ok := d.lined[where]; ok {
		d.mistake(at, "%s is that of %s", where, other)
		return
	}
	d.lined[where] = at.name
}

func (d *decoder) sharedAddress(at place, bus string, address uint16) {
	trunk, way, err := i2cbus.ParsePath(bus)
	if err != nil {
		d.mistakes(at.key("bus"), err)
		return
	}
	p := busPart{at.name, bus, TrunkName(trunk), way, address}
	for _, other := range d.parts {
		if text := p.clash(other); text != "" {
			d.mistake(at.key("address"), "%s", text)
			return
		}
	}
	d.parts = append(d.parts, p)
}

// TrunkName makes the names of one bus one: "1" for "/dev/i2c-1", and for "".
func TrunkName(name string) string {
	return cmp.Or(i2cbus.ShortName(name), "1") // the default of every board that has one
}

// clash says why two parts cannot be where they are, or returns "".
func (p busPart) clash(other busPart) string {
	near, far := p, other
	if len(near.way) > len(far.way) {
		near, far = far, near
	}
	if near.trunk != far.trunk || !slices.Equal(near.way, far.way[:len(near.way)]) {
		return "" // never on the wire together
	}
	switch {
	case len(near.way) == len(far.way) && p.address == other.address:
		return fmt.Sprintf("i2c bus %q address 0x%02x is that of %s", p.bus, p.address, other.sensor)
	case p.address == other.address:
		return fmt.Sprintf("i2c bus %q address 0x%02x: %s on bus %q has it, too, and both would answer", p.bus, p.address, other.sensor, other.bus)
	case len(far.way) > len(near.way) && far.way[len(near.way)].Mux == near.address:
		return fmt.Sprintf("i2c bus %q address 0x%02x is that of a multiplexer, on the way to %s on bus %q", near.bus, near.address, far.sensor, far.bus)
	}
	return ""
}
