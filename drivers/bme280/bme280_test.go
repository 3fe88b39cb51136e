package bme280

import (
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// observe reads a part that holds these registers, whatever it is told.
func observe(t *testing.T, registers [256]byte) (results []agent.Result, err error) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddI2C("1", 0x76, &sim.Registers{R: registers, Pairs: true})
		s, openErr := open(host, Settings{drivers.I2C{Address: 0x76}})
		require.NoError(t, openErr)
		results, err = s.Observe(t.Context(), nil)
		require.NoError(t, s.Close())
	})
	return results, err
}

// registers returns a part's registers: identity, calibration and data.
func registers(id byte, calibration, humidity, data string) [256]byte {
	var r [256]byte
	r[regID] = id
	copy(r[regCalibration:], calibration)
	copy(r[regHumidity:], humidity)
	copy(r[0xf7:], data)
	return r
}

// The calibration of the worked example for the BMP280, whose temperature and
// pressure are the same as the BME280's (BST-BMP280-DS001, section 3.12), and
// of two real parts (the drivers of Pimoroni and of Mattera, their tests).
const (
	bosch    = "\x70\x6b\x43\x67\x18\xfc\x7d\x8e\x43\xd6\xd0\x0b\x27\x0b\x8c\x00\xf9\xff\x8c\x3c\xf8\xc6\x70\x17\x00\x4b"
	pimoroni = "\x69\x6d\x36\x64\x32\x00\xe9\x98\x02\xd6\xd0\x0b\x23\x16\x88\xff\xf9\xff\x8c\x3c\xf8\xc6\x70\x17\x00\x4b"
	mattera  = "\xb1\x6f\x2e\x6a\x32\x00\xe2\x8f\x0a\xd7\xd0\x0b\x75\x1f\xc5\xff\xf9\xff\xac\x26\x0a\xd8\xbd\x10\x00\x4b"

	pimoroniHumidity = "\x78\x01\x00\x11\x2e\x03\x1e"
	matteraHumidity  = "\x77\x01\x00\x12\x20\x03\x1e"
)

func TestObserve(t *testing.T) {
	tests := []struct {
		name                            string
		calibration, humidity, data     string
		temperature, relative, pressure float64
	}{
		{"datasheet; humidity by its integer formula", bosch, pimoroniHumidity, "\x65\x5a\xc0\x7e\xed\x00\x76\x49", 25.08248, 68.688, 1006.53267},
		{"a part by Pimoroni", pimoroni, pimoroniHumidity, "\x4f\xca\x00\x81\x32\x70\x76\x49", 24.78949, 68.66997, 1006.61518},
		{"a part by Mattera", mattera, matteraHumidity, "\x4f\x50\x00\x84\x47\x00\x60\x02", 27.32665, 34.85121, 1012.33063},
		{"cropped at 0 %", pimoroni, pimoroniHumidity, "\x4f\xca\x00\x81\x32\x70\x00\x01", 24.78949, 0, 1006.61518},
		{"cropped at 100 %", pimoroni, pimoroniHumidity, "\x4f\xca\x00\x81\x32\x70\xff\xfe", 24.78949, 100, 1006.61518},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, registers(0x60, tt.calibration, tt.humidity, tt.data))

			require.NoError(t, err)
			require.Len(t, got, 3)
			assert.Equal(t, agent.AirTemperature, got[0].Property)
			assert.InDelta(t, tt.temperature, got[0].Value, 0.0001)
			assert.Equal(t, agent.RelativeHumidity, got[1].Property)
			assert.InDelta(t, tt.relative, got[1].Value, 0.001)
			assert.Equal(t, agent.AtmosphericPressure, got[2].Property)
			assert.InDelta(t, tt.pressure, got[2].Value, 0.0001)
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	const good = "\x4f\xca\x00\x81\x32\x70\x76\x49"
	tests := []struct {
		name      string
		registers [256]byte
		want      error
		text      string
	}{
		{"BMP280", registers(0x58, pimoroni, pimoroniHumidity, good), drivers.ErrIdentity, "BMP280"},
		{"BMP180", registers(0x55, pimoroni, pimoroniHumidity, good), drivers.ErrIdentity, "BMP180"},
		{"BME680", registers(0x61, pimoroni, pimoroniHumidity, good), drivers.ErrIdentity, "BME680"},
		{"something else", registers(0x10, pimoroni, pimoroniHumidity, good), drivers.ErrIdentity, "0x10"},
		{"pressure skipped", registers(0x60, pimoroni, pimoroniHumidity, "\x80\x00\x00\x81\x32\x70\x76\x49"), drivers.ErrNoReading, "80 00 00"},
		{"temperature skipped", registers(0x60, pimoroni, pimoroniHumidity, "\x4f\xca\x00\x80\x00\x00\x76\x49"), drivers.ErrNoReading, "80 00 00"},
		{"humidity skipped", registers(0x60, pimoroni, pimoroniHumidity, "\x4f\xca\x00\x81\x32\x70\x80\x00"), drivers.ErrNoReading, "80 00"},
		{"humidity 0000", registers(0x60, pimoroni, pimoroniHumidity, "\x4f\xca\x00\x81\x32\x70\x00\x00"), drivers.ErrNoReading, "humidity"},
		{"humidity ffff", registers(0x60, pimoroni, pimoroniHumidity, "\x4f\xca\x00\x81\x32\x70\xff\xff"), drivers.ErrNoReading, "humidity"},
		{"too hot", registers(0x60, pimoroni, pimoroniHumidity, "\x4f\xca\x00\xc0\x00\x00\x76\x49"), drivers.ErrRange, "temperature"},
		{"too cold", registers(0x60, pimoroni, pimoroniHumidity, "\x4f\xca\x00\x40\x00\x00\x76\x49"), drivers.ErrRange, "temperature"},
		{"pressure too low", registers(0x60, pimoroni, pimoroniHumidity, "\xff\xf0\x00\x81\x32\x70\x76\x49"), drivers.ErrRange, "pressure"},
		{"pressure too high", registers(0x60, pimoroni, pimoroniHumidity, "\x20\x00\x00\x81\x32\x70\x76\x49"), drivers.ErrRange, "pressure"},
		{"no calibration", registers(0x60, "", pimoroniHumidity, good), drivers.ErrNoReading, "calibration"},
		{"no calibration of pressure", registers(0x60, pimoroni[:6], pimoroniHumidity, good), drivers.ErrNoReading, "calibration"},
		{"no calibration of humidity", registers(0x60, pimoroni, "", good), drivers.ErrNoReading, "calibration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.registers)

			assert.ErrorIs(t, err, tt.want)
			assert.ErrorContains(t, err, tt.text)
			assert.Empty(t, got, "all values or none")
		})
	}
}

// H4 and H5 share a byte and are signed: many drivers get it wrong.
func TestParseSigns(t *testing.T) {
	var b [33]byte
	copy(b[:], pimoroni)
	copy(b[26:], "\x78\x01\x00\xf0\x0f\xff\x80")

	c, err := parse(b)

	require.NoError(t, err)
	assert.EqualValues(t, -241, c.h4)
	assert.EqualValues(t, -16, c.h5)
	assert.EqualValues(t, -128, c.h6)
	assert.EqualValues(t, 376, c.h2)
	assert.EqualValues(t, 39145, c.p1, "unsigned")
	assert.EqualValues(t, -10750, c.p2)
}

func TestPressureWithoutAnswer(t *testing.T) {
	assert.ErrorIs(t, drivers.Within(calibration{}.pressure(0x50000, 128422), 300, 1100), drivers.ErrRange)
}

// A part that loses power between the command and the reading is asleep, with
// plausible data of an earlier measurement on a bad day.
func TestBrownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, setting := range []struct{ reg, lost byte }{{regCtrlHum, 0x00}, {regCtrlMeas, 0x00}, {0xf5, 0x10}} {
			host := new(sim.Host)
			part := newPart()
			host.AddI2C("1", 0x76, part)
			s, err := open(host, Settings{drivers.I2C{Address: 0x76}})
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)

			host.SetFault(func(op sim.Op) error {
				if len(op.R) == 13 {
					op.R[setting.reg-regCtrlHum] = setting.lost
				}
				return op.Err
			})
			got, err := s.Observe(t.Context(), nil)
			host.SetFault(nil)

			assert.ErrorIsf(t, err, drivers.ErrBrownOut, "register %#x", setting.reg)
			assert.Empty(t, got, "no value from a part that lost its settings")
			got, err = s.Observe(t.Context(), nil)
			assert.NoError(t, err, "initialised again")
			assert.Len(t, got, 3)
		}
	})
}

// A part whose oscillator is slow, and one that never comes to an end.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for busy, ok := range map[int]bool{0: true, 1: true, 4: true, 5: false, 1000: false} {
			host := new(sim.Host)
			host.AddI2C("1", 0x76, newPart())
			s, err := open(host, Settings{drivers.I2C{Address: 0x76}})
			require.NoError(t, err)
			n := 0
			host.SetFault(func(op sim.Op) error {
				if len(op.R) == 13 {
					if n++; n <= busy {
						op.R[1] |= 0x08
						copy(op.R[5:], "\x4f\xca\x00\x81\x32\x70\x76\x49") // of last time
					}
				}
				return op.Err
			})
			got, err := s.Observe(t.Context(), nil)
			if !ok {
				assert.ErrorIs(t, err, drivers.ErrNotReady)
				assert.Empty(t, got)
				assert.Equal(t, 5, n, "does not ask for ever")
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, busy+1, n)
			assert.InDelta(t, sim.AirTemperature(), got[0].Value, 0.1, "not what it was last time")
		}
	})
}

func TestRecordedVectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "bme280_bmp280.json") {
		t.Run(v.ID, func(t *testing.T) {
			var r [256]byte
			copy(r[0xf7:], "\x50\x00\x00\x80\x00\x00") // where the vector has no data
			v.Fill(t, &r)

			got, err := observe(t, r)

			if v.Chip != "BME280" || v.ExpectError != "" {
				assert.Error(t, err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			for _, want := range v.Expect {
				value := map[string]float64{
					"temperature": got[0].Value, "humidity": got[1].Value, "pressure": got[2].Value * 100,
				}[want.Quantity]
				assert.InDelta(t, want.Value, value, want.Tol, want.Quantity)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x75: false, 0x76: true, 0x77: true, 0x78: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
