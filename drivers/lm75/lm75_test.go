package lm75

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestDriver(t *testing.T) {
	for name := range parts {
		t.Run(name, func(t *testing.T) {
			drivertest.Run(t, Driver, func(s *Settings) { s.Part = name })
		})
	}
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// observe reads a part that answers a temperature and a configuration.
func observe(t *testing.T, name string, temperature, config []byte) (results []agent.Result, err error) {
	synctest.Test(t, func(t *testing.T) {
		p := parts[name]
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x48, W: append([]byte{0x01}, p.config...)},
			{Addr: 0x48, W: []byte{0x00}, R: temperature},
			{Addr: 0x48, W: []byte{0x01}, R: config},
		}}
		s := &sensor{part: p, dev: i2cbus.New("1", bus).Dev(0x48)}
		start := time.Now()
		results, err = s.Observe(t.Context(), nil)
		assert.GreaterOrEqual(t, time.Since(start), p.convert, "waits for the first conversion")
		require.NoError(t, bus.Close(), "every expected transaction took place")
	})
	return results, err
}

func TestObserve(t *testing.T) {
	tests := []struct {
		part        string
		word        string
		temperature float64
		source      string
	}{
		{"lm75", "1900", 25, "TI LM75B, temperature data format"},
		{"lm75", "7d00", 125, "TI LM75B, temperature data format"},
		{"lm75", "ff80", -0.5, "TI LM75B, temperature data format"},
		{"lm75", "ffff", -0.5, "the same with ones in the undefined bits"},
		{"lm75", "c900", -55, "TI LM75B, temperature data format"},
		{"lm75", "e7a5", -24.5, "crate lm75, tests"},
		{"lm75", "1c7f", 28, "a board, through Linux's driver"},
		{"lm75", "12e0", 18.5, "senlib, tests"},
		{"lm75b", "1c7f", 28.375, "a board with a DS75, through Linux's driver"},
		{"lm75b", "7ee0", 126.875, "NXP LM75B, Temp register values"},
		{"lm75b", "ffe0", -0.125, "NXP LM75B, Temp register values"},
		{"tmp75", "7ff0", 127.9375, "TI TMP75, table 7-1"},
		{"tmp75", "0040", 0.25, "TI TMP75, table 7-1"},
		{"tmp105", "ffc0", -0.25, "TI TMP105, table 5"},
		{"tmp105", "e700", -25, "TI TMP105, table 5"},
		{"tmp102", "c900", -55, "TI TMP102, temperature data format"},
		{"tmp102", "6400", 100, "TI TMP102, temperature data format"},
		{"tmp102", "0000", 0, "TI TMP102, temperature data format"},
	}
	for _, tt := range tests {
		t.Run(tt.part+" "+tt.word, func(t *testing.T) {
			word, err := hex.DecodeString(tt.word)
			require.NoError(t, err)

			got, err := observe(t, tt.part, word, parts[tt.part].config)

			require.NoError(t, err)
			require.Len(t, got, 1)
			assert.Equal(t, agent.Result{Property: agent.AirTemperature, Value: tt.temperature}, got[0])
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	tests := []struct {
		part         string
		word, config []byte
		want         error
	}{
		{"lm75", []byte{0x80, 0x00}, []byte{0x08}, drivers.ErrRange},
		{"lm75", []byte{0xc8, 0x80}, []byte{0x08}, drivers.ErrRange},
		{"lm75b", []byte{0x80, 0x00}, []byte{0x08}, drivers.ErrRange},
		{"tmp75", []byte{0xc8, 0xf0}, []byte{0x68}, drivers.ErrRange},
		{"tmp75", []byte{0xff, 0xff}, []byte{0x68}, drivers.ErrNoReading},
		{"tmp102", []byte{0x19, 0x01}, []byte{0x68, 0xa0}, drivers.ErrNoReading},
		{"lm75", []byte{0x00, 0x00}, []byte{0x00}, drivers.ErrBrownOut},
		{"lm75", []byte{0x19, 0x00}, []byte{0x09}, drivers.ErrBrownOut},
		{"lm75", []byte{0xff, 0xff}, []byte{0xff}, drivers.ErrBrownOut},
		{"tmp75", []byte{0x19, 0x00}, []byte{0x08}, drivers.ErrBrownOut},
		{"tmp102", []byte{0x19, 0x00}, []byte{0x60, 0xa0}, drivers.ErrBrownOut},
		{"tmp102", []byte{0x19, 0x00}, []byte{0x68, 0x90}, drivers.ErrBrownOut},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s % x % x", tt.part, tt.word, tt.config), func(t *testing.T) {
			got, err := observe(t, tt.part, tt.word, tt.config)

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

// What the part changes by itself is no sign of a loss of power.
func TestStatusBitsAreNoSettings(t *testing.T) {
	_, err := observe(t, "tmp75", []byte{0x19, 0x00}, []byte{0xe8})
	assert.NoError(t, err, "one-shot")
	_, err = observe(t, "tmp102", []byte{0x19, 0x00}, []byte{0xe8, 0x80})
	assert.NoError(t, err, "alert")
}

func TestPowerLost(t *testing.T) {
	for name := range parts {
		synctest.Test(t, func(t *testing.T) {
			host := new(sim.Host)
			settings := Settings{drivers.I2C{Address: 0x48}, name}
			simulate(host, settings)
			s, err := open(host, settings)
			require.NoError(t, err)
			_, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)

			host.PowerCycle()
			got, err := s.Observe(t.Context(), nil)

			assert.ErrorIs(t, err, drivers.ErrBrownOut, name)
			assert.Empty(t, got, "0 °C is not the temperature")
			got, err = s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.InDelta(t, sim.AirTemperature(), got[0].Value, 1)
		})
	}
}

func TestRecordedVectors(t *testing.T) {
	for _, v := range drivertest.Vectors(t, "lm75_tmp102.json") {
		if strings.Contains(v.Chip, "MCP9808") {
			continue // another family
		}
		t.Run(v.ID, func(t *testing.T) {
			name := "lm75"
			switch {
			case v.Chip == "TMP102":
				name = "tmp102"
			case v.Conditions["bits"] == 11.0:
				name = "lm75b"
			}
			answer := v.Regs["0x00"]
			if len(v.Calls) > 0 {
				answer = v.Calls[0].R
			}
			word, err := hex.DecodeString(answer)
			require.NoError(t, err)

			got, err := observe(t, name, word, parts[name].config)

			require.NoError(t, err)
			for _, want := range v.Expect {
				if want.Quantity == "temperature" {
					assert.Equal(t, want.Value, got[0].Value)
				}
			}
		})
	}
}

// An FM75 in a USB thermometer, as it was heard on the bus.
func TestRecordedThermometer(t *testing.T) {
	capture := drivertest.Data(t, "i2c/captures/fm75_temper_eeprom.jsonl")
	words := 0
	for line := range strings.Lines(string(capture)) {
		var transfer struct {
			Msgs []struct{ Op, Addr, Data string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &transfer))
		for _, m := range transfer.Msgs {
			if m.Addr != "0x4f" || m.Op != "r" {
				continue
			}
			word, err := hex.DecodeString(m.Data)
			require.NoError(t, err)
			words++

			got, err := observe(t, "lm75", word, parts["lm75"].config)

			require.NoError(t, err)
			assert.Equal(t, 30.0, got[0].Value)
		}
	}
	assert.Equal(t, 224, words)
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x47: false, 0x48: true, 0x4f: true, 0x50: false} {
		err := Settings{drivers.I2C{Address: address}, "lm75"}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	assert.Error(t, Settings{drivers.I2C{Address: 0x4c}, "tmp102"}.Validate(), "one pin, four addresses")
	assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x48}, "tmp117"}.Validate(), "tmp117")
	for name, want := range map[string]int8{"lm75": 1, "lm75b": 2, "tmp75": 2, "tmp105": 2, "tmp102": 2} {
		assert.Equal(t, want, Settings{Part: name}.Observes()[0].Resolution, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(0x1900))
	f.Add(uint16(0x8000))
	f.Add(uint16(0xffff))
	f.Fuzz(func(t *testing.T, word uint16) {
		for name, p := range parts {
			if v, err := p.decode([2]byte{byte(word >> 8), byte(word)}); err == nil {
				assert.True(t, -55 <= v && v < 128, "%s: %v", name, v)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	p := parts["lm75"]
	for b.Loop() {
		_, _ = p.decode([2]byte{0x19, 0x00})
	}
}
