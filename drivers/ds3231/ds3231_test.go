package ds3231

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDriver(t *testing.T) {
	for _, d := range []drivers.Driver{Driver, DS1307} {
		t.Run(d.Name, func(t *testing.T) {
			drivertest.Run[Settings](t, d)
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
}

// live are the registers of a real part (sigrok-dumps): 2020-09-07 14:05:53.
const live = "\x53\x05\x14\x01\x07\x09\x20\x00\x00\x00\x00\x80\x80\x80\x1c\x08\x00\x19\x00"

// changed is live with other bytes from a register on.
func changed(reg int, b string) string { return live[:reg] + b + live[reg+len(b):] }

func TestObserve(t *testing.T) {
	for name, tt := range map[string]struct {
		registers   string
		temperature float64
		lost        float64
	}{
		"live":                {live, 25, 0},
		"oscillator stopped":  {changed(0x0f, "\x88"), 25, 1},
		"a quarter":           {changed(0x11, "\x19\x40"), 25.25, 0},
		"frost":               {changed(0x11, "\xe7\xc0"), -24.25, 0},
		"afternoon, century":  {changed(0x02, "\x68\x07\x31\x92\x99"), 25, 0},
		"just switched on":    {"\x00\x00\x00\x01\x01\x01\x00" + changed(0x0f, "\x88")[7:], 25, 1},
		"last second of 1999": {"\x59\x59\x23\x07\x31\x12\x99" + live[7:], 25, 0},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regTime: []byte(tt.registers)})

		require.NoError(t, err, name)
		require.Len(t, got, 2)
		assert.Equal(t, agent.PartTemperature, got[0].Property)
		assert.InDelta(t, tt.temperature, got[0].Value, 1e-9, name)
		assert.Equal(t, agent.ClockStopped, got[1].Property)
		assert.InDelta(t, tt.lost, got[1].Value, 1e-9, name)
	}
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		registers string
		want      error
	}{
		"no second":             {changed(0, "\x60"), drivers.ErrIdentity},
		"no digit":              {changed(0, "\x4a"), drivers.ErrIdentity},
		"halted, as a DS1307":   {changed(0, "\x80"), drivers.ErrIdentity},
		"no minute":             {changed(1, "\x60"), drivers.ErrIdentity},
		"no hour":               {changed(2, "\x24"), drivers.ErrIdentity},
		"no hour of twelve":     {changed(2, "\x53"), drivers.ErrIdentity},
		"no day of the week":    {changed(3, "\x08"), drivers.ErrIdentity},
		"no day":                {changed(4, "\x32"), drivers.ErrIdentity},
		"no month":              {changed(5, "\x13"), drivers.ErrIdentity},
		"no year":               {changed(6, "\xa0"), drivers.ErrIdentity},
		"no status":             {changed(0x0f, "\x10"), drivers.ErrIdentity},
		"temperature too fine":  {changed(0x11, "\x19\x20"), drivers.ErrIdentity},
		"temperature too high":  {changed(0x11, "\x7f\xc0"), drivers.ErrRange},
		"temperature too low":   {changed(0x11, "\xc9\x00"), drivers.ErrRange},
		"an MPU6050's zeros":    {strings.Repeat("\x00", 19), drivers.ErrIdentity},
		"a bus that is pulled":  {strings.Repeat("\xff", 19), drivers.ErrIdentity},
		"no month, but century": {changed(5, "\x80"), drivers.ErrIdentity},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regTime: []byte(tt.registers)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

func TestObserveDS1307(t *testing.T) {
	for name, tt := range map[string]struct {
		registers string
		lost      float64
		ok        bool
	}{
		"live, afternoon (sigrok-dumps)": {"\x41\x39\x68\x06\x02\x02\x19\x03", 0, true},
		"halted":                         {"\x80\x00\x00\x01\x01\x01\x00\x03", 1, true},
		"halted at some time":            {"\xd9\x00\x00\x01\x01\x01\x00\x93", 1, true},
		"no second":                      {"\x60\x00\x00\x01\x01\x01\x00\x03", 0, false},
		"no control":                     {"\x00\x00\x00\x01\x01\x01\x00\x04", 0, false},
	} {
		got, err := drivertest.Answers[Settings](t, DS1307, map[byte][]byte{regTime: []byte(tt.registers)})
		if !tt.ok {
			assert.ErrorIs(t, err, drivers.ErrIdentity, name)
			assert.Empty(t, got, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, []agent.Result{{Property: agent.ClockStopped, Value: tt.lost}}, got, name)
	}
}

func TestVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			ID, Chip string
			Regs     map[string]string
			Calls    []struct{ W, R string }
			Expect   []struct{ Value any } // a time is text
		}
	}
	require.NoError(t, json.Unmarshal(drivertest.Data(t, "i2c/vectors/rtc.json"), &file))
	for _, v := range file.Vectors {
		registers := []byte(live)
		fill := func(reg int, text string) {
			b, err := hex.DecodeString(text)
			require.NoError(t, err)
			copy(registers[reg:], b)
		}
		fill(0x11, v.Regs["0x11"])
		for _, call := range v.Calls {
			fill(map[string]int{"00": 0x00, "11": 0x11}[call.W], call.R)
		}
		if v.Chip == "DS1307" {
			lost, err := decodeDS1307([8]byte(registers))
			require.NoError(t, err, v.ID)
			assert.False(t, lost, v.ID)
			continue
		}
		temperature, _, err := decodeDS3231([19]byte(registers))
		want := v.Expect[len(v.Expect)-1].Value.(float64)
		if want > 85 {
			assert.ErrorIs(t, err, drivers.ErrRange, v.ID)
			continue
		}
		require.NoError(t, err, v.ID)
		assert.InDelta(t, want, temperature, 0, v.ID)
	}
	assert.Len(t, file.Vectors, 9)
}

// What clocks on real buses said, as answers to the registers that were asked.
func TestRecorded(t *testing.T) {
	for name, want := range map[string]int{"ds3231_ex1": 1, "ds1307_set_read": 7} {
		registers, n := []byte(live), 0
		for line := range strings.Lines(string(drivertest.Data(t, "i2c/captures/"+name+".jsonl"))) {
			var transfer struct {
				Msgs []struct{ Op, Addr, Data string }
			}
			require.NoError(t, json.Unmarshal([]byte(line), &transfer))
			m := transfer.Msgs
			if len(m) != 2 || m[0].Addr != "0x68" || m[1].Op != "r" {
				continue
			}
			reg, err := hex.DecodeString(m[0].Data)
			require.NoError(t, err)
			b, err := hex.DecodeString(m[1].Data)
			require.NoError(t, err)
			copy(registers[reg[0]:], b)
			if reg[0] == regTime {
				n++
				assert.True(t, isTime([7]byte(b)), "% x", b)
			}
		}
		assert.Equal(t, want, n, name)
		if name == "ds3231_ex1" {
			got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{regTime: registers})
			require.NoError(t, err)
			assert.InDelta(t, 25, got[0].Value, 1e-9)
			assert.Zero(t, got[1].Value, "it had kept the time")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(live))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 19 {
			return
		}
		if temperature, _, err := decodeDS3231([19]byte(b)); err == nil {
			assert.True(t, -40 <= temperature && temperature <= 85, temperature)
		}
		if lost, err := decodeDS1307([8]byte(b)); err == nil {
			assert.Equal(t, b[0] >= 0x80, lost)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		_, _, _ = decodeDS3231([19]byte([]byte(live)))
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x67: false, 0x68: true, 0x69: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
