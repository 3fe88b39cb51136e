//go:build system

package virtualpi

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bus is the number of the I2C bus that the parts are on.
const Bus = 1

// Devices returns the parts of a machine that is not told otherwise, as -device
// arguments of QEMU. All are on I2C bus 1, but muxed, which is behind channel 0 of
// mux. The id of a part is its name for Set, Unplug and Plug.
//
// QEMU does not let a part come and go while the machine runs, so each is behind a
// channel of a switch of our own, plugs, whose channels are all on at first. The
// switch has an address that is reserved, 0x05, so that a scan passes it by.
func Devices() []string {
	return []string{
		"pca9548,bus=i2c-bus.1,address=0x05,id=plugs,name=plugs",
		"tmp105,bus=i2c-bus.1/plugs/i2c.0,address=0x48,id=tmp105",
		"dps310,bus=i2c-bus.1/plugs/i2c.1,address=0x77,id=dps310",
		"lsm303dlhc_mag,bus=i2c-bus.1/plugs/i2c.2,address=0x1e,id=mag",
		"tmp421,bus=i2c-bus.1/plugs/i2c.3,address=0x4c,id=tmp421",
		"ds1338,bus=i2c-bus.1/plugs/i2c.4,address=0x68,id=rtc",
		"pca9548,bus=i2c-bus.1/plugs/i2c.5,address=0x70,id=mux,name=mux",
		"tmp105,bus=i2c-bus.1/plugs/i2c.5/mux/i2c.0,address=0x49,id=muxed",
	}
}

// Set sets what a part feels, such as temperature of tmp105 in thousandths of a
// degree, temperature0 of tmp421, or mag-x of mag.
func (m *Machine) Set(ctx context.Context, device, property string, value int) error {
	return m.qmp(ctx, "qom-set", map[string]any{
		"path": "/machine/peripheral/" + device, "property": property, "value": value,
	})
}

// Unplug takes a part off the bus: nobody answers at its address. The part keeps
// its power and its registers. For a part behind mux, unplug mux.
//
// Beware of the emulated bus: after a write that nobody acknowledged, the next
// transaction reads zeros if it only reads, whatever part it is for.
func (m *Machine) Unplug(ctx context.Context, device string) error {
	return m.plug(ctx, device, func(on, channel uint8) uint8 { return on &^ channel })
}

// Plug puts a part back that was unplugged.
func (m *Machine) Plug(ctx context.Context, device string) error {
	return m.plug(ctx, device, func(on, channel uint8) uint8 { return on | channel })
}

var plugPattern = regexp.MustCompile(`,bus=i2c-bus\.1/plugs/i2c\.([0-7]),`)

// plug changes which channels of the switch are on.
func (m *Machine) plug(ctx context.Context, device string, change func(on, channel uint8) uint8) error {
	i := slices.IndexFunc(m.devices, func(d string) bool {
		return plugPattern.MatchString(d) && slices.Contains(strings.Split(d, ","), "id="+device)
	})
	if i < 0 {
		return fmt.Errorf("%s: no part behind plugs", device)
	}
	channel := plugPattern.FindStringSubmatch(m.devices[i])[1][0] - '0'
	m.plugging.Lock()
	defer m.plugging.Unlock()
	on := change(m.plugged, 1<<channel)
	if _, err := m.Run(ctx, fmt.Sprintf("i2cset -y %d 0x05 %#02x", Bus, on)); err != nil {
		return err
	}
	m.plugged = on
	return nil
}

// MuxBus returns the number of the I2C bus behind a channel of mux.
func (m *Machine) MuxBus(ctx context.Context, channel int) (int, error) {
	link := fmt.Sprintf("/sys/bus/i2c/devices/%d-0070/channel-%d", Bus, channel)
	target, err := m.Run(ctx, "readlink -f "+link)
	if err != nil {
		return 0, err
	}
	number := target[strings.LastIndex(target, "-")+1:]
	bus, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return 0, fmt.Errorf("bus of channel %d: %w", channel, err)
	}
	return bus, nil
}
