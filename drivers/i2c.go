package drivers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// I2C is the place of a part on a bus: the settings that every driver of an I2C
// part embeds.
type I2C struct {
	Bus     string `doc:"I2C bus: \"1\", \"/dev/i2c-1\", \"1/mux@70/3\" behind channel 3 of a multiplexer; the board's own if left out"`
	Address uint16 `doc:"7-bit address, as printed on the module or set by its pins"`
}

// Open returns the part's place on the host.
func (s I2C) Open(host Host) (i2cbus.Dev, error) {
	bus, err := host.I2C(s.Bus)
	if err != nil {
		return i2cbus.Dev{}, err
	}
	return bus.Dev(s.Address), nil
}

// Simulate puts a part there.
func (s I2C) Simulate(host *sim.Host, p sim.Part) { host.AddI2C(s.Bus, s.Address, p) }

// CheckAddress says that the part is not made with the address, if that is so.
func (s I2C) CheckAddress(made ...uint16) error {
	if slices.Contains(made, s.Address) {
		return nil
	}
	var names []string
	for _, a := range made {
		names = append(names, fmt.Sprintf("0x%02x", a))
	}
	return fmt.Errorf("address 0x%02x: the part has %s", s.Address, strings.Join(names, ", "))
}

// AddressRange returns the addresses from first to last, for CheckAddress.
func AddressRange(first, last uint16) []uint16 {
	var all []uint16
	for a := first; a <= last; a++ {
		all = append(all, a)
	}
	return all
}
