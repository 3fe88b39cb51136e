package ina228

import (
	"math"
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

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// Steps of the datasheet, section 7.6.1.
func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		bus, shunt, temperature uint64
		want                    reading
	}{
		"a battery":                  {0x0f0000, 0x07d000, 0x0c80, reading{12, 0.01, 25}},
		"nothing":                    {0, 0, 0, reading{}},
		"feeding back, below 0 °C":   {0x0f0000, 0xf83000, 0xffff, reading{12, -0.01, -0.0078125}},
		"the lower bits say nothing": {0x0f000f, 0x07d00f, 0x0c80, reading{12, 0.01, 25}},
		"all there is":               {0x6a4000, 0x7fffef, 0x3e80, reading{85, 524286 * 312.5e-9, 125}},
	} {
		got, err := decode(words{bus: tt.bus, shunt: tt.shunt, temperature: tt.temperature, flags: healthy})

		require.NoError(t, err, name)
		assert.InDelta(t, tt.want.volts, got.volts, 1e-9, name)
		assert.InDelta(t, tt.want.drop, got.drop, 1e-12, name)
		assert.InDelta(t, tt.want.celsius, got.celsius, 1e-9, name)
	}
}

func TestObserveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    byte
		answer string
		want   error
		text   string
	}{
		"another maker":       {regMaker, "\x54\x48", drivers.ErrIdentity, "0x5448"},
		"an INA238":           {regDevice, "\x23\x80", drivers.ErrIdentity, "0x2380"},
		"power lost":          {regConverter, "\xfb\x68", drivers.ErrBrownOut, "0xfb68"},
		"another range":       {regConfig, "\x00\x10", drivers.ErrBrownOut, "0x0010"},
		"another calibration": {regCalibration, "\x10\x01", drivers.ErrBrownOut, "0x1001"},
		"trim values damaged": {regFlags, "\x00\x00", drivers.ErrNoReading, "damaged"},
		"current too high":    {regShunt, "\x7f\xff\xf0", drivers.ErrRange, "current"},
		"current too low":     {regShunt, "\x80\x00\x00", drivers.ErrRange, "current"},
		"bus too high":        {regBus, "\x6a\x40\x10", drivers.ErrRange, "bus"},
		"bus below ground":    {regBus, "\xff\x9f\xf0", drivers.ErrRange, "bus"},
		"too hot":             {regTemperature, "\x3e\x81", drivers.ErrRange, "temperature"},
		"too cold":            {regTemperature, "\xeb\xff", drivers.ErrRange, "temperature"},
	} {
		got, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{tt.reg: []byte(tt.answer)})
		assert.ErrorIs(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.text, name)
		assert.Empty(t, got, name)
	}
}

// A part whose sums grow: steps of section 8.1.2, for a shunt of 2 mΩ.
func TestTotals(t *testing.T) {
	start := time.Now()
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	s := totals{ohms: 0.002, energy: 1000}
	const most = 1 << 40 // 80 A and 85 V fill it in 15 days

	require.NoError(t, s.add(words{energy: 500, charge: 500}, at(0)))
	assert.Equal(t, 1000.0, s.energy, "what was before the first reading is not counted")
	assert.Zero(t, s.charge)
	assert.Zero(t, s.energyQuality)
	assert.Equal(t, agent.Restarted, s.chargeQuality, "it counts from 0")

	require.NoError(t, s.add(words{energy: 500 + 450_000, charge: 500 + 23_040_000}, at(60)))
	assert.InDelta(t, 1001, s.energy, 1e-9, "8 mJ a step")
	assert.InDelta(t, 1, s.charge, 1e-9, "156.25 µC a step")
	assert.Zero(t, s.chargeQuality)

	require.NoError(t, s.add(words{energy: 500 + 900_000, charge: most - 23_040_000 + 500}, at(120)))
	assert.InDelta(t, 1002, s.energy, 1e-9)
	assert.InDelta(t, -1, s.charge, 1e-9, "a charge flows back")

	s.lose()
	require.NoError(t, s.add(words{energy: most - 450_000, charge: 0}, at(180)))
	assert.InDelta(t, 1002, s.energy, 1e-9, "totals stay when the part's sums are lost")
	assert.InDelta(t, -1, s.charge, 1e-9)
	assert.Equal(t, agent.Incomplete, s.energyQuality)
	assert.Equal(t, agent.Incomplete, s.chargeQuality)

	require.NoError(t, s.add(words{energy: 0, charge: 1<<39 - 1}, at(60*24*30)))
	assert.InDelta(t, 1003, s.energy, 1e-9, "a sum that is full begins again")
	assert.Zero(t, s.energyQuality)
	assert.Zero(t, s.chargeQuality)

	require.NoError(t, s.add(words{energy: 1 << 39, charge: 1<<39 - 1}, at(60*24*60)))
	assert.InDelta(t, 1003+(1<<39)*0.008/3600, s.energy, 1e-6, "all 40 bits count")
}

// Somebody else reset the part's sums: they shrank, or grew by more than can be.
func TestTotalsOfSomebodyElse(t *testing.T) {
	start := time.Now()
	for name, sums := range map[string][2]uint64{
		"energy": {0, 23_040_000}, "charge": {450_000, 1 << 39}, "charge back": {450_000, 1<<40 - 1<<38},
	} {
		s := totals{ohms: 0.002}
		require.NoError(t, s.add(words{energy: 450_000, charge: 23_040_000}, start))

		err := s.add(words{energy: sums[0], charge: sums[1]}, start.Add(time.Minute))

		assert.ErrorIs(t, err, drivers.ErrBrownOut, name)
		assert.Zero(t, s.energy, name)
		assert.Zero(t, s.charge, name)
		assert.False(t, s.counts, name)
		require.NoError(t, s.add(words{energy: sums[0], charge: sums[1]}, start.Add(2*time.Minute)))
		assert.Equal(t, agent.Incomplete, s.energyQuality, name)
	}
}

// bench puts a sensor on a host and observes it once.
func bench(t *testing.T) (agent.Sensor, *sim.Host) {
	t.Helper()
	host := new(sim.Host)
	simulate(host, defaults)
	s, err := open(host, defaults)
	require.NoError(t, err)
	s.(agent.Resumer).Resume(agent.Energy, 5000)
	s.(agent.Resumer).Resume(agent.Pulses, 1)
	_, err = s.Observe(t.Context(), nil)
	require.NoError(t, err)
	return s, host
}

// What is observed of a day adds up, whatever the bus does meanwhile.
func TestObserveADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, host := bench(t)
		wattHours, ampereHours := 0.0, 0.0
		var got []agent.Result
		for minute := range 24 * 60 {
			time.Sleep(time.Minute)
			if minute%60 == 30 { // nor does it matter where it fails
				for _, reg := range []byte{regBus, regMaker, regCalibration} {
					host.SetFault(func(op sim.Op) error {
						if op.W[0] == reg {
							return sim.NoAck
						}
						return op.Err
					})
					_, err := s.Observe(t.Context(), nil)
					require.Error(t, err)
				}
				host.SetFault(nil)
			}
			var err error
			got, err = s.Observe(t.Context(), got[:0])
			require.NoError(t, err)
			require.Zero(t, got[4].Quality|got[5].Quality)
			wattHours += got[2].Value / 60
			ampereHours += got[1].Value / 60
		}
		require.Equal(t, agent.Energy, got[4].Property)
		assert.Equal(t, math.Floor(got[4].Value), got[4].Value, "a count is whole")
		assert.InDelta(t, 5000+wattHours, got[4].Value, 1.1)
		require.Equal(t, agent.Charge, got[5].Property)
		assert.InDelta(t, ampereHours, got[5].Value, 0.05)
		assert.Greater(t, wattHours, 500.0)
	})
}

func TestObservePowerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, host := bench(t)
		time.Sleep(time.Hour)
		before, err := s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.InDelta(t, 5000+25.5, before[4].Value, 1.5)
		time.Sleep(time.Minute)
		host.PowerCycle()
		time.Sleep(time.Minute)

		got, err := s.Observe(t.Context(), nil)
		require.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Empty(t, got)

		got, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, before[4].Value, got[4].Value, "energy goes on where it was")
		assert.Equal(t, agent.Incomplete, got[4].Quality)
		assert.InDelta(t, before[5].Value, got[5].Value, 1e-9)
		assert.Equal(t, agent.Incomplete, got[5].Quality)
		time.Sleep(time.Hour)
		got, err = s.Observe(t.Context(), nil)
		require.NoError(t, err)
		assert.InDelta(t, before[4].Value+27, got[4].Value, 1.5)
		assert.Zero(t, got[4].Quality)
	})
}

// An overflow spoils the sums, not the rest; a reset ends it.
func TestObserveOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, host := bench(t)
		resets := 0
		host.SetFault(func(op sim.Op) error {
			switch {
			case len(op.W) == 3 && op.W[0] == regConfig:
				resets++
			case op.W[0] == regFlags && resets == 0:
				op.R[0] = overflow >> 8
			}
			return op.Err
		})
		time.Sleep(time.Minute)
		got, err := s.Observe(t.Context(), nil)
		require.ErrorIs(t, err, drivers.ErrRange)
		require.Len(t, got, 4)
		assert.InDelta(t, 12.4, got[0].Value, 0.1)
		assert.InDelta(t, 2, got[1].Value, 0.1)
		assert.InDelta(t, 24.8, got[2].Value, 1)
		assert.Equal(t, agent.PartTemperature, got[3].Property)

		got, err = s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 6)
		assert.Equal(t, agent.Incomplete, got[4].Quality)
		assert.Equal(t, 1, resets)
	})
}

// While the shunt has more than the part can measure, its sums grow by what it can:
// they lack the rest, and say so once.
func TestObserveTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, host := bench(t)
		host.SetFault(func(op sim.Op) error {
			if op.W[0] == regShunt {
				copy(op.R, "\x7f\xff\xf0")
			}
			return op.Err
		})
		time.Sleep(time.Minute)
		_, err := s.Observe(t.Context(), nil)
		require.ErrorIs(t, err, drivers.ErrRange)
		host.SetFault(nil)
		for _, want := range []agent.Quality{agent.Incomplete, 0} {
			time.Sleep(time.Minute)
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, got, 6)
			assert.GreaterOrEqual(t, got[4].Value, 5000.0)
			assert.Equal(t, want, got[4].Quality)
			assert.Equal(t, want, got[5].Quality)
		}
		assert.InDelta(t, 2.1*3/60, s.(*sensor).totals.charge, 0.02, "what was counted stays")
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(uint32(0x0f0000), uint32(0x07d000), uint16(0x0c80), uint16(healthy), uint64(450_000), uint64(23_040_000))
	f.Fuzz(func(t *testing.T, bus, shunt uint32, temperature, flags uint16, energy, charge uint64) {
		v, err := decode(words{bus: uint64(bus & 0xffffff), shunt: uint64(shunt & 0xffffff), temperature: uint64(temperature), flags: uint64(flags)})
		if err == nil {
			assert.True(t, -0.3 <= v.volts && v.volts <= 85, v.volts)
			assert.Less(t, math.Abs(v.drop), 0.16384)
			assert.True(t, -40 <= v.celsius && v.celsius <= 125, v.celsius)
		}
		start := time.Now()
		s := totals{ohms: 0.002}
		require.NoError(t, s.add(words{energy: 450_000, charge: 23_040_000}, start))
		err = s.add(words{energy: energy & (1<<40 - 1), charge: charge & (1<<40 - 1), flags: uint64(flags)}, start.Add(time.Hour))
		assert.True(t, s.energy >= 0 && s.energy <= 85*82*1.01, s.energy)
		assert.LessOrEqual(t, math.Abs(s.charge), 82*1.01)
		assert.Equal(t, err == nil, s.counts)
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = decode(words{bus: 0x0f0000, shunt: 0x07d000, temperature: 0x0c80, flags: healthy})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x3f: false, 0x40: true, 0x4f: true, 0x50: false} {
		err := Settings{drivers.I2C{Address: address}, 0.015}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for _, ohms := range []float64{0, -0.1, math.NaN(), math.Inf(1)} {
		assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x40}, ohms}.Validate(), "shunt_ohms")
	}
	for ohms, want := range map[float64]int8{0.1: 6, 0.015: 5, 0.002: 4, 100: 9} {
		got := Settings{ShuntOhms: ohms}.Observes()
		assert.Equalf(t, want, got[1].Resolution, "current, %g ohm", ohms)
		assert.Equalf(t, want-1, got[2].Resolution, "power, %g ohm", ohms)
	}
}
