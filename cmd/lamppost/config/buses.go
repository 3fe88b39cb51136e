package config

import (
	"slices"

	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Bus is a [[bus]] table: what is known of an I2C bus beyond its name.
type Bus struct {
	Name string `doc:"the bus, as in bus = \"1\" of a sensor"`
	SCL  string `doc:"line of its clock: a part that holds the bus gets nine clocks there"`
	SDA  string `doc:"line of its data"`
}

func (c *Config) buses(d *decoder, tables []map[string]any, catalog Catalog) {
	for i, table := range tables {
		at := place{}.element("bus", i)
		var b Bus
		d.fill(at, table, &b)
		at = at.named("bus", b.Name)
		_, way, err := i2cbus.ParsePath(b.Name)
		switch {
		case b.Name == "":
			d.mistake(at.key("name"), "a bus without a name")
		case err != nil:
			d.mistakes(at.key("name"), err)
		case len(way) > 0:
			d.mistake(at.key("name"), "it is behind a multiplexer; only the bus of the controller has wires of its own")
		case slices.ContainsFunc(c.Buses, func(x Bus) bool { return TrunkName(x.Name) == TrunkName(b.Name) }):
			d.mistake(at.key("name"), "the bus is there already")
		}
		d.wire(at, "scl", b.SCL)
		d.wire(at, "sda", b.SDA)
		if j := slices.IndexFunc(catalog.Boards, func(x boards.Board) bool { return x.Name == c.Board }); j >= 0 &&
			catalog.Boards[j].Wires == nil && !catalog.Boards[j].Simulated {
			d.mistake(at, "board %s cannot take the wires from the controller and give them back; dtoverlay=i2c-gpio or the like frees a bus by itself", c.Board)
		}
		c.Buses = append(c.Buses, b)
	}
}

// wire notes the line of a wire.
func (d *decoder) wire(at place, key, line string) {
	if line == "" {
		d.mistake(at.key(key), "%s: want the line of the wire, as \"GPIO3\"", key)
		return
	}
	d.single(at.key(key), "line", line)
}
