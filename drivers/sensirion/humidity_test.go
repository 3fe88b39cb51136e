package sensirion

import (
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestSHT3x(t *testing.T) {
	drivertest.Run[SHT3xSettings](t, SHT3x)
	drivertest.FlippedBits[SHT3xSettings](t, SHT3x)
	drivertest.Stuck(t, SHT3x, 0x00)
	drivertest.Stuck(t, SHT3x, 0xff)
	vectors(t, SHT3x, "sht3x.json", "SHT3", sht3xMeasure)
}

func TestSHTC3(t *testing.T) {
	drivertest.Run[SHTC3Settings](t, SHTC3)
	drivertest.FlippedBits[SHTC3Settings](t, SHTC3)
	drivertest.Stuck(t, SHTC3, 0x00)
	drivertest.Stuck(t, SHTC3, 0xff)
}

func TestHumidity(t *testing.T) {
	tests := []struct {
		name                  string
		driver                drivers.Driver
		code                  uint16
		frame                 string
		temperature, humidity float64
	}{
		{"SHT3x, formula of the datasheet", SHT3x, sht3xMeasure, "66 66 93 80 00 a2", 25, 50.001},
		{"SHT3x, the datasheet's checksum example", SHT3x, sht3xMeasure, "be ef 92 be ef 92", 85.523, 74.585},
		{"SHT31, a capture in sigrok-dumps", SHT3x, sht3xMeasure, "67 a2 e4 48 7f e9", 25.844, 28.319},
		{"SHT31, the same", SHT3x, sht3xMeasure, "68 37 b1 46 c5 e0", 26.242, 27.645},
		{"SHTC3, formula of the datasheet", SHTC3, shtc3Measure, "66 66 93 80 00 a2", 24.99908, 50},
		{"SHTC3, the datasheet's checksum example", SHTC3, shtc3Measure, "be ef 92 be ef 92", 85.521, 74.58344},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.driver, tt.code, frame(t, tt.frame))

			require.NoError(t, err)
			same(t, map[agent.Property]float64{agent.AirTemperature: tt.temperature, agent.RelativeHumidity: tt.humidity}, got)
		})
	}
}

func TestHumidityRefuses(t *testing.T) {
	tests := []struct {
		name   string
		driver drivers.Driver
		code   uint16
		frame  string
		want   error
	}{
		{"lowest word", SHT3x, sht3xMeasure, "00 00 81 80 00 a2", drivers.ErrRange},
		{"highest word", SHT3x, sht3xMeasure, "ff ff ac 80 00 a2", drivers.ErrRange},
		{"heater on", SHT3x, sht3xStatus, "20 00 5d", drivers.ErrIdentity},
		{"lowest word", SHTC3, shtc3Measure, "00 00 81 80 00 a2", drivers.ErrRange},
		{"highest word", SHTC3, shtc3Measure, "ff ff ac 80 00 a2", drivers.ErrRange},
		{"another part", SHTC3, shtc3ID, "00 00 81", drivers.ErrIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.driver.Name+" "+tt.name, func(t *testing.T) {
			got, err := observe(t, tt.driver, tt.code, frame(t, tt.frame))

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

func TestHumidityAddresses(t *testing.T) {
	for address, ok := range map[uint16]bool{0x43: false, 0x44: true, 0x45: true, 0x46: false} {
		err := SHT3xSettings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	assert.NoError(t, SHTC3Settings{drivers.I2C{Address: 0x70}}.Validate())
	assert.Error(t, SHTC3Settings{drivers.I2C{Address: 0x71}}.Validate())
}

// TestSHTC3Sleeps checks that the part is asked who it is once, and left asleep
// after every reading.
func TestSHTC3Sleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x70, W: []byte{0x35, 0x17}},
			{Addr: 0x70, W: []byte{0xef, 0xc8}},
			{Addr: 0x70, R: []byte{0x08, 0x87, drivers.CRC8([]byte{0x08, 0x87})}},
			{Addr: 0x70, W: []byte{0x78, 0x66}},
			{Addr: 0x70, R: []byte{0x66, 0x66, 0x93, 0x80, 0x00, 0xa2}},
			{Addr: 0x70, W: []byte{0xb0, 0x98}},
			{Addr: 0x70, W: []byte{0x35, 0x17}},
			{Addr: 0x70, W: []byte{0x78, 0x66}},
			{Addr: 0x70, R: []byte{0x66, 0x66, 0x93, 0x80, 0x00, 0xa2}},
			{Addr: 0x70, W: []byte{0xb0, 0x98}},
		}}
		s := &shtc3{device: device{Dev: i2cbus.New("1", bus).Dev(0x70)}}

		for range 2 {
			_, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
		}

		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}
