package config

import (
	"fmt"
	"testing"

	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/serialair"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBusTables(t *testing.T) {
	const text = `board = "plain"
thing = { id = "a" }
[[bus]]
name = "1"
scl = "GPIO3"
sda = "GPIO2"
[[bus]]
name = "/dev/i2c-1"
[[sensor]]
name = "rain"
driver = "pulse"
pin = "GPIO2"
`
	with := catalog
	with.Boards = append(with.Boards, boards.Board{Name: "plain"})
	_, err := Parse("x.toml", []byte(text), with)
	assert.EqualError(t, err, `x.toml:3: bus "1": board plain cannot take the wires from the controller and give them back; dtoverlay=i2c-gpio or the like frees a bus by itself
x.toml:7: bus "/dev/i2c-1": scl: want the line of the wire, as "GPIO3"
x.toml:7: bus "/dev/i2c-1": sda: want the line of the wire, as "GPIO3"
x.toml:7: bus "/dev/i2c-1": board plain cannot take the wires from the controller and give them back; dtoverlay=i2c-gpio or the like frees a bus by itself
x.toml:8: bus "/dev/i2c-1": the bus is there already
x.toml:12: sensor "rain": line "GPIO2" is that of bus "1"`)
}

// Parts that would be on the wire together have different addresses.
func TestBusesBehindMultiplexers(t *testing.T) {
	sensors := func(buses ...string) string {
		text := "board = \"sim\"\n[thing]\nid = \"lamp-042\"\n"
		for i, bus := range buses {
			text += fmt.Sprintf("[[sensor]]\nname = \"air-%d\"\ndriver = \"sht4x\"\nbus = %q\n", i, bus)
		}
		return text
	}
	for _, tt := range []struct {
		buses []string
		want  string
	}{
		{[]string{"1/mux@70/0", "1/mux@70/1", "1/mux@71/0", "2", "/dev/i2c-3/mux@70/0/mux@71/7"}, ""},
		{[]string{"1/mux@70/0", "/dev/i2c-1/mux@70/0"}, `c:8: sensor "air-1": i2c bus "/dev/i2c-1/mux@70/0" address 0x44 is that of sensor "air-0"`},
		{[]string{"", "1/mux@70/0"}, `sensor "air-0" on bus "" has it, too, and both would answer`},
		{[]string{"1/mux@70/0/mux@71/0", "1/mux@70/0"}, "both would answer"},
		{[]string{"1/mux@7/0"}, `c:7: sensor "air-0": bus "1/mux@7/0": want address 70 to 77 and channel 0 to 7`},
		{[]string{"1/mux@70/8"}, "want address"},
		{[]string{"1/mux@70"}, "want address"},
		{[]string{"1/mux@70/0/mux@70/1"}, "two multiplexers at 0x70"},
	} {
		_, err := Parse("c", []byte(sensors(tt.buses...)), catalog)
		if tt.want == "" {
			assert.NoError(t, err)
			continue
		}
		require.Error(t, err, "%v", tt.buses)
		assert.Contains(t, err.Error(), tt.want)
		assert.NotContains(t, err.Error(), "\n", "one mistake")
	}
	near := busPart{"a", "1", "1", nil, 0x70}
	far := busPart{"b", "1/mux@70/0", "1", []i2cbus.Channel{{Mux: 0x70}}, 0x44}
	assert.Contains(t, near.clash(far), "0x70 is that of a multiplexer")
	assert.Contains(t, far.clash(near), "0x70 is that of a multiplexer")
}

func TestPortsAreNotShared(t *testing.T) {
	const two = `board = "sim"
[thing]
id = "lamp-042"
[[sensor]]
name = "dust"
driver = "sds011"
port = "/dev/serial0"
[[sensor]]
name = "gas"
driver = "mhz19"
port = "%s"
`
	all := Catalog{Boards: catalog.Boards, Drivers: []drivers.Driver{serialair.SDS011, serialair.MHZ19}}
	_, err := Parse("c", fmt.Appendf(nil, two, "/dev/ttyUSB0"), all)
	assert.NoError(t, err)
	_, err = Parse("c", fmt.Appendf(nil, two, "/dev/serial0"), all)
	assert.EqualError(t, err, `c:11: sensor "gas": serial port "/dev/serial0" is that of sensor "dust"`)
}
