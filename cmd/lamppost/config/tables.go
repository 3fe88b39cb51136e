package config

import (
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/process"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

func (c *Config) sensors(d *decoder, tables []map[string]any, catalog Catalog) {
	if len(tables) == 0 {
		d.mistake(place{}, "no sensor is configured; add a [[sensor]] table")
	}
	for i, table := range tables {
		at := place{}.element("sensor", i)
		keys := sensorKeys{}
		rest := d.part(at, table, &keys)
		at = at.named("sensor", keys.Name)
		d.name(at, "sensor", keys.Name, slices.ContainsFunc(c.Sensors, func(s Sensor) bool { return s.Name == keys.Name }))
		s := Sensor{Name: keys.Name, Driver: keys.Driver, Every: keys.Every, Phase: keys.Phase}
		j := slices.IndexFunc(catalog.Drivers, func(x drivers.Driver) bool { return x.Name == keys.Driver })
		if j < 0 {
			var names []string
			for _, x := range catalog.Drivers {
				names = append(names, x.Name)
			}
			d.mistake(at.key("driver"), "unknown driver %q%s", keys.Driver, instead(keys.Driver, names))
		} else {
			var err error
			s.Configured, err = catalog.Drivers[j].Configure(func(into any) error { return d.rest(at, rest, &keys, into) })
			d.mistakes(at, err)
		}
		c.interval(d, at, &s)
		s.streams(d, at, keys.Class)
		for k, table := range keys.Process {
			s.process(d, at.element("process", k), table)
		}
		c.Sensors = append(c.Sensors, s)
		d.sharing(at, s.Settings)
	}
}

// streams fills in what the driver observes, in the class that is configured.
func (s *Sensor) streams(d *decoder, at place, class string) {
	for _, o := range s.Observes {
		ds := agent.Datastream{Property: o.Property, Resolution: o.Resolution, Class: o.Class}
		if class != "" {
			var err error
			ds.Class, err = agent.ParseClass(class)
			if err != nil {
				d.mistakes(at.key("class"), err)
				return
			}
		}
		s.Streams = append(s.Streams, ds)
	}
}

// process adds a step.
func (s *Sensor) process(d *decoder, at place, table map[string]any) {
	var keys processKeys
	rest := d.part(at, table, &keys)
	i := slices.IndexFunc(process.Kinds, func(k process.Kind) bool { return k.Name == keys.Kind })
	if i < 0 {
		var names []string
		for _, k := range process.Kinds {
			names = append(names, k.Name)
		}
		d.mistake(at.key("kind"), "process: unknown kind %q%s", keys.Kind, instead(keys.Kind, names))
		return
	}
	configured, err := process.Kinds[i].Configure(func(into any) error { return d.rest(at, rest, &keys, into) })
	if err == nil && len(s.Streams) > 0 {
		var (
			step    process.Step
			streams []agent.Datastream
		)
		if step, streams, err = configured.Plan(keys.Property, s.Streams, s.Every); err == nil {
			s.Steps, s.Streams = append(s.Steps, step), streams
		}
	}
	if err != nil {
		for text := range strings.SplitSeq(err.Error(), "\n") {
			d.mistake(at, "%s: %s", keys.Kind, text)
		}
	}
}

func (c *Config) interval(d *decoder, at place, s *Sensor) {
	if s.Every == 0 {
		s.Every = s.Configured.Every
	}
	switch {
	case s.Configured.Info.Name == "":
	case s.Every < minEvery:
		d.mistake(at.key("every"), "every = %q: want %v or more", s.Every, minEvery)
	case s.Phase < 0 || s.Phase >= s.Every:
		d.mistake(at.key("phase"), "phase = %q: want less than every = %q", s.Phase, s.Every)
	}
}

func (c *Config) cities(d *decoder, tables []map[string]any, catalog Catalog) {
	for i, table := range tables {
		at := place{}.element("city", i)
		keys := cityKeys{From: "oldest"}
		rest := d.part(at, table, &keys)
		at = at.named("city", keys.Name)
		d.name(at, "city", keys.Name, slices.ContainsFunc(c.Cities, func(x City) bool { return x.Name == keys.Name }))
		city := City{Name: keys.Name, Protocol: keys.Protocol, From: keys.From, Rate: keys.Rate}
		if keys.From != "oldest" && keys.From != "now" {
			d.mistake(at.key("from"), "from = %q: want oldest or now", keys.From)
		}
		if keys.Rate < 0 {
			d.mistake(at.key("rate"), "rate = %v: want observations a second", keys.Rate)
		}
		j := slices.IndexFunc(catalog.Protocols, func(p uplink.Protocol) bool { return p.Name == keys.Protocol })
		if j < 0 {
			var names []string
			for _, p := range catalog.Protocols {
				names = append(names, p.Name)
			}
			d.mistake(at.key("protocol"), "unknown protocol %q%s", keys.Protocol, instead(keys.Protocol, names))
		} else {
			p, err := catalog.Protocols[j].Configure(func(into any) error { return d.rest(at, rest, &keys, into) })
			d.mistakes(at, err)
			city.ack(d, at, keys.Ack, keys.Protocol, p.Acks)
			if err == nil {
				d.mistakes(at, p.Check(c.Thing, c.observed()))
			}
			city.Dial = p.Dial
		}
		c.Cities = append(c.Cities, city)
	}
}

// observed returns all properties that are observed, each once.
func (c *Config) observed() (all []agent.Property) {
	for _, s := range c.Sensors {
		for _, o := range s.Streams {
			if !slices.Contains(all, o.Property) {
				all = append(all, o.Property)
			}
		}
	}
	return all
}

// ack settles the level of acknowledgement, which the protocol must have.
func (city *City) ack(d *decoder, at place, name, protocol string, acks []agent.Ack) {
	city.Ack = acks[0]
	if name == "" {
		return
	}
	ack, err := agent.ParseAck(name)
	if err != nil {
		d.mistakes(at.key("ack"), err)
		return
	}
	if !slices.Contains(acks, ack) {
		var can []string
		for _, a := range acks {
			can = append(can, a.String())
		}
		d.mistake(at.key("ack"), "ack = %q: protocol %s gives %s", name, protocol, strings.Join(can, ", "))
		return
	}
	city.Ack = ack
}
