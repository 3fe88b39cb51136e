package main

import (
	"bytes"
	"errors"
	"log/slog"
	"syscall"
	"testing"

	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// shorted are wires whose clock is held low.
type shorted struct{ i2cbus.Wires }

func (shorted) Levels() (scl, sda gpio.Level) { return gpio.Low, gpio.Low }

func TestWires(t *testing.T) {
	for text, board := range map[string]boards.Board{
		"":                                  {Simulated: true},
		"this board cannot give the wires":  {Name: "plain"},
		"no /dev/gpiomem":                   {Wires: func(string, string) (i2cbus.Wires, error) { return nil, errors.New("no /dev/gpiomem") }},
		"SCL is held low, which no clock c": {Wires: func(string, string) (i2cbus.Wires, error) { return shorted{}, nil }},
	} {
		var log bytes.Buffer
		host := new(sim.Host)
		g := &gateway{host: host, log: slog.New(slog.NewTextHandler(&log, nil)), cfg: &config.Config{
			Buses: []config.Bus{{Name: "1", SCL: "GPIO3", SDA: "GPIO2"}},
		}}

		g.wires(board)

		host.SetFault(func(sim.Op) error { return syscall.ETIMEDOUT })
		bus, err := host.I2C("1")
		require.NoError(t, err)
		err = bus.Dev(0x44).Write(t.Context(), 1)
		require.Equal(t, i2cbus.Hung, i2cbus.Class(err))
		assert.Contains(t, log.String()+err.Error(), text, "said in the log, or when it hangs")
		assert.Equal(t, text == "" || board.Wires != nil && text[0] == 'S', log.Len() == 0)
	}
}
