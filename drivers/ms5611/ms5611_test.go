package ms5611

import (
	"testing"
	"testing/synctest"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func model02(s *SettingsMS5837) { s.Model = "02ba" }

func TestDriver(t *testing.T) {
	t.Run("MS5611", func(t *testing.T) { drivertest.Run[SettingsMS5611](t, MS5611) })
	t.Run("MS5637", func(t *testing.T) { drivertest.Run[SettingsMS5637](t, MS5637) })
	t.Run("MS5837", func(t *testing.T) { drivertest.Run[SettingsMS5837](t, MS5837) })
	t.Run("MS5837-02BA", func(t *testing.T) { drivertest.Run(t, MS5837, model02) })
	for _, d := range []drivers.Driver{MS5611, MS5637, MS5837} {
		t.Run(d.Name, func(t *testing.T) {
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
}

// A test of a formula: the calibration is that of words, in sim.go.
type example struct {
	name                  string
	chip                  *chip
	d1, d2                uint32
	temperature, pressure float64
	step                  float64 // of the pressure
}

var examples = []example{
	// Examples of the datasheets, "Pressure and temperature calculation": integers,
	// rounded at each step. That of the MS5837-30BA has its correction.
	{"MS5611", &ms5611, 9085466, 8569150, 20.07, 1000.09, 0.01},
	{"MS5637", &ms5637, 6465444, 8077636, 20.00, 1100.02, 0.01},
	{"MS5837-30BA", &ms5837x30, 4958179, 6815414, 19.81, 3999.8, 0.1},
	{"MS5837-02BA", &ms5837x02, 6465444, 8077636, 20.00, 1100.02, 0.01},
}

func TestCompensate(t *testing.T) {
	for _, tt := range examples {
		c, err := parse(tt.chip, tt.chip.signed(words[tt.chip]))
		require.NoError(t, err, tt.name)

		temperature, pressure, err := c.convert(tt.d1, tt.d2)

		require.NoError(t, err, tt.name)
		assert.InDelta(t, tt.temperature, temperature, 0.01, tt.name)
		assert.InDelta(t, tt.pressure, pressure, 1.1*tt.step, tt.name)
	}
}

// The formulas in whole numbers, as the datasheets have them: TEMP, OFF, SENS.
func integers(k *chip, w [8]uint16, d1, d2 int64) (temperature, pressure int64) {
	c1, c2, c3, c4, c5, c6 := int64(w[1]), int64(w[2]), int64(w[3]), int64(w[4]), int64(w[5]), int64(w[6])
	dT := d2 - c5<<8
	t := 2000 + dT*c6>>23
	var off, sens, ti, oi, si int64
	q, f := (t-2000)*(t-2000), (t+1500)*(t+1500)
	switch k {
	case &ms5611:
		off, sens = c2<<16+c4*dT>>7, c1<<15+c3*dT>>8
		if t < 2000 {
			ti, oi, si = dT*dT>>31, 5*q>>1, 5*q>>2
			if t < -1500 {
				oi, si = oi+7*f, si+11*f>>1
			}
		}
	case &ms5637:
		off, sens = c2<<17+c4*dT>>6, c1<<16+c3*dT>>7
		if ti = 5 * dT * dT >> 38; t < 2000 {
			ti, oi, si = 3*dT*dT>>33, 61*q>>4, 29*q>>4
			if t < -1500 {
				oi, si = oi+17*f, si+9*f
			}
		}
	case &ms5837x30:
		off, sens = c2<<16+c4*dT>>7, c1<<15+c3*dT>>8
		if ti, oi = 2*dT*dT>>37, q>>4; t < 2000 {
			ti, oi, si = 3*dT*dT>>33, 3*q>>1, 5*q>>3
			if t < -1500 {
				oi, si = oi+7*f, si+4*f
			}
		}
	case &ms5837x02:
		off, sens = c2<<17+c4*dT>>6, c1<<16+c3*dT>>7
		if t < 2000 {
			ti, oi, si = 11*dT*dT>>35, 31*q>>3, 63*q>>5
		}
	}
	shift := 15
	if k == &ms5837x30 {
		shift = 13
	}
	return t - ti, (d1*(sens-si)>>21 - (off - oi)) >> shift
}

// From the coldest to the hottest, the formula is that of whole numbers.
func TestCompensateAsIntegers(t *testing.T) {
	for _, tt := range examples {
		w := tt.chip.signed(words[tt.chip])
		c, err := parse(tt.chip, w)
		require.NoError(t, err)
		n := 0
		for d2 := uint32(5_600_000); d2 < 10_600_000; d2 += 50_000 {
			for d1 := uint32(3_000_000); d1 < 9_500_000; d1 += 500_000 {
				temperature, pressure := c.compensate(float64(d1), float64(d2))
				if temperature < -40 || temperature > 85 {
					continue
				}
				n++
				wantT, wantP := integers(tt.chip, w, int64(d1), int64(d2))
				require.InDeltaf(t, float64(wantT)/100, temperature, 0.021, "%s: %d, %d", tt.name, d1, d2)
				require.InDeltaf(t, float64(wantP)*tt.step, pressure, 4*tt.step, "%s: %d, %d", tt.name, d1, d2)
			}
		}
		assert.Greater(t, n, 100, tt.name)
	}
}

// Checksums of real memories, and of AN520.
func TestChecksum(t *testing.T) {
	got, want := ms5611.checksum([8]uint16{0x3132, 0x3334, 0x3536, 0x3738, 0x3940, 0x4142, 0x4344, 0x450b})
	assert.Equal(t, uint16(0xb), got)
	assert.Equal(t, uint16(0xb), want, "AN520")
	_, want = ms5611.checksum([8]uint16{0x3132, 0x3334, 0x3536, 0x3738, 0x3940, 0x4142, 0x4344, 0x457b})
	assert.Equal(t, uint16(0xb), want, "the last byte does not count")
	bar30 := [8]uint16{0x2000, 0x88a6, 0x8e00, 0x4f68, 0x5752, 0x6816, 0x6622}
	got, want = ms5837x30.checksum(bar30)
	assert.Equal(t, uint16(0x2), got)
	assert.Equal(t, uint16(0x2), want, "a part of Blue Robotics")

	for bit := range 7 * 16 {
		w := bar30
		w[bit/16] ^= 1 << (bit % 16)
		_, err := parse(&ms5837x30, w)
		assert.ErrorIsf(t, err, drivers.ErrChecksum, "bit %d was wrong", bit)
	}
}

func TestParseRefuses(t *testing.T) {
	bar30 := [8]uint16{0x2000, 0x88a6, 0x8e00, 0x4f68, 0x5752, 0x6816, 0x6622}
	none, ones := bar30, bar30
	none[3], ones[6] = 0, 0xffff
	for name, tt := range map[string]struct {
		chip  *chip
		words [8]uint16
		want  error
	}{
		"nothing":                    {&ms5637, [8]uint16{}, drivers.ErrNoReading},
		"a coefficient of 0":         {&ms5837x30, ms5837x30.signed(none), drivers.ErrNoReading},
		"a coefficient of ones":      {&ms5837x30, ms5837x30.signed(ones), drivers.ErrNoReading},
		"a MS5837 as MS5611":         {&ms5611, bar30, drivers.ErrIdentity},
		"an old 30BA as 02BA":        {&ms5837x02, bar30, drivers.ErrIdentity},
		"a 30BA as 02BA":             {&ms5837x02, ms5837x30.signed(words[&ms5837x30]), drivers.ErrIdentity},
		"a 02BA as 30BA":             {&ms5837x30, ms5837x02.signed(words[&ms5837x02]), drivers.ErrIdentity},
		"an old 02BA as 30BA":        {&ms5837x30, ms5637.signed(words[&ms5637]), drivers.ErrIdentity},
		"a 02BA of low sensitivity":  {&ms5837x30, ms5837x02.signed([8]uint16{0x15 << 5, 30000, 1, 2, 3, 4, 5}), drivers.ErrIdentity},
		"a 30BA of high sensitivity": {&ms5837x02, ms5837x02.signed([8]uint16{0x1a << 5, 40000, 1, 2, 3, 4, 5}), drivers.ErrIdentity},
	} {
		_, err := parse(tt.chip, tt.words)
		assert.ErrorIs(t, err, tt.want, name)
	}
	for name, k := range map[string]*chip{"30BA": &ms5837x30, "02BA": &ms5837x02} {
		_, err := parse(k, k.signed([8]uint16{k.product << 5, 37000, 1, 2, 3, 4, 5}))
		assert.NoErrorf(t, err, "a %s that tells its number", name)
	}
	_, err := parse(&ms5837x30, bar30)
	assert.NoError(t, err, "a 30BA that tells none")
	_, err = parse(&ms5837x02, ms5637.signed(words[&ms5637]))
	assert.NoError(t, err, "a 02BA that tells none")
}

func TestConvertRefuses(t *testing.T) {
	for _, k := range []*chip{&ms5611, &ms5637, &ms5837x30, &ms5837x02} {
		c, err := parse(k, k.signed(words[k]))
		require.NoError(t, err)
		mild := uint32(c.c5 * 256) // 20 °C
		for name, tt := range map[string]struct {
			d1, d2 uint32
			want   error
			text   string
		}{
			"pressure not converted":    {0, 8077636, drivers.ErrNoReading, "0x000000"},
			"temperature not converted": {6465444, 0, drivers.ErrNoReading, "0x000000"},
			"pressure is an open wire":  {1<<24 - 1, 8077636, drivers.ErrNoReading, "0xffffff"},
			"too cold":                  {6465444, 5000000, drivers.ErrRange, "temperature"},
			"too hot":                   {6465444, 11000000, drivers.ErrRange, "temperature"},
			"pressure too low":          {100000, mild, drivers.ErrRange, "pressure"},
			"pressure too high":         {16000000, mild, drivers.ErrRange, "pressure"},
		} {
			temperature, pressure, err := c.convert(tt.d1, tt.d2)
			assert.ErrorIs(t, err, tt.want, k.name+": "+name)
			assert.ErrorContains(t, err, tt.text, k.name+": "+name)
			assert.Zero(t, temperature, name)
			assert.Zero(t, pressure, name)
		}
	}
}

// The whole conversation with a Bar30 under three metres of water, twice.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measure := []i2ctest.IO{
			{Addr: 0x76, W: []byte{0x4a}},
			{Addr: 0x76, W: []byte{0x00}, R: []byte{0x4b, 0xa7, 0xe3}},
			{Addr: 0x76, W: []byte{0x5a}},
			{Addr: 0x76, W: []byte{0x00}, R: []byte{0x67, 0xfe, 0xb6}},
		}
		ops := []i2ctest.IO{
			{Addr: 0x76, W: []byte{0x1e}},
			{Addr: 0x76, W: []byte{0xa0}, R: []byte{0x20, 0x00}},
			{Addr: 0x76, W: []byte{0xa2}, R: []byte{0x88, 0xa6}},
			{Addr: 0x76, W: []byte{0xa4}, R: []byte{0x8e, 0x00}},
			{Addr: 0x76, W: []byte{0xa6}, R: []byte{0x4f, 0x68}},
			{Addr: 0x76, W: []byte{0xa8}, R: []byte{0x57, 0x52}},
			{Addr: 0x76, W: []byte{0xaa}, R: []byte{0x68, 0x16}},
			{Addr: 0x76, W: []byte{0xac}, R: []byte{0x66, 0x22}},
		}
		ops = append(ops, measure...)
		ops = append(ops, ops...)
		bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
		s := &sensor{dev: i2cbus.New("1", bus).Dev(0x76), chip: &ms5837x30}
		for range 2 {
			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			require.Len(t, got, 2)
			assert.Equal(t, agent.WaterTemperature, got[0].Property)
			assert.InDelta(t, 19.81, got[0].Value, 0.01)
			assert.Equal(t, agent.WaterPressure, got[1].Property)
			assert.InDelta(t, 3999.8, got[1].Value, 0.1)
		}
		assert.NoError(t, bus.Close(), "every expected transaction took place")
	})
}

// A part that takes the place of another between two readings has a calibration of
// its own: that of the one before makes a pressure that is wrong and looks right.
func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		settings := SettingsMS5611{drivers.I2C{Address: 0x77}}
		simulateMS5611(host, settings)
		s, err := openMS5611(host, settings)
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)

		other := newPart(&ms5611)
		w := words[&ms5611]
		w[1], w[5] = w[1]+700, w[5]-500
		other.memory = ms5611.signed(w)
		other.calibration, err = parse(&ms5611, other.memory)
		require.NoError(t, err)
		settings.Simulate(host, other)
		got, err := s.Observe(t.Context(), nil)

		require.NoError(t, err)
		assert.InDelta(t, sim.AirTemperature(), got[0].Value, 0.02)
		assert.InDelta(t, sim.AtmosphericPressure(), got[1].Value, 0.1)
	})
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		command byte
		answer  string
		want    error
	}{
		"result lost":       {cmdRead, "\x00\x00\x00", drivers.ErrNoReading},
		"wrong coefficient": {cmdMemory + 4, "\x12\x34", drivers.ErrChecksum},
		"no memory":         {cmdMemory + 2, "\x00\x00", drivers.ErrNoReading},
	} {
		got, err := drivertest.Answers[SettingsMS5611](t, MS5611, map[byte][]byte{tt.command: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.Empty(t, got, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0), uint16(0x1230), uint16(40127), uint16(36924), uint16(23317), uint16(23282), uint16(33464), uint16(28312), uint32(9085466), uint32(8569150))
	f.Add(byte(2), uint16(0x2000), uint16(34982), uint16(36352), uint16(20328), uint16(22354), uint16(26646), uint16(26146), uint32(4958179), uint32(6815414))
	f.Fuzz(func(t *testing.T, which byte, w0, c1, c2, c3, c4, c5, c6 uint16, d1, d2 uint32) {
		k := []*chip{&ms5611, &ms5637, &ms5837x30, &ms5837x02}[which%4]
		w := [8]uint16{w0, c1, c2, c3, c4, c5, c6, w0}
		got, want := k.checksum(w)
		c, err := parse(k, w)
		if err != nil {
			w = k.signed(w)
			if c, err = parse(k, w); err != nil {
				return
			}
		} else {
			assert.Equal(t, want, got, "the checksum was right")
		}
		if temperature, pressure, err := c.convert(d1&0xffffff, d2&0xffffff); err == nil {
			assert.True(t, k.coldest <= temperature && temperature <= 85, temperature)
			assert.True(t, k.lowest <= pressure && pressure <= k.highest, pressure)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c, err := parse(&ms5837x30, ms5837x30.signed(words[&ms5837x30]))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = c.convert(4958179, 6815414)
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16][2]bool{0x75: {false, false}, 0x76: {true, true}, 0x77: {true, false}, 0x78: {false, false}} {
		place := drivers.I2C{Address: address}
		err := SettingsMS5611{place}.Validate()
		assert.Equalf(t, ok[0], err == nil, "MS5611 at %#x: %v", address, err)
		err = SettingsMS5637{place}.Validate()
		assert.Equalf(t, ok[1], err == nil, "MS5637 at %#x: %v", address, err)
		err = SettingsMS5837{place, "02ba"}.Validate()
		assert.Equalf(t, ok[1], err == nil, "MS5837 at %#x: %v", address, err)
	}
	assert.ErrorContains(t, SettingsMS5837{drivers.I2C{Address: 0x76}, "30BA"}.Validate(), "want \"30ba\" or \"02ba\"")
	assert.Equal(t, int8(1), SettingsMS5837{Model: "30ba"}.Observes()[1].Resolution)
	assert.Equal(t, int8(2), SettingsMS5837{Model: "02ba"}.Observes()[1].Resolution)
}
