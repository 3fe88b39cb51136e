package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gasCell is an Alphasense NO2-A4 with an analog thermometer at one converter.
const gasCell = `board = "sim"
[thing]
id = "lamp-042"
location = [6.6323, 46.5197]

[[sensor]]
name = "no2"
driver = "ads1115"
range0 = 2.048 # working electrode
range1 = 2.048 # auxiliary electrode
range2 = 2.048 # thermometer
range3 = 0

[[sensor.process]]
kind = "linear"
property = "voltage2"
factor = 10
as = "airTemperature"
unit = "Cel"

[[sensor.process]]
kind = "gas-cell"
property = "voltage0"
auxiliary = "voltage1"
temperature = "airTemperature"
gas = "nitrogenDioxide"
algorithm = 1
temperatures = [-30, -20, -10, 0, 10, 20, 30, 40, 50]
factors = [0.8, 0.8, 1, 1.2, 1.6, 1.8, 1.9, 2.5, 3.6]
working_zero = 292
auxiliary_zero = 889
sensitivity = 0.228
expires = "2099-01-01"
`

// TestGasCell reads the gas of a cell from a converter, as a configuration has it.
func TestGasCell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := config.Parse("lamppost.toml", []byte(gasCell), catalog)
		require.NoError(t, err)
		s := cfg.Sensors[0]
		require.Len(t, s.Streams, 3)
		assert.Equal(t, agent.NitrogenDioxide, s.Streams[0].Property)
		sensor, err := s.Open(new(sim.Host))
		require.NoError(t, err)

		said, err := sensor.Observe(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, said, 3)
		for i := range said {
			said[i].Time = time.Now() // as the agent does
		}
		we, ae, c := 1000*said[0].Value, 1000*said[1].Value, 10*said[2].Value
		got := s.Steps.Process(said)

		require.Len(t, got, 3)
		require.Equal(t, agent.NitrogenDioxide, got[0].Property)
		require.True(t, 10 < c && c < 20, "%v °C, where the factor is 1.6 to 1.8", c)
		assert.InDelta(t, ((we-292)-(1.6+0.02*(c-10))*(ae-889))/0.228, got[0].Value, 1e-6)
		assert.Zero(t, got[0].Quality)
	})
}
