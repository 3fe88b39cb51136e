package sensirion

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSCD30(t *testing.T) {
	drivertest.Run[SCD30Settings](t, SCD30)
	drivertest.FlippedBits[SCD30Settings](t, SCD30)
	drivertest.Stuck(t, SCD30, 0x00)
	drivertest.Stuck(t, SCD30, 0xff)
	vectors(t, SCD30, "scd30_scd4x.json", "SCD30", scd30Read)
}

func TestSCD4x(t *testing.T) {
	drivertest.Run[SCD4xSettings](t, SCD4x)
	drivertest.FlippedBits[SCD4xSettings](t, SCD4x)
	drivertest.Stuck(t, SCD4x, 0x00)
	drivertest.Stuck(t, SCD4x, 0xff)
	vectors(t, SCD4x, "scd30_scd4x.json", "SCD4", scd4xRead)
}

func TestCO2(t *testing.T) {
	tests := []struct {
		name                       string
		driver                     drivers.Driver
		code                       uint16
		frame                      string
		ppm, temperature, humidity float64
	}{
		{"SCD30, interface description 1.4.5", SCD30, scd30Read, "43 db cb 8c 2e 8f 41 d9 70 e7 ff f5 42 43 bf 3a 1b 74", 439.095, 27.238, 48.807},
		{"SCD4x, datasheet", SCD4x, scd4xRead, "01 f4 33 66 67 a2 5e b9 3c", 500, 25.003, 37.002},
		{"SCD4x, a part's answer", SCD4x, scd4xRead, "02 2c a3 67 0d 36 4d 08 f1", 556, 25.446, 30.091},
		{"SCD4x, another", SCD4x, scd4xRead, "02 1f 35 65 82 bb 53 5e 2a", 543, 24.391, 32.566},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.driver, tt.code, frame(t, tt.frame))

			require.NoError(t, err)
			same(t, map[agent.Property]float64{
				agent.CarbonDioxide: tt.ppm, agent.AirTemperature: tt.temperature, agent.RelativeHumidity: tt.humidity,
			}, got)
		})
	}
}

func TestCO2Refuses(t *testing.T) {
	tests := []struct {
		name   string
		driver drivers.Driver
		code   uint16
		frame  string
		want   error
	}{
		{"no carbon dioxide", SCD30, scd30Read, "00 00 81 00 00 81 41 d9 70 e7 ff f5 42 43 bf 3a 1b 74", drivers.ErrNoReading},
		{"not a number", SCD30, scd30Read, "7f ff 8f 00 00 81 41 d9 70 e7 ff f5 42 43 bf 3a 1b 74", drivers.ErrRange},
		{"humidity is not a number", SCD30, scd30Read, "43 db cb 8c 2e 8f 41 d9 70 e7 ff f5 7f ff 8f 00 00 81", drivers.ErrRange},
		{"temperature is not a number", SCD30, scd30Read, "43 db cb 8c 2e 8f 7f ff 8f 00 00 81 42 43 bf 3a 1b 74", drivers.ErrRange},
		{"never ready", SCD30, scd30Ready, "00 00 81", drivers.ErrNotReady},
		{"no carbon dioxide", SCD4x, scd4xRead, "00 00 81 66 67 a2 5e b9 3c", drivers.ErrNoReading},
		{"more than there can be", SCD4x, scd4xRead, "ff ff ac 66 67 a2 5e b9 3c", drivers.ErrRange},
		{"lowest temperature", SCD4x, scd4xRead, "01 f4 33 00 00 81 5e b9 3c", drivers.ErrRange},
		{"never ready", SCD4x, scd4xReady, "80 00 a2", drivers.ErrNotReady},
	}
	for _, tt := range tests {
		t.Run(tt.driver.Name+" "+tt.name, func(t *testing.T) {
			got, err := observe(t, tt.driver, tt.code, frame(t, tt.frame))

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

// written is the arguments of every command a driver wrote, by its code.
func written(host *sim.Host) map[uint16][]uint16 {
	all := make(map[uint16][]uint16)
	host.SetFault(func(op sim.Op) error {
		if len(op.W) == 5 {
			code := binary.BigEndian.Uint16(op.W)
			all[code] = append(all[code], binary.BigEndian.Uint16(op.W[2:]))
		}
		return op.Err
	})
	return all
}

// TestCO2Settings checks that settings reach the part, and that those which an
// SCD30 keeps in its flash are written once.
func TestCO2Settings(t *testing.T) {
	tests := []struct {
		driver drivers.Driver
		set    func(any)
		want   map[uint16][]uint16
	}{
		{SCD30, func(s any) { s.(*SCD30Settings).Altitude = 1000 }, map[uint16][]uint16{
			scd30Interval: {2}, scd30SelfCal: {0}, scd30Altitude: {1000}, scd30Start: {0},
		}},
		{SCD4x, func(s any) { s.(*SCD4xSettings).CO2 = CO2{Altitude: 1950} }, map[uint16][]uint16{
			scd4xAltitude: {1950, 1950}, scd4xSelfCal: {0, 0},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.driver.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := tt.driver.Configure(func(s any) error { tt.set(s); return nil })
				require.NoError(t, err)
				host := new(sim.Host)
				s, err := c.Open(host)
				require.NoError(t, err)
				got := written(host)

				_, err = s.Observe(t.Context(), nil)
				require.NoError(t, err)
				host.PowerCycle()
				for range 2 { // one may notice, one initialises again
					time.Sleep(10 * time.Second)
					_, err = s.Observe(t.Context(), nil)
				}

				require.NoError(t, err)
				assert.Equal(t, tt.want, got)
			})
		})
	}
}

func TestCO2Validate(t *testing.T) {
	at := func(address uint16) drivers.I2C { return drivers.I2C{Address: address} }
	assert.NoError(t, SCD30Settings{at(0x61), CO2{Altitude: 3000}}.Validate())
	assert.Error(t, SCD30Settings{at(0x61), CO2{Altitude: 3001}}.Validate())
	assert.Error(t, SCD30Settings{at(0x62), CO2{}}.Validate())
	assert.NoError(t, SCD4xSettings{at(0x62), CO2{Altitude: 3000}}.Validate())
	assert.Error(t, SCD4xSettings{at(0x62), CO2{Altitude: 3001}}.Validate())
	assert.Error(t, SCD4xSettings{at(0x61), CO2{}}.Validate())
}
