package sensirion

import (
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHDC302x(t *testing.T) {
	drivertest.Run[HDC302xSettings](t, HDC302x)
	drivertest.FlippedBits[HDC302xSettings](t, HDC302x)
	drivertest.Stuck(t, HDC302x, 0x00)
	drivertest.Stuck(t, HDC302x, 0xff)
}

// What a real part answered, and what it meant.
func TestHDC302xObserve(t *testing.T) {
	for text, want := range map[string][2]float64{
		"68 c5 51 3b 82 31": {26.621, 23.246},
		"64 93 3d 45 3a 61": {23.753, 27.042},
		"9d b1 02 09 c6 a3": {62.799, 3.818},
	} {
		got, err := observe(t, HDC302x, sht3xMeasure, frame(t, text))

		require.NoError(t, err)
		same(t, map[agent.Property]float64{agent.AirTemperature: want[0], agent.RelativeHumidity: want[1]}, got)
	}
}

func TestHDC302xRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		code  uint16
		frame string
		want  error
	}{
		"lowest word":   {sht3xMeasure, "00 00 81 80 00 a2", drivers.ErrRange},
		"highest word":  {sht3xMeasure, "ff ff ac 80 00 a2", drivers.ErrRange},
		"wrong bit":     {sht3xMeasure, "68 c5 50 3b 82 31", drivers.ErrChecksum},
		"heater on":     {sht3xStatus, "20 00 5d", drivers.ErrIdentity},
		"another maker": {hdc302xMaker, "00 00 81", drivers.ErrIdentity},
	} {
		got, err := observe(t, HDC302x, tt.code, frame(t, tt.frame))
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

func TestHDC302xAddresses(t *testing.T) {
	for address, ok := range map[uint16]bool{0x43: false, 0x44: true, 0x47: true, 0x48: false} {
		err := HDC302xSettings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
