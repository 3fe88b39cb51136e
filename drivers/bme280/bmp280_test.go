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

func TestBMP280(t *testing.T) {
	drivertest.Run[Settings](t, BMP280)
	drivertest.Stuck(t, BMP280, 0x00)
	drivertest.Stuck(t, BMP280, 0xff)
}

// observeBMP280 reads a part that holds these registers, whatever it is told.
func observeBMP280(t *testing.T, registers [256]byte) (results []agent.Result, err error) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		host.AddI2C("1", 0x76, &sim.Registers{R: registers, Pairs: true})
		s, openErr := openBMP280(host, Settings{drivers.I2C{Address: 0x76}})
		require.NoError(t, openErr)
		results, err = s.Observe(t.Context(), nil)
	})
	return results, err
}

func TestObserveBMP280(t *testing.T) {
	for _, id := range []byte{0x56, 0x57, 0x58} {
		got, err := observeBMP280(t, registers(id, bosch, "", "\x65\x5a\xc0\x7e\xed\x00"))

		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.Equal(t, agent.AirTemperature, got[0].Property)
		assert.InDelta(t, 25.08248, got[0].Value, 0.0001, "datasheet, section 3.12")
		assert.Equal(t, agent.AtmosphericPressure, got[1].Property)
		assert.InDelta(t, 1006.53267, got[1].Value, 0.0001, "datasheet, section 3.12")
	}
}

func TestObserveBMP280Refuses(t *testing.T) {
	for name, tt := range map[string]struct {
		registers [256]byte
		want      error
		text      string
	}{
		"BME280":              {registers(0x60, bosch, "", "\x65\x5a\xc0\x7e\xed\x00"), drivers.ErrIdentity, `driver = "bme280"`},
		"no measurement":      {registers(0x58, bosch, "", "\x80\x00\x00\x7e\xed\x00"), drivers.ErrNoReading, "80 00 00"},
		"no calibration":      {registers(0x58, "", "", "\x65\x5a\xc0\x7e\xed\x00"), drivers.ErrNoReading, "calibration"},
		"too high a pressure": {registers(0x58, bosch, "", "\x20\x00\x00\x7e\xed\x00"), drivers.ErrRange, "pressure"},
	} {
		got, err := observeBMP280(t, tt.registers)
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

func TestBMP280BrownOut(t *testing.T) {
	got, err := drivertest.Answers[Settings](t, BMP280, map[byte][]byte{regCtrlHum: {0, 0, ctrlMeas, 0}})
	assert.ErrorIs(t, err, drivers.ErrBrownOut, "the standby time is lost")
	assert.Empty(t, got)
}

func TestBMP280RecordedVectors(t *testing.T) {
	n := 0
	for _, v := range drivertest.Vectors(t, "bme280_bmp280.json") {
		if v.Chip != "BMP280" {
			continue
		}
		n++
		var r [256]byte
		v.Fill(t, &r)

		got, err := observeBMP280(t, r)

		require.NoError(t, err, v.ID)
		for _, want := range v.Expect {
			value := map[string]float64{"temperature": got[0].Value, "pressure": got[1].Value * 100}[want.Quantity]
			assert.InDelta(t, want.Value, value, want.Tol, v.ID+" "+want.Quantity)
		}
	}
	assert.Equal(t, 3, n)
}

func FuzzDecodeBMP280(f *testing.F) {
	f.Add([]byte(bosch[:24] + "\x65\x5a\xc0\x7e\xed\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 30 {
			return
		}
		c, err := parseAir([24]byte(b))
		if err != nil {
			return
		}
		if v, _, err := c.convertAir([6]byte(b[24:])); err == nil {
			assert.True(t, -40 <= v.temperature && v.temperature <= 85, v.temperature)
			assert.True(t, 300 <= v.pressure && v.pressure <= 1100, v.pressure)
		}
	})
}

func BenchmarkDecodeBMP280(b *testing.B) {
	c, err := parseAir([24]byte([]byte(bosch[:24])))
	require.NoError(b, err)
	for b.Loop() {
		_, _, _ = c.convertAir([6]byte{0x65, 0x5a, 0xc0, 0x7e, 0xed, 0x00})
	}
}
