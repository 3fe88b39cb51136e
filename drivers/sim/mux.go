package sim

import "github.com/lamppost-city/lamppost/drivers/i2cbus"

// parts are what is on a bus, by address.
type parts map[uint16]Part

// Multiplexers have these addresses (TI TCA9548A, section 8.5.1).
const (
	firstMux = 0x70
	lastMux  = 0x77
)

// Mux is a TCA9548A: the parts behind a channel are on the bus while the channel
// is on. Its zero value is ready to use, with all channels off.
type Mux struct {
	mask     byte
	channels [8]parts
}

// Write implements Part: the last byte is the mask of the channels that are on
// (TI TCA9548A, section 8.6, Control Register).
func (m *Mux) Write(w []byte) error {
	m.mask = w[len(w)-1]
	return nil
}

// Read implements Part.
func (m *Mux) Read(r []byte) error {
	for i := range r {
		r[i] = m.mask
	}
	return nil
}

// Reset implements Part. The parts behind lose their power, too.
func (m *Mux) Reset() {
	for _, on := range m.channels {
		for _, p := range on {
			p.Reset()
		}
	}
	m.mask = 0
}

// On returns the mask of the channels that are on.
func (m *Mux) On() byte { return m.mask }

// behind returns the parts behind channels, and puts multiplexers on the way
// where there are none.
func (on parts) behind(channels []i2cbus.Channel) parts {
	for _, c := range channels {
		m, ok := on[c.Mux].(*Mux)
		if !ok {
			m = new(Mux)
			on[c.Mux] = m
		}
		if m.channels[c.Number] == nil {
			m.channels[c.Number] = make(parts)
		}
		on = m.channels[c.Number]
	}
	return on
}

// at appends the parts that hear an address: more than one, where channels are
// on that should not.
func (on parts) at(addr uint16, all []Part) []Part {
	if p, ok := on[addr]; ok {
		all = append(all, p)
	}
	for mux := uint16(firstMux); mux <= lastMux; mux++ {
		m, ok := on[mux].(*Mux)
		if !ok {
			continue
		}
		for i := range 8 {
			if m.mask>>i&1 != 0 {
				all = m.channels[i].at(addr, all)
			}
		}
	}
	return all
}

// transact is a transaction with all parts that hear it. A bit is low if one of
// them pulls it low.
func (on parts) transact(addr uint16, w, r []byte) error {
	var room [4]Part
	heard := on.at(addr, room[:0])
	if len(heard) == 0 {
		return NoAck
	}
	wire := make([]byte, len(r))
	for i := range wire {
		wire[i] = 0xff
	}
	for _, p := range heard {
		if len(w) > 0 {
			if err := p.Write(w); err != nil {
				return err
			}
		}
		if len(r) > 0 {
			if err := p.Read(r); err != nil {
				return err
			}
			for i := range r {
				wire[i] &= r[i]
			}
		}
	}
	copy(r, wire)
	return nil
}
